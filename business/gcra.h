/* Token buckets that are one number each: when the bucket will be full again (GCRA, ITU-T I.371).
 * Wall clock, so that they mean the same after a restart. A table of fixed size; when a key's place
 * is taken by others the one that is full soonest goes, which only ever forgives. Pure. */
#ifndef CLOISTER_BUSINESS_GCRA_H
#define CLOISTER_BUSINESS_GCRA_H

#include "ipc/base.h"

#define GCRA_KEY_LEN 16

struct gcra;
struct gcra_entry {
    uint8_t key[GCRA_KEY_LEN];
    uint64_t full_at_ms; /* 0: no entry */
    bool changed;        /* since gcra_next saw it */
};

/* The bytes of a table, and its beginning in memory of the caller's, which is aligned as malloc's;
 * `found`: it was one before, of the same capacity. */
size_t gcra_size(size_t capacity);
struct gcra *gcra_begin(void *memory, size_t capacity, bool found);
int gcra_new(size_t capacity, struct gcra **ret) MUST_CHECK;
void gcra_free(struct gcra *gcra);

/* How long until a token may be taken from a bucket of `burst` tokens that gets one every
 * `every_us`; 0: now. Takes nothing. One that owes more than it can is from before the clock was
 * set back: it has its last token, and goes on from there. */
uint64_t gcra_wait(struct gcra *gcra, const uint8_t key[static GCRA_KEY_LEN], uint64_t every_us,
                   uint32_t burst, uint64_t now_ms);
void gcra_take(struct gcra *gcra, const uint8_t key[static GCRA_KEY_LEN], uint64_t every_us,
               uint64_t now_ms);
/* Undoes one gcra_take: what it was taken for came to nothing. */
void gcra_give(struct gcra *gcra, const uint8_t key[static GCRA_KEY_LEN], uint64_t every_us);
/* What was kept of an earlier time. Never empties a bucket's debt that is known here. */
void gcra_put(struct gcra *gcra, const uint8_t key[static GCRA_KEY_LEN], uint64_t full_at_ms);
/* The next changed entry at or after *at, which moves on; NULL: no more. It counts as unchanged
 * from now on. */
const struct gcra_entry *gcra_next(struct gcra *gcra, size_t *at);

#endif
