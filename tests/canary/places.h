/* Where the scanner looks. Each place is read and searched; what is found is reported with the
 * place's name. */
#ifndef CLOISTER_TESTS_CANARY_PLACES_H
#define CLOISTER_TESTS_CANARY_PLACES_H

#include <sys/types.h>

#include "tests/canary/search.h"

#define PLACE_MAX 512

struct scan {
    const struct search *search;
    void (*found)(void *ctx, const char *place, const struct needle *needle);
    void *ctx;
    /* What was looked at, for the report. */
    bool whole; /* pages of libraries too that nobody has written to: they are as their file has
                   them */
    size_t processes, pages, shared_pages, file_pages, files, kept_files, sockets, pipes, bytes;
    size_t unreadable; /* mappings that even root cannot read: memfd_secret */
    /* Pages of memory seen in this scan, by their frame: what processes share is searched once. */
    struct frames *frames;
    struct kept *kept;
};

/* Searches bytes that come from `place`. */
void scan_bytes(struct scan *scan, const char *place, const uint8_t *data, size_t len);

struct frames *frames_new(void);
void frames_clear(struct frames *frames);

/* A process: every present page of its memory, whatever its protection; environment, arguments,
 * auxiliary vector, thread names; files that it has open and nobody else can name; what waits in
 * its sockets and pipes. A process that ends meanwhile is no error: what it held is gone. */
void scan_process(struct scan *scan, pid_t pid);
/* `pid` and all below it, in that order; how many there are. */
size_t process_tree(pid_t pid, pid_t *out, size_t room);

/* A file, or everything below a folder that `skip` (NULL-ended) does not name; their names too.
 * Large files that nobody has written to since the last scan are not read again, unless `kept` is
 * NULL. */
void scan_files(struct scan *scan, const char *path, const char *const *skip);
/* One open file, from its beginning. */
void scan_fd(struct scan *scan, const char *place, int fd);

#endif
