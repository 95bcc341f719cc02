/* Small helpers that every program shares: scoped cleanup, checked numbers, time, encodings, files.
 * Nothing here logs; failures come back as negative errno. Safe in any process, single thread or
 * many, unless a function says otherwise. */
#ifndef CLOISTER_IPC_BASE_H
#define CLOISTER_IPC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NORETURN          __attribute__((noreturn))
#define COUNT_OF(a)       (sizeof(a) / sizeof((a)[0]))

/* Cleanup at the end of scope; take_ptr and take_fd move the value out first. */
static inline void scope_free_fn(void *p) {
    free(*(void **)p);
}
static inline void scope_fd_fn(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
}
#define SCOPE_FREE __attribute__((cleanup(scope_free_fn)))
#define SCOPE_FD   __attribute__((cleanup(scope_fd_fn)))
#define take_ptr(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })
static inline int take_fd(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* Monotonic and wall-clock milliseconds; monotonic microseconds. */
uint64_t clock_ms(void);
uint64_t clock_us(void);
int64_t wall_ms(void);

/* Parses the whole of `text` as a decimal number within [min, max]; no sign, no blanks.
 * Returns 0, -EINVAL or -ERANGE; *ret is untouched on failure. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret) MUST_CHECK;
/* The decimal number that `text` begins with, behind blanks at most: what follows it, or NULL when
 * none stands there, or one too large. For what the kernel writes. */
const char *number_read(const char *text, uint64_t *ret) MUST_CHECK;

/* Opaque ids: 128 random bits as 32 lowercase hex digits and a NUL. The only failure of the
 * kernel's generator is fatal, so this cannot fail. */
#define ID_LEN 32
void id_random(char out[static ID_LEN + 1]);
/* The same, but the kernel is asked for many at once: for names of things, not for secrets, in
 * programs with one thread that never fork (a child would give its parent's). */
void id_random_named(char out[static ID_LEN + 1]);
bool id_valid(const char *text);

/* Lowercase hex; `out` holds 2*len+1 bytes. */
void hex_encode(const uint8_t *data, size_t len, char *out);
/* Decodes exactly `len` bytes from 2*len hex digits. 0 or -EINVAL. */
int hex_decode(const char *text, uint8_t *out, size_t len) MUST_CHECK;

/* RFC 4648 section 5 without padding; `out` holds BASE64URL_SIZE(len) bytes. */
#define BASE64URL_SIZE(len) (((len) + 2) / 3 * 4 + 1)
void base64url_encode(const uint8_t *data, size_t len, char *out);
/* Returns the decoded length, or -EINVAL / -ENOSPC. */
ssize_t base64url_decode(const char *text, size_t text_len, uint8_t *out, size_t cap) MUST_CHECK;

/* RFC 3629: true when the `len` bytes are well-formed UTF-8 without NUL. */
bool utf8_valid(const char *text, size_t len);
/* The same, without control characters below U+0020 as well. */
bool utf8_line(const char *text, size_t len);
/* Nothing that can be seen: blanks, line ends, control characters and Unicode's invisible ones.
 * Model providers refuse such text. What is not UTF-8 is not blank. */
bool text_blank(const char *text);

/* Reads a whole file of at most `cap` bytes into `out`. Returns the length, -EFBIG when it is
 * longer, or the errno of open or read. Keeps nothing of the content elsewhere. */
ssize_t file_read(const char *path, uint8_t *out, size_t cap) MUST_CHECK;

/* Writes all bytes or returns -errno; retries on EINTR. */
int write_all(int fd, const void *data, size_t len) MUST_CHECK;

/* O_NONBLOCK on. 0 or -errno. */
int fd_nonblock(int fd) MUST_CHECK;

/* Closes every descriptor but stdio and the `n` listed ones (any order). For use before the loop,
 * or right after a fork in a single-threaded process. 0 or -errno. */
int fds_close_except(const int *keep, size_t n) MUST_CHECK;

/* Doubling delay with full jitter: attempt 0 waits within (base/2, base], capped at `max_ms`. */
uint64_t backoff_ms(unsigned attempt, uint64_t base_ms, uint64_t max_ms);

#endif
