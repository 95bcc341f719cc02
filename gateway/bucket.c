#include "gateway/bucket.h"

#include <sodium.h>
#include <string.h>

#define WAYS 8 /* entries a key may sit in */

struct bucket {
    uint8_t key[crypto_shorthash_siphashx24_BYTES];
    uint64_t parts, at_ms; /* at_ms 0: never used */
};

struct buckets {
    uint8_t seed[crypto_shorthash_siphashx24_KEYBYTES]; /* nobody can aim at a slot */
    size_t mask;
    struct bucket slots[];
};

static size_t entries(size_t capacity) {
    size_t size = WAYS;
    while (size < capacity)
        size *= 2;
    return size;
}

size_t buckets_size(size_t capacity) {
    return sizeof(struct buckets) + entries(capacity) * sizeof(struct bucket);
}

struct buckets *buckets_begin(void *memory, size_t capacity, bool found, uint64_t now_ms) {
    struct buckets *buckets = memory;
    buckets->mask = entries(capacity) - 1;
    if (!found)
        randombytes_buf(buckets->seed, sizeof(buckets->seed));
    for (size_t i = 0; found && i <= buckets->mask; i++)
        if (buckets->slots[i].at_ms > now_ms)
            buckets->slots[i].at_ms = 0;
    return buckets;
}

static struct bucket *bucket_find(struct buckets *buckets, const void *key, size_t len) {
    uint8_t print[crypto_shorthash_siphashx24_BYTES];
    uint64_t place;
    (void)crypto_shorthash_siphashx24(print, key, len, buckets->seed);
    memcpy(&place, print, sizeof(place));
    struct bucket *oldest = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        struct bucket *bucket = &buckets->slots[(place + i) & buckets->mask];
        if (bucket->at_ms != 0 && memcmp(bucket->key, print, sizeof(print)) == 0)
            return bucket;
        if (oldest == NULL || bucket->at_ms < oldest->at_ms)
            oldest = bucket;
    }
    memcpy(oldest->key, print, sizeof(print));
    oldest->at_ms = 0;
    return oldest;
}

/* A token is `unit` parts; `gain` parts come every millisecond. */
static uint64_t take(struct buckets *buckets, const void *key, size_t len, uint64_t gain,
                     uint64_t unit, uint32_t burst, uint64_t now_ms) {
    struct bucket *bucket = bucket_find(buckets, key, len);
    uint64_t full = burst * unit;
    if (bucket->at_ms == 0)
        bucket->parts = full;
    else if (now_ms > bucket->at_ms)
        bucket->parts += (now_ms - bucket->at_ms) * gain;
    if (bucket->parts > full)
        bucket->parts = full;
    bucket->at_ms = now_ms > 0 ? now_ms : 1;
    if (bucket->parts >= unit) {
        bucket->parts -= unit;
        return 0;
    }
    return gain == 0 ? 60000 : (unit - bucket->parts + gain - 1) / gain;
}

uint64_t buckets_take(struct buckets *buckets, const void *key, size_t len, uint32_t rate,
                      uint32_t burst, uint64_t now_ms) {
    return take(buckets, key, len, rate, 1000, burst, now_ms);
}

uint64_t buckets_take_slow(struct buckets *buckets, const void *key, size_t len, uint64_t every_ms,
                           uint32_t burst, uint64_t now_ms) {
    return take(buckets, key, len, 1, every_ms, burst, now_ms);
}
