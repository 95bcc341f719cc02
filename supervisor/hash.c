#include "supervisor/hash.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#define FIRST_SIZE 64

static_assert(crypto_shorthash_KEYBYTES == sizeof(((struct hash *)NULL)->seed), "SipHash key");
static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "SipHash result");

int hash_init(struct hash *hash) {
    *hash = (struct hash){0};
    if (sodium_init() < 0)
        return -EIO;
    hash->buckets = calloc(FIRST_SIZE, sizeof(*hash->buckets));
    if (hash->buckets == NULL)
        return -ENOMEM;
    hash->size = FIRST_SIZE;
    crypto_shorthash_keygen(hash->seed);
    return 0;
}

void hash_done(struct hash *hash) {
    free(hash->buckets);
    *hash = (struct hash){0};
}

static uint64_t hash_of(const struct hash *hash, const void *key, size_t len) {
    uint64_t value;
    (void)crypto_shorthash((unsigned char *)&value, key, len, hash->seed);
    return value;
}

static struct hash_node *find_hashed(const struct hash *hash, uint64_t value, const void *key,
                                     size_t len) {
    struct hash_node *node = hash->buckets[value & (hash->size - 1)];
    while (node != NULL &&
           !(node->hash == value && node->len == len && memcmp(node->key, key, len) == 0))
        node = node->next;
    return node;
}

struct hash_node *hash_find(const struct hash *hash, const void *key, size_t len) {
    return find_hashed(hash, hash_of(hash, key, len), key, len);
}

static void link_node(struct hash_node **buckets, size_t size, struct hash_node *node) {
    struct hash_node **bucket = &buckets[node->hash & (size - 1)];
    node->next = *bucket;
    *bucket = node;
}

static void grow(struct hash *hash) {
    size_t size = hash->size * 2;
    struct hash_node **buckets = calloc(size, sizeof(*buckets));
    if (buckets == NULL)
        return;
    for (size_t i = 0; i < hash->size; i++)
        for (struct hash_node *node = hash->buckets[i], *next; node != NULL; node = next) {
            next = node->next;
            link_node(buckets, size, node);
        }
    free(hash->buckets);
    hash->buckets = buckets;
    hash->size = size;
}

int hash_add(struct hash *hash, struct hash_node *node, const void *key, size_t len) {
    uint64_t value = hash_of(hash, key, len);
    if (find_hashed(hash, value, key, len) != NULL)
        return -EEXIST;
    if (hash->count >= hash->size)
        grow(hash);
    *node = (struct hash_node){.hash = value, .key = key, .len = len};
    link_node(hash->buckets, hash->size, node);
    hash->count++;
    return 0;
}

void hash_remove(struct hash *hash, struct hash_node *node) {
    struct hash_node **link = &hash->buckets[node->hash & (hash->size - 1)];
    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    node->next = NULL;
    hash->count--;
}
