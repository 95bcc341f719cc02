#include "business/gcra.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define WAYS    8       /* entries a key may sit in */
#define SKEW_US 1000000 /* a clock is put right by less than that all the time */

/* Microseconds, so that quick buckets are exact; 64 bits of them last. */
struct slot {
    struct gcra_entry entry;
    uint64_t full_at_us;
};

struct gcra {
    uint8_t seed[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at a slot */
    size_t mask;
    struct slot slots[];
};

static size_t entries(size_t capacity) {
    size_t size = WAYS;
    while (size < capacity)
        size *= 2;
    return size;
}

size_t gcra_size(size_t capacity) {
    return sizeof(struct gcra) + entries(capacity) * sizeof(struct slot);
}

struct gcra *gcra_begin(void *memory, size_t capacity, bool found) {
    struct gcra *gcra = memory;
    gcra->mask = entries(capacity) - 1;
    if (!found)
        randombytes_buf(gcra->seed, sizeof(gcra->seed));
    return gcra;
}

int gcra_new(size_t capacity, struct gcra **ret) {
    void *memory = calloc(1, gcra_size(capacity));
    if (memory == NULL)
        return -ENOMEM;
    *ret = gcra_begin(memory, capacity, false);
    return 0;
}

void gcra_free(struct gcra *gcra) {
    free(gcra);
}

/* The key's slot; else NULL, and *ret_spare is the one to be given up for it. */
static struct slot *find(const struct gcra *gcra, const uint8_t *key, struct slot **ret_spare) {
    uint64_t hash;
    (void)crypto_shorthash((uint8_t *)&hash, key, GCRA_KEY_LEN, gcra->seed);
    struct slot *spare = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        struct slot *slot = (struct slot *)&gcra->slots[(hash + i) & gcra->mask];
        if (slot->full_at_us != 0 && memcmp(slot->entry.key, key, GCRA_KEY_LEN) == 0)
            return slot;
        if (spare == NULL || slot->full_at_us < spare->full_at_us)
            spare = slot;
    }
    *ret_spare = spare;
    return NULL;
}

static void set(struct slot *slot, uint64_t full_at_us, bool changed) {
    slot->full_at_us = full_at_us;
    slot->entry.full_at_ms = full_at_us / 1000;
    slot->entry.changed = changed;
}

uint64_t gcra_wait(struct gcra *gcra, const uint8_t key[static GCRA_KEY_LEN], uint64_t every_us,
                   uint32_t burst, uint64_t now_ms) {
    struct slot *spare;
    struct slot *slot = find(gcra, key, &spare);
    uint64_t now = now_ms * 1000, room = every_us * (burst > 0 ? burst - 1 : 0);
    if (slot == NULL || slot->full_at_us <= now + room)
        return 0;
    if (slot->full_at_us > now + room + every_us + SKEW_US) {
        set(slot, now + room, true);
        return 0;
    }
    return (slot->full_at_us - now - room + 999) / 1000;
}

static struct slot *slot_for(struct gcra *gcra, const uint8_t *key) {
    struct slot *spare = NULL;
    struct slot *slot = find(gcra, key, &spare);
    if (slot != NULL)
        return slot;
    memcpy(spare->entry.key, key, GCRA_KEY_LEN);
    spare->full_at_us = 0;
    return spare;
}

void gcra_take(struct gcra *gcra, const uint8_t key[static GCRA_KEY_LEN], uint64_t every_us,
               uint64_t now_ms) {
    struct slot *slot = slot_for(gcra, key);
    uint64_t now = now_ms * 1000;
    set(slot, (slot->full_at_us > now ? slot->full_at_us : now) + every_us, true);
}

void gcra_give(struct gcra *gcra, const uint8_t key[static GCRA_KEY_LEN], uint64_t every_us) {
    struct slot *spare;
    struct slot *slot = find(gcra, key, &spare);
    if (slot != NULL && slot->full_at_us > every_us)
        set(slot, slot->full_at_us - every_us, true);
}

void gcra_put(struct gcra *gcra, const uint8_t key[static GCRA_KEY_LEN], uint64_t full_at_ms) {
    struct slot *slot = slot_for(gcra, key);
    if (slot->full_at_us < full_at_ms * 1000)
        set(slot, full_at_ms * 1000, false);
}

const struct gcra_entry *gcra_next(struct gcra *gcra, size_t *at) {
    while (*at <= gcra->mask) {
        struct slot *slot = &gcra->slots[(*at)++];
        if (!slot->entry.changed)
            continue;
        slot->entry.changed = false;
        return &slot->entry;
    }
    return NULL;
}
