#include "gateway/throttle.h"

#include <sodium.h>
#include <string.h>

#define SLOTS   2048 /* a power of two */
#define WAYS    8
#define COUNTED 64 /* failures in a row; more make no difference */

struct entry {
    uint8_t address[crypto_shorthash_siphashx24_BYTES];
    unsigned failures;
    uint64_t failed_ms, until_ms; /* failed_ms 0: empty */
};

struct throttle {
    struct throttle_rule rule;
    uint8_t seed[crypto_shorthash_siphashx24_KEYBYTES]; /* nobody can aim at a slot */
    struct entry slots[SLOTS];
};

size_t throttle_size(void) {
    return sizeof(struct throttle);
}

struct throttle *throttle_begin(void *memory, const struct throttle_rule *rule, bool found,
                                uint64_t now_ms) {
    struct throttle *throttle = memory;
    throttle->rule = *rule;
    if (!found)
        randombytes_buf(throttle->seed, sizeof(throttle->seed));
    for (size_t i = 0; found && i < SLOTS; i++) {
        const struct entry *entry = &throttle->slots[i];
        if (entry->failed_ms > now_ms || entry->until_ms > now_ms + rule->max_ms ||
            entry->failures > COUNTED)
            throttle->slots[i].failed_ms = 0;
    }
    return throttle;
}

struct print {
    uint8_t bytes[crypto_shorthash_siphashx24_BYTES];
};

static struct print print_of(const struct throttle *throttle, const struct in6_addr *address) {
    struct print print;
    (void)crypto_shorthash_siphashx24(print.bytes, address->s6_addr, sizeof(*address),
                                      throttle->seed);
    return print;
}

static bool is_about(const struct entry *entry, const struct print *print) {
    return entry->failed_ms != 0 && memcmp(entry->address, print->bytes, sizeof(print->bytes)) == 0;
}

/* The slot of the address, or with `oldest` the one to put it into. */
static struct entry *find(const struct throttle *throttle, const struct print *print, bool oldest) {
    uint64_t place;
    memcpy(&place, print->bytes, sizeof(place));
    const struct entry *found = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        const struct entry *entry = &throttle->slots[(place + i) % SLOTS];
        if (is_about(entry, print))
            return (struct entry *)(uintptr_t)entry;
        if (oldest && (found == NULL || entry->failed_ms < found->failed_ms))
            found = entry;
    }
    return (struct entry *)(uintptr_t)found;
}

uint64_t throttle_wait(const struct throttle *throttle, const struct in6_addr *address,
                       uint64_t now_ms) {
    const struct print print = print_of(throttle, address);
    const struct entry *entry = find(throttle, &print, false);
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
    const struct print print = print_of(throttle, address);
    struct entry *entry = find(throttle, &print, true);
    bool known = is_about(entry, &print);
    /* Who was quiet for longer than the longest wait begins anew. */
    if (!known || now_ms > entry->until_ms + throttle->rule.max_ms) {
        *entry = (struct entry){0};
        memcpy(entry->address, print.bytes, sizeof(print.bytes));
    }
    entry->failures += entry->failures < COUNTED;
    entry->failed_ms = now_ms > 0 ? now_ms : 1;
    entry->until_ms = now_ms + wait_after(&throttle->rule, entry->failures);
}

void throttle_forget(struct throttle *throttle, const struct in6_addr *address) {
    const struct print print = print_of(throttle, address);
    struct entry *entry = find(throttle, &print, false);
    if (entry != NULL)
        entry->failed_ms = 0;
}
