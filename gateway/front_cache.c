#include "gateway/front_cache.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>
#include <sys/queue.h>

#define TABLE     4096 /* lists */
#define SEEN      4096
#define ENTRY_MAX (128u << 10) /* bytes of one answer that is kept */

struct entry {
    LIST_ENTRY(entry) next;
    TAILQ_ENTRY(entry) used; /* longest unused first */
    uint64_t until;
    size_t bytes;
    char *key, *result;
    struct front_kept kept;
};
LIST_HEAD(entry_list, entry);

struct front_cache {
    struct entry_list table[TABLE];
    TAILQ_HEAD(used_list, entry) used;
    size_t count, bytes, most, most_bytes;
    uint64_t ms, generation;
    uint8_t seed[crypto_shorthash_KEYBYTES]; /* callers choose keys: not where they meet */
    uint64_t seen[SEEN]; /* hashes of what was asked once while there was little room */
};

int front_cache_new(size_t entries, size_t bytes, uint64_t ms, struct front_cache **ret) {
    struct front_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return -ENOMEM;
    TAILQ_INIT(&cache->used);
    cache->most = entries;
    cache->most_bytes = bytes;
    cache->ms = ms;
    randombytes_buf(cache->seed, sizeof(cache->seed));
    *ret = cache;
    return 0;
}

static void entry_free(struct front_cache *cache, struct entry *entry) {
    LIST_REMOVE(entry, next);
    TAILQ_REMOVE(&cache->used, entry, used);
    cache->count--;
    cache->bytes -= entry->bytes;
    free(entry->key);
    free(entry->result);
    free(entry->kept.made);
    free(entry);
}

void front_cache_clear(struct front_cache *cache) {
    struct entry *entry;
    if (cache == NULL)
        return;
    cache->generation++;
    while ((entry = TAILQ_FIRST(&cache->used)) != NULL)
        entry_free(cache, entry);
}

void front_cache_free(struct front_cache *cache) {
    front_cache_clear(cache);
    free(cache);
}

uint64_t front_cache_generation(const struct front_cache *cache) {
    return cache->generation;
}

static uint64_t hash_of(const struct front_cache *cache, const char *key) {
    uint64_t hash;
    (void)crypto_shorthash((uint8_t *)&hash, (const uint8_t *)key, strlen(key), cache->seed);
    return hash;
}

/* Most searches are never asked again: once it is half full, what is asked a second time is kept.
 */
static bool worth_keeping(struct front_cache *cache, uint64_t hash) {
    uint64_t *seen = &cache->seen[hash / TABLE % SEEN];
    bool again = *seen == hash;
    *seen = hash;
    return again || (cache->bytes < cache->most_bytes / 2 && cache->count < cache->most / 2);
}

static struct entry *find(struct front_cache *cache, const char *key) {
    struct entry *entry;
    LIST_FOREACH(entry, &cache->table[hash_of(cache, key) % TABLE], next)
    if (strcmp(entry->key, key) == 0)
        return entry;
    return NULL;
}

struct front_kept *front_cache_get(struct front_cache *cache, const char *key) {
    struct entry *entry = find(cache, key);
    if (entry == NULL)
        return NULL;
    if (entry->until < clock_ms()) {
        entry_free(cache, entry);
        return NULL;
    }
    TAILQ_REMOVE(&cache->used, entry, used);
    TAILQ_INSERT_TAIL(&cache->used, entry, used);
    return &entry->kept;
}

void front_cache_made(struct front_cache *cache, struct front_kept *kept, const char *made,
                      size_t len) {
    struct entry *entry = (struct entry *)((char *)kept - offsetof(struct entry, kept));
    if (kept->made != NULL || cache->bytes + len > cache->most_bytes)
        return;
    kept->made = strndup(made, len);
    if (kept->made == NULL)
        return;
    kept->made_len = len;
    entry->bytes += len;
    cache->bytes += len;
}

void front_cache_put(struct front_cache *cache, const char *key, uint64_t generation,
                     unsigned status, const char *result) {
    size_t key_len = strlen(key), len = strlen(result);
    uint64_t hash = hash_of(cache, key);
    if (generation != cache->generation || len > ENTRY_MAX || find(cache, key) != NULL ||
        !worth_keeping(cache, hash))
        return;
    struct entry *entry = calloc(1, sizeof(*entry));
    char *key_copy = strdup(key), *copy = strdup(result);
    if (entry == NULL || key_copy == NULL || copy == NULL) {
        free(entry);
        free(key_copy);
        free(copy);
        return;
    }
    *entry = (struct entry){.until = clock_ms() + cache->ms,
                            .bytes = sizeof(*entry) + key_len + len,
                            .key = key_copy,
                            .result = copy,
                            .kept = {status, FRONT_UNCOUNTED, copy, NULL, 0}};
    LIST_INSERT_HEAD(&cache->table[hash % TABLE], entry, next);
    TAILQ_INSERT_TAIL(&cache->used, entry, used);
    cache->count++;
    cache->bytes += entry->bytes;
    while (cache->count > cache->most || cache->bytes > cache->most_bytes)
        entry_free(cache, TAILQ_FIRST(&cache->used));
}

unsigned front_results(const char *result) {
    json_t *object = json_loads(result, 0, NULL);
    const char *name;
    json_t *member;
    size_t n = 1;
    json_object_foreach(object, name, member) {
        if (json_is_array(member)) {
            n = json_array_size(member);
            if (strcmp(name, "businesses") == 0 || strcmp(name, "results") == 0)
                break;
        }
    }
    json_decref(object);
    return (unsigned)n;
}
