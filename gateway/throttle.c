#include "gateway/throttle.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#define SLOTS 2048 /* a power of two */
#define WAYS  8

struct entry {
    struct in6_addr address;
    unsigned failures;
    uint64_t failed_ms, until_ms; /* failed_ms 0: empty */
};

struct throttle {
    struct throttle_rule rule;
    uint8_t seed[crypto_shorthash_KEYBYTES]; /* so that nobody can aim at a slot */
    struct entry slots[SLOTS];
};

int throttle_new(const struct throttle_rule *rule, struct throttle **ret) {
    struct throttle *throttle = calloc(1, sizeof(*throttle));
    if (throttle == NULL)
        return -ENOMEM;
    throttle->rule = *rule;
    randombytes_buf(throttle->seed, sizeof(throttle->seed));
    *ret = throttle;
    return 0;
}

void throttle_free(struct throttle *throttle) {
    free(throttle);
}

/* The slot of `address`, or with `oldest` the one to put it into. */
static struct entry *find(const struct throttle *throttle, const struct in6_addr *address,
                          bool oldest) {
    uint64_t hash;
    static_assert(sizeof(hash) == crypto_shorthash_BYTES, "siphash");
    (void)crypto_shorthash((uint8_t *)&hash, address->s6_addr, sizeof(*address), throttle->seed);
    const struct entry *found = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        const struct entry *entry = &throttle->slots[(hash + i) % SLOTS];
        if (entry->failed_ms != 0 && memcmp(&entry->address, address, sizeof(*address)) == 0)
            return (struct entry *)(uintptr_t)entry;
        if (oldest && (found == NULL || entry->failed_ms < found->failed_ms))
            found = entry;
    }
    return (struct entry *)(uintptr_t)found;
}

uint64_t throttle_wait(const struct throttle *throttle, const struct in6_addr *address,
                       uint64_t now_ms) {
    const struct entry *entry = find(throttle, address, false);
    return entry != NULL && entry->until_ms > now_ms ? entry->until_ms - now_ms : 0;
}

static uint64_t wait_after(const struct throttle_rule *rule, unsigned failures) {
    uint64_t wait = rule->base_ms;
    if (failures <= rule->free)
        return 0;
    for (unsigned n = rule->free + 1; n < failures && wait < rule->max_ms; n++)
        wait *= 2;
    return wait < rule->max_ms ? wait : rule->max_ms;
}

void throttle_failed(struct throttle *throttle, const struct in6_addr *address, uint64_t now_ms) {
    struct entry *entry = find(throttle, address, true);
    bool known = entry->failed_ms != 0 && memcmp(&entry->address, address, sizeof(*address)) == 0;
    /* Who was quiet for longer than the longest wait begins anew. */
    if (!known || now_ms > entry->until_ms + throttle->rule.max_ms)
        *entry = (struct entry){.address = *address};
    entry->failures += entry->failures < 64;
    entry->failed_ms = now_ms > 0 ? now_ms : 1;
    entry->until_ms = now_ms + wait_after(&throttle->rule, entry->failures);
}

void throttle_forget(struct throttle *throttle, const struct in6_addr *address) {
    struct entry *entry = find(throttle, address, false);
    if (entry != NULL)
        entry->failed_ms = 0;
}
