/* HTTP strictness: one request head, judged from its raw bytes. What another parser,
 * a proxy's in front of us, could read differently is refused here: bare line feeds, folded lines,
 * blanks before a colon, several or odd lengths, any transfer coding, several Hosts, strange
 * targets.
 *
 * Pure: no state, no allocation, no logging. Slices point into the caller's bytes. */
#ifndef CLOISTER_GATEWAY_STRICT_H
#define CLOISTER_GATEWAY_STRICT_H

#include <string.h>
#include <strings.h>

#include "ipc/base.h"

#define STRICT_HEAD_MAX    16384u /* bytes of request line and headers */
#define STRICT_LINE_MAX    8192u  /* bytes of the request line */
#define STRICT_HEADERS_MAX 64u

struct slice {
    const char *at;
    size_t len;
};

struct strict_header {
    struct slice name, value; /* value without the blanks around it */
};

struct strict_head {
    struct slice method, path, query; /* query without '?'; len 0 when absent */
    unsigned minor;                   /* HTTP/1.<minor> */
    size_t head_len;                  /* bytes up to and with the empty line */
    uint64_t content_length;          /* 0 when absent */
    bool has_length, expect_continue;
    struct strict_header headers[STRICT_HEADERS_MAX];
    size_t header_count;
};

/* Why a head is refused; static. */
struct strict_fault {
    unsigned status;
    const char *code, *detail;
};

enum strict_verdict { STRICT_MORE, STRICT_OK, STRICT_BAD };

/* Judges the first `len` bytes of a connection. STRICT_MORE: well-formed so far, the head is not
 * all there. STRICT_OK fills *ret. STRICT_BAD sets *ret_fault. */
enum strict_verdict strict_parse(const char *bytes, size_t len, struct strict_head *ret,
                                 const struct strict_fault **ret_fault) MUST_CHECK;

/* The header's value, or NULL. For the names that may come once only (strict.c lists them) it is
 * the only one. */
const struct slice *strict_find(const struct strict_head *head, const char *name);

/* Inline, so that the length of a word of ours is known when this is compiled. */
static inline bool slice_is(struct slice slice, const char *text) { /* exact */
    return slice.len == strlen(text) && memcmp(slice.at, text, slice.len) == 0;
}
static inline bool slice_is_nocase(struct slice slice, const char *text) { /* ASCII alone */
    return slice.len == strlen(text) && strncasecmp(slice.at, text, slice.len) == 0;
}
/* A NUL-terminated copy to free, or NULL. */
char *slice_dup(struct slice slice);

#endif
