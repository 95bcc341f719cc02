#include "supervisor/ctl_frontend_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "gateway/frontend_file.h"

#define LOCK_NAME    ".lock" /* no NAME.conf: the gateway does not look at it */
#define LOCK_WAIT_MS 5000
#define LOCK_STEP_US 20000

/* A file of its own: the directory itself may be locked by whoever may read it, the gateway too. */
static int take_lock(struct frontend_dir *dir) {
    dir->lock = openat(dir->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (dir->lock < 0)
        return -errno;
    uint64_t end = clock_ms() + LOCK_WAIT_MS;
    while (flock(dir->lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (clock_ms() >= end)
            return -EBUSY;
        (void)usleep(LOCK_STEP_US);
    }
    return 0;
}

int frontend_dir_open(const char *path, bool write, bool make, struct frontend_dir *ret) {
    *ret = (struct frontend_dir){-1, -1};
    ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret->fd < 0 && errno == ENOENT && make) {
        if (mkdir(path, 0755) < 0)
            return -errno;
        ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (ret->fd >= 0 && fchmod(ret->fd, 0755) < 0) /* whatever the umask */
            return -errno;
    }
    if (ret->fd < 0)
        return -errno;
    return write ? take_lock(ret) : 0;
}

void frontend_dir_close(struct frontend_dir *dir) {
    if (dir->lock >= 0)
        (void)close(dir->lock);
    if (dir->fd >= 0)
        (void)close(dir->fd);
    *dir = (struct frontend_dir){-1, -1};
}

static int file_name(const char *prefix, const char *name, const char *suffix,
                     char out[static NAME_MAX + 1]) {
    int n = snprintf(out, NAME_MAX + 1, "%s%s%s", prefix, name, suffix);
    return n < 0 || n > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int read_all(int fd, char *out, size_t cap) {
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, out + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
        if (len == cap)
            return -EFBIG;
    }
    out[len] = '\0';
    return strlen(out) == len ? 0 : -EILSEQ;
}

int frontend_dir_read(const struct frontend_dir *dir, const char *name, char **ret) {
    char file[NAME_MAX + 1];
    struct stat st;
    int r = file_name("", name, FRONTEND_SUFFIX, file);
    if (r < 0)
        return r;
    SCOPE_FD int fd = openat(dir->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    SCOPE_FREE char *text = malloc(FRONTEND_FILE_MAX + 1);
    if (text == NULL)
        return -ENOMEM;
    r = read_all(fd, text, FRONTEND_FILE_MAX + 1);
    if (r < 0)
        return r;
    *ret = take_ptr(text);
    return 0;
}

/* A new file is its maker's and readable by everybody: by the gateway, which looks for its key, and
 * by cloisterd, which looks for its budget. It holds no secret, a hash of 256 random bits. */
static int make_readable(int fd, const struct stat *before) {
    if (before != NULL)
        return fchown(fd, before->st_uid, before->st_gid) == 0
                   ? (fchmod(fd, before->st_mode & 07777) < 0 ? -errno : 0)
                   : (fchmod(fd, (before->st_mode & 07777) | 0444) < 0 ? -errno : 0);
    return fchmod(fd, 0644) < 0 ? -errno : 0;
}

/* The new file's content under a name that nobody looks at; the lock makes it ours alone. */
static int write_part(const struct frontend_dir *dir, const char *part, const char *text,
                      const struct stat *before) {
    if (unlinkat(dir->fd, part, 0) < 0 && errno != ENOENT) /* of one that was killed */
        return -errno;
    SCOPE_FD int fd =
        openat(dir->fd, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, text, strlen(text));
    if (r == 0)
        r = make_readable(fd, before);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    return r;
}

int frontend_dir_write(const struct frontend_dir *dir, const char *name, const char *text,
                       bool fresh) {
    char file[NAME_MAX + 1], part[NAME_MAX + 1];
    struct stat st;
    int r = file_name("", name, FRONTEND_SUFFIX, file);
    if (r == 0)
        r = file_name(".", name, FRONTEND_SUFFIX ".part", part);
    if (r < 0)
        return r;
    if (!fresh && fstatat(dir->fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    r = write_part(dir, part, text, fresh ? NULL : &st);
    if (r == 0 && renameat2(dir->fd, part, dir->fd, file, fresh ? RENAME_NOREPLACE : 0) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(dir->fd, part, 0);
    else if (fsync(dir->fd) < 0)
        r = -errno;
    return r;
}

int frontend_dir_remove(const struct frontend_dir *dir, const char *name) {
    char file[NAME_MAX + 1];
    int r = file_name("", name, FRONTEND_SUFFIX, file);
    if (r < 0)
        return r;
    if (unlinkat(dir->fd, file, 0) < 0)
        return -errno;
    return fsync(dir->fd) < 0 ? -errno : 0;
}

static int is_frontend(const struct dirent *entry) {
    size_t len = strlen(entry->d_name), tail = strlen(FRONTEND_SUFFIX);
    return entry->d_name[0] != '.' && len > tail &&
           strcmp(entry->d_name + len - tail, FRONTEND_SUFFIX) == 0;
}

int frontend_dir_names(const struct frontend_dir *dir, char ***ret, size_t *ret_n) {
    struct dirent **entries = NULL;
    int n = scandirat(dir->fd, ".", &entries, is_frontend, alphasort);
    if (n < 0)
        return -errno;
    char **names = calloc((size_t)n + 1, sizeof(*names));
    for (int i = 0; i < n; i++) {
        if (names != NULL)
            names[i] =
                strndup(entries[i]->d_name, strlen(entries[i]->d_name) - strlen(FRONTEND_SUFFIX));
        free(entries[i]);
    }
    free(entries);
    if (names == NULL)
        return -ENOMEM;
    *ret = names;
    *ret_n = (size_t)n;
    return 0;
}

/* ---- a file for the key ---- */

static int secret_part(const char *path, char out[static PATH_MAX]) {
    int n = snprintf(out, PATH_MAX, "%s.part", path);
    return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int frontend_secret_write(const char *path, const char *text) {
    char part[PATH_MAX];
    int r = secret_part(path, part);
    if (r < 0)
        return r;
    SCOPE_FD int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    r = write_all(fd, text, strlen(text));
    if (r == 0)
        r = write_all(fd, "\n", 1);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(part);
    return r;
}

int frontend_secret_place(const char *path) {
    char part[PATH_MAX];
    int r = secret_part(path, part);
    return r < 0 ? r : rename(part, path) < 0 ? -errno : 0;
}

void frontend_secret_drop(const char *path) {
    char part[PATH_MAX];
    if (secret_part(path, part) == 0)
        (void)unlink(part);
}
