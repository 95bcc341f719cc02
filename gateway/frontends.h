/* The chat frontends that may call: one NAME.conf each in gateway.frontends_dir.
 *
 *   key_sha256 = 64 hex digits        of the key the frontend sends; up to two, so that keys can be
 *                                     changed without a gap
 *   return_to = https://…             where browsers may be sent back to; repeat for more
 *   return_to = loopback              any http address on the browser's own machine (127.0.0.1,
 * [::1], localhost), any port and path: for programs without a server requests_per_second = N,
 * burst = N
 *
 * Loop thread. */
#ifndef CLOISTER_GATEWAY_FRONTENDS_H
#define CLOISTER_GATEWAY_FRONTENDS_H

#include "ipc/base.h"

#define FRONTEND_NAME_MAX    64
#define FRONTENDS_MAX        256
#define FRONTEND_KEYS_MAX    2
#define FRONTEND_RETURNS_MAX 32

struct frontends;

struct frontend {
    char name[FRONTEND_NAME_MAX + 1]; /* the file's name without .conf */
    uint8_t key_sha256[FRONTEND_KEYS_MAX][32];
    size_t keys;
    char *return_to[FRONTEND_RETURNS_MAX];
    size_t returns;
    uint32_t rate, burst;
};

/* Reads the directory. A file that cannot be used is left out and reported through `report` (static
 * sentence, file name), the others hold. 0 or -errno when the directory cannot be read. */
typedef void frontends_report(const char *name, const char *why);
int frontends_load(const char *dir, frontends_report *report, struct frontends **ret) MUST_CHECK;
void frontends_free(struct frontends *frontends);
size_t frontends_count(const struct frontends *frontends);

/* A number that changes when a file in `dir` was added, removed, renamed or written; 0 when `dir`
 * cannot be read. */
uint64_t frontends_stamp(const char *dir);

/* Whose key this is, or NULL. Compares every key, in constant time each. */
const struct frontend *frontends_by_key(const struct frontends *frontends, const char *key,
                                        size_t len);
const struct frontend *frontends_by_name(const struct frontends *frontends, const char *name);
/* Exact match with one of its return_to lines, or loopback where a line allows that. */
bool frontend_may_return(const struct frontend *frontend, const char *url);

#endif
