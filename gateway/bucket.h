/* Token buckets in a table of fixed size: how often one address, or one frontend, may do something.
 * When the table is full the entry that was still longest goes, which only ever forgives. Who it is
 * about stands there as a keyed fingerprint. The table is in memory of the caller's, which may
 * outlive the process (tallies.h): times are of clock_ms(). Loop thread. */
#ifndef CLOISTER_GATEWAY_BUCKET_H
#define CLOISTER_GATEWAY_BUCKET_H

#include "ipc/base.h"

struct buckets;

/* The bytes of a table of `capacity` entries (rounded up to a power of two). */
size_t buckets_size(size_t capacity);
/* Begins with the table in `memory`, of buckets_size(capacity) bytes, aligned as malloc's. `found`:
 * it was one before, of the same capacity; what cannot be of before `now_ms` is forgotten. */
struct buckets *buckets_begin(void *memory, size_t capacity, bool found, uint64_t now_ms);

/* Takes one token of `key` (`len` bytes) from a bucket that holds `burst` and gets `rate` a second.
 * 0, or the ms until there is one again. */
uint64_t buckets_take(struct buckets *buckets, const void *key, size_t len, uint32_t rate,
                      uint32_t burst, uint64_t now_ms) MUST_CHECK;

/* The same with one token every `every_ms`. */
uint64_t buckets_take_slow(struct buckets *buckets, const void *key, size_t len, uint64_t every_ms,
                           uint32_t burst, uint64_t now_ms) MUST_CHECK;

#endif
