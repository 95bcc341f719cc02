#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/canary/places.h"
#include "tests/canary/places_process.h"

#define PAGE    4096u
#define BATCH   512u /* pages */
#define BITS    20
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define FILED   (1ull << 61) /* a page of a file, or shared */
#define FRAME   ((1ull << 55) - 1)

/* ---- frames seen ---- */

struct frames {
    uint64_t table[1u << BITS]; /* 0: free */
    size_t count;
};

struct frames *frames_new(void) {
    struct frames *frames = calloc(1, sizeof(*frames));
    if (frames == NULL)
        abort();
    return frames;
}

void frames_clear(struct frames *frames) {
    memset(frames, 0, sizeof(*frames));
}

/* True when it is new. A full table forgets nothing: it calls everything new. */
static bool frame_add(struct frames *frames, uint64_t frame) {
    if (frame == 0 || frames->count > COUNT_OF(frames->table) / 2)
        return true;
    size_t at = (size_t)(frame * 0x9e3779b97f4a7c15u >> (64 - BITS));
    for (; frames->table[at] != 0; at = (at + 1) % COUNT_OF(frames->table))
        if (frames->table[at] == frame)
            return false;
    frames->table[at] = frame;
    frames->count++;
    return true;
}

/* ---- memory ---- */

struct memory {
    struct scan *scan;
    pid_t pid;
    int mem, pagemap;
    uint64_t start, end; /* the mapping */
    bool of_file;        /* private, of a file: a page that was written to is the process's own */
    const char *name;
    uint8_t *buffer; /* a batch and what may hang over at both ends */
};

/* Searches pages [from, to) with as much around them as a needle may need. */
static void read_run(struct memory *m, uint64_t from, uint64_t to) {
    uint64_t first = from - m->start >= NEEDLE_MAX ? from - NEEDLE_MAX : from;
    uint64_t last = m->end - to >= NEEDLE_MAX ? to + NEEDLE_MAX : to;
    ssize_t n = pread(m->mem, m->buffer, last - first, (off_t)first);
    if (n < (ssize_t)(to - first)) { /* what is around it cannot be read */
        first = from;
        n = pread(m->mem, m->buffer, to - from, (off_t)from);
    }
    if (n <= 0)
        return;
    char place[PLACE_MAX];
    (void)snprintf(place, sizeof(place), "memory of %s: %" PRIx64 " %s", process_name(m->pid),
                   first, m->name);
    scan_bytes(m->scan, place, m->buffer, (size_t)n);
}

static void read_batch(struct memory *m, uint64_t at, const uint64_t *entries, size_t n) {
    size_t run = 0; /* new pages before this one */
    for (size_t i = 0; i <= n; i++) {
        bool there = i < n && (entries[i] & (PRESENT | SWAPPED)) != 0;
        if (there && m->of_file && (entries[i] & FILED) != 0 && !m->scan->whole) {
            m->scan->file_pages++; /* as the file has it */
            there = false;
        }
        if (there && (entries[i] & PRESENT) != 0 &&
            !frame_add(m->scan->frames, entries[i] & FRAME)) {
            m->scan->shared_pages++;
            there = false;
        }
        if (there) {
            run++;
            continue;
        }
        if (run > 0)
            read_run(m, at + (i - run) * PAGE, at + i * PAGE);
        m->scan->pages += run;
        run = 0;
    }
}

static void read_mapping(struct memory *m) {
    static uint64_t entries[BATCH];
    for (uint64_t at = m->start; at < m->end; at += BATCH * PAGE) {
        size_t want = (m->end - at) / PAGE < BATCH ? (size_t)((m->end - at) / PAGE) : BATCH;
        ssize_t got = pread(m->pagemap, entries, want * sizeof(*entries),
                            (off_t)(at / PAGE * sizeof(*entries)));
        if (got <= 0)
            return;
        read_batch(m, at, entries, (size_t)got / sizeof(*entries));
    }
}

void scan_memory(struct scan *scan, pid_t pid) {
    static uint8_t buffer[BATCH * PAGE + 2 * NEEDLE_MAX];
    char path[64], *line = NULL;
    size_t room = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    SCOPE_FD int mem = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
    SCOPE_FD int pagemap = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    while (mem >= 0 && pagemap >= 0 && maps != NULL && getline(&line, &room, maps) > 0) {
        struct memory m = {
            .scan = scan, .pid = pid, .mem = mem, .pagemap = pagemap, .buffer = buffer};
        char rights[5] = "";
        int name = 0;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n", &m.start, &m.end, rights,
                   &name) < 3)
            continue;
        line[strcspn(line, "\n")] = '\0';
        m.name = name > 0 && line[name] != '\0' ? line + name : "anonymous";
        m.of_file = rights[3] == 'p' && m.name[0] == '/';
        if (strstr(m.name, "secretmem") != NULL)
            scan->unreadable++;
        else if (strcmp(m.name, "[vsyscall]") != 0)
            read_mapping(&m);
    }
    free(line);
    if (maps != NULL)
        (void)fclose(maps);
}
