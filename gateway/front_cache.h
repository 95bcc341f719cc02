/* Public answers of cloister-business that are still good, by operation and arguments. Everything
 * is dropped when a profile changes; what was asked before that is not kept when it comes after it.
 * Bounded in number, bytes and age; the longest unused goes first, and past the half of them an
 * answer is kept when it comes a second time: whoever asks a thousand things once drives nothing
 * out. Loop thread. */
#ifndef CLOISTER_GATEWAY_FRONT_CACHE_H
#define CLOISTER_GATEWAY_FRONT_CACHE_H

#include <limits.h>

#include "ipc/base.h"

struct front_cache;

int front_cache_new(size_t entries, size_t bytes, uint64_t ms, struct front_cache **ret) MUST_CHECK;
void front_cache_free(struct front_cache *cache);
void front_cache_clear(struct front_cache *cache);
/* Changes with every front_cache_clear. */
uint64_t front_cache_generation(const struct front_cache *cache);
/* What is kept, valid until the next call that changes the cache; NULL: nothing. */
#define FRONT_UNCOUNTED UINT_MAX
struct front_kept {
    unsigned status, results; /* results: for the log; FRONT_UNCOUNTED at first */
    const char *result;
    char *made;      /* what a handler made of it, to be found again; NULL: nothing yet */
    size_t made_len; /* without the NUL */
};
struct front_kept *front_cache_get(struct front_cache *cache, const char *key);
/* Keeps what a handler made of it, if there is room: `made` is copied. */
void front_cache_made(struct front_cache *cache, struct front_kept *kept, const char *made,
                      size_t len);
/* Keeps a copy, unless `generation` is past. */
void front_cache_put(struct front_cache *cache, const char *key, uint64_t generation,
                     unsigned status, const char *result);

/* How many entries a result's list has, for the operational log: 1 where there is none. */
unsigned front_results(const char *result);

#endif
