#include "business/cache.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

#define ROWS        4096
#define SEEN        2048
#define ENTRY_SHARE 8 /* one answer takes at most this part of all */

struct entry {
    LIST_ENTRY(entry) row;
    TAILQ_ENTRY(entry) used; /* first: the longest unused */
    size_t bytes;
    int64_t results;
    const char *json; /* behind the key */
    char key[];
};

struct cache {
    uint8_t seed[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at a row */
    size_t bytes, max_bytes;
    uint64_t generation;
    bool trusted;
    TAILQ_HEAD(used_list, entry) used;
    LIST_HEAD(, entry) rows[ROWS];
    uint64_t seen[SEEN]; /* hashes of what was asked once while there was little room */
};

static uint64_t hash_of(const struct cache *cache, const char *key) {
    uint64_t hash;
    (void)crypto_shorthash((uint8_t *)&hash, (const uint8_t *)key, strlen(key), cache->seed);
    return hash;
}

/* Most searches are never asked again: once it is half full, what is asked a second time is kept.
 */
static bool worth_keeping(struct cache *cache, uint64_t hash) {
    uint64_t *seen = &cache->seen[hash / ROWS % SEEN];
    bool again = *seen == hash;
    *seen = hash;
    return again || cache->bytes < cache->max_bytes / 2;
}

static void drop(struct cache *cache, struct entry *entry) {
    LIST_REMOVE(entry, row);
    TAILQ_REMOVE(&cache->used, entry, used);
    cache->bytes -= entry->bytes;
    free(entry);
}

static struct entry *find(struct cache *cache, const char *key) {
    struct entry *entry;
    LIST_FOREACH(entry, &cache->rows[hash_of(cache, key) % ROWS], row)
    if (strcmp(entry->key, key) == 0)
        return entry;
    return NULL;
}

void cache_changed(struct cache *cache) {
    cache->generation++;
    while (!TAILQ_EMPTY(&cache->used))
        drop(cache, TAILQ_FIRST(&cache->used));
}

void cache_trust(struct cache *cache, bool heard) {
    cache->trusted = heard;
    cache_changed(cache);
}

uint64_t cache_generation(const struct cache *cache) {
    return cache->generation;
}

const char *cache_get(struct cache *cache, const char *key, int64_t *ret_results) {
    struct entry *entry = cache->trusted ? find(cache, key) : NULL;
    if (entry == NULL)
        return NULL;
    TAILQ_REMOVE(&cache->used, entry, used);
    TAILQ_INSERT_TAIL(&cache->used, entry, used);
    *ret_results = entry->results;
    return entry->json;
}

void cache_put(struct cache *cache, const char *key, uint64_t generation, const char *json,
               int64_t results) {
    size_t key_len = strlen(key) + 1, json_len = strlen(json) + 1;
    size_t bytes = sizeof(struct entry) + key_len + json_len;
    uint64_t hash = hash_of(cache, key);
    if (!cache->trusted || generation != cache->generation ||
        bytes > cache->max_bytes / ENTRY_SHARE || find(cache, key) != NULL ||
        !worth_keeping(cache, hash))
        return;
    struct entry *entry = malloc(bytes);
    if (entry == NULL)
        return;
    memcpy(entry->key, key, key_len);
    memcpy(entry->key + key_len, json, json_len);
    entry->json = entry->key + key_len;
    entry->bytes = bytes;
    entry->results = results;
    LIST_INSERT_HEAD(&cache->rows[hash % ROWS], entry, row);
    TAILQ_INSERT_TAIL(&cache->used, entry, used);
    cache->bytes += bytes;
    while (cache->bytes > cache->max_bytes)
        drop(cache, TAILQ_FIRST(&cache->used));
}

size_t cache_bytes(const struct cache *cache) {
    return cache->bytes;
}

int cache_new(size_t max_bytes, struct cache **ret) {
    struct cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return -ENOMEM;
    cache->max_bytes = max_bytes;
    randombytes_buf(cache->seed, sizeof(cache->seed));
    TAILQ_INIT(&cache->used);
    *ret = cache;
    return 0;
}

void cache_free(struct cache *cache) {
    if (cache == NULL)
        return;
    cache_changed(cache);
    free(cache);
}
