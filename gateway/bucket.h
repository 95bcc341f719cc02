/* Token buckets in a table of fixed size: how often one address, or one frontend, may do something.
 * When the table is full the entry that was still longest goes, which only ever forgives. Loop
 * thread. */
#ifndef CLOISTER_GATEWAY_BUCKET_H
#define CLOISTER_GATEWAY_BUCKET_H

#include "ipc/base.h"

#define BUCKET_KEY_SIZE 32

struct buckets;

/* `capacity` entries (rounded up to a power of two). 0 or -ENOMEM. */
int buckets_new(size_t capacity, struct buckets **ret) MUST_CHECK;
void buckets_free(struct buckets *buckets);

/* Takes one token of `key` (`len` bytes, cut at BUCKET_KEY_SIZE) from a bucket that holds `burst`
 * and gets `rate` a second. 0, or the ms until there is one again. */
uint64_t buckets_take(struct buckets *buckets, const void *key, size_t len, uint32_t rate,
                      uint32_t burst, uint64_t now_ms) MUST_CHECK;

/* The same with one token every `every_ms`. */
uint64_t buckets_take_slow(struct buckets *buckets, const void *key, size_t len, uint64_t every_ms,
                           uint32_t burst, uint64_t now_ms) MUST_CHECK;

#endif
