/* A chained hash table of nodes that live inside their owners. Keys are bytes that the owner keeps
 * in place while the node is in the table; hashed with SipHash under a random key, since some keys
 * are chosen by callers. Looking up costs the same however many nodes there are. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_HASH_H
#define CLOISTER_SUPERVISOR_HASH_H

#include "ipc/base.h"

struct hash_node {
    struct hash_node *next;
    uint64_t hash;
    const void *key;
    size_t len;
};

struct hash {
    struct hash_node **buckets;
    size_t size, count; /* size is a power of two */
    uint8_t seed[16];
};

/* 0, -ENOMEM or -EIO (no libsodium). */
int hash_init(struct hash *hash) MUST_CHECK;
/* Frees the table, not the nodes. A zeroed table is fine. */
void hash_done(struct hash *hash);
struct hash_node *hash_find(const struct hash *hash, const void *key, size_t len);
/* -EEXIST when the key is there already. Growing that fails is no error, only slower. */
int hash_add(struct hash *hash, struct hash_node *node, const void *key, size_t len) MUST_CHECK;
/* The node must be in the table. */
void hash_remove(struct hash *hash, struct hash_node *node);

/* The struct around a node that may be NULL. */
#define hash_entry(node, type, member)                                                             \
    ({                                                                                             \
        struct hash_node *node_ = (node);                                                          \
        node_ == NULL ? NULL : (type *)((char *)node_ - offsetof(type, member));                   \
    })

#endif
