#include "gateway/bucket.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#define WAYS 8 /* entries a key may sit in */

struct bucket {
    uint8_t key[BUCKET_KEY_SIZE];
    uint64_t parts, at_ms; /* at_ms 0: never used */
};

struct buckets {
    uint8_t seed[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at a slot */
    size_t mask;
    struct bucket slots[];
};

int buckets_new(size_t capacity, struct buckets **ret) {
    size_t size = WAYS;
    while (size < capacity)
        size *= 2;
    struct buckets *buckets = calloc(1, sizeof(*buckets) + size * sizeof(buckets->slots[0]));
    if (buckets == NULL)
        return -ENOMEM;
    randombytes_buf(buckets->seed, sizeof(buckets->seed));
    buckets->mask = size - 1;
    *ret = buckets;
    return 0;
}

void buckets_free(struct buckets *buckets) {
    free(buckets);
}

static struct bucket *bucket_find(struct buckets *buckets, const uint8_t key[BUCKET_KEY_SIZE]) {
    uint64_t hash;
    static_assert(sizeof(hash) == crypto_shorthash_BYTES, "siphash");
    (void)crypto_shorthash((uint8_t *)&hash, key, BUCKET_KEY_SIZE, buckets->seed);
    struct bucket *oldest = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        struct bucket *bucket = &buckets->slots[(hash + i) & buckets->mask];
        if (bucket->at_ms != 0 && memcmp(bucket->key, key, BUCKET_KEY_SIZE) == 0)
            return bucket;
        if (oldest == NULL || bucket->at_ms < oldest->at_ms)
            oldest = bucket;
    }
    memcpy(oldest->key, key, BUCKET_KEY_SIZE);
    oldest->at_ms = 0;
    return oldest;
}

/* A token is `unit` parts; `gain` parts come every millisecond. */
static uint64_t take(struct buckets *buckets, const void *key, size_t len, uint64_t gain,
                     uint64_t unit, uint32_t burst, uint64_t now_ms) {
    uint8_t padded[BUCKET_KEY_SIZE] = {0};
    memcpy(padded, key, len < sizeof(padded) ? len : sizeof(padded));
    struct bucket *bucket = bucket_find(buckets, padded);
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
