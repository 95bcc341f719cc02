#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ipc/base.h"
#include "tests/canary/places_files.h"

#define BLOCK (1u << 20)
#define LARGE 4096 /* bytes */
#define KEPT  4096

/* A large file as it was when last searched. */
struct kept {
    struct {
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec changed;
    } files[KEPT];
    size_t count;
};

struct kept *kept_new(void) {
    struct kept *kept = calloc(1, sizeof(*kept));
    if (kept == NULL)
        abort();
    return kept;
}

/* True when it need not be read again: nobody has changed it since, and what is looked for is
 * younger than that. A file that was changed within the last two seconds is not kept: a clock's
 * tick may hide a second change. */
static bool unchanged(struct kept *kept, const struct stat *st) {
    if (kept == NULL || st->st_size < LARGE)
        return false;
    size_t i = 0;
    while (i < kept->count &&
           (kept->files[i].dev != st->st_dev || kept->files[i].ino != st->st_ino))
        i++;
    if (i < kept->count && kept->files[i].size == st->st_size &&
        kept->files[i].changed.tv_sec == st->st_ctim.tv_sec &&
        kept->files[i].changed.tv_nsec == st->st_ctim.tv_nsec)
        return true;
    if (i == KEPT)
        return false;
    if (i == kept->count)
        kept->count++;
    kept->files[i].dev = st->st_dev;
    kept->files[i].ino = st->st_ino;
    kept->files[i].size = wall_ms() / 1000 - st->st_ctim.tv_sec > 2 ? st->st_size : -1;
    kept->files[i].changed = st->st_ctim;
    return false;
}

void scan_fd(struct scan *scan, const char *place, int fd) {
    static uint8_t buffer[NEEDLE_MAX + BLOCK];
    size_t over = 0; /* of the block before */
    off_t at = 0;
    for (ssize_t n; (n = pread(fd, buffer + over, BLOCK, at)) > 0; at += n) {
        size_t len = over + (size_t)n;
        scan_bytes(scan, place, buffer, len);
        over = len < NEEDLE_MAX ? len : NEEDLE_MAX;
        memmove(buffer, buffer + len - over, over);
    }
}

static void scan_file(struct scan *scan, const char *path) {
    struct stat st;
    SCOPE_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    scan->files++;
    if (unchanged(scan->kept, &st))
        scan->kept_files++;
    else
        scan_fd(scan, path, fd);
}

static bool skipped(const char *path, const char *const *skip) {
    for (; *skip != NULL; skip++)
        if (strcmp(path, *skip) == 0)
            return true;
    return false;
}

void scan_files(struct scan *scan, const char *path, const char *const *skip) {
    char *copy = strdup(path), *const paths[] = {copy, NULL};
    FTS *fts = copy != NULL ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
    for (FTSENT *e; fts != NULL && (e = fts_read(fts)) != NULL;) {
        if (skipped(e->fts_path, skip)) {
            (void)fts_set(fts, e, FTS_SKIP);
            continue;
        }
        if (e->fts_info == FTS_DP)
            continue;
        char place[PLACE_MAX];
        (void)snprintf(place, sizeof(place), "the name of %s", e->fts_path);
        scan_bytes(scan, place, (const uint8_t *)e->fts_name, strlen(e->fts_name));
        if (e->fts_info == FTS_F || e->fts_info == FTS_DEFAULT)
            scan_file(scan, e->fts_path);
    }
    if (fts != NULL)
        (void)fts_close(fts);
    free(copy);
}
