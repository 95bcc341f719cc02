#include "tests/canary/search.h"

#include <string.h>

#define MAP_BITS   22
#define TABLE_BITS 20

struct entry {
    struct entry *next;
    struct needle *needle;
};

struct search {
    uint64_t map[1u << (MAP_BITS - 6)];
    struct entry *table[1u << TABLE_BITS];
    size_t count;
};

static uint64_t load(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t mix(uint64_t value) {
    return (value ^ value >> 29) * 0x9e3779b97f4a7c15u;
}

struct search *search_new(void) {
    struct search *search = calloc(1, sizeof(*search));
    if (search == NULL)
        abort();
    return search;
}

void search_free(struct search *search) {
    for (size_t i = 0; search != NULL && i < COUNT_OF(search->table); i++)
        for (struct entry *e = search->table[i], *next; e != NULL; e = next) {
            next = e->next;
            free(e->needle);
            free(e);
        }
    free(search);
}

void search_add(struct search *search, const struct needle *needle) {
    uint64_t hash = mix(load(needle->bytes));
    struct entry **place = &search->table[hash >> (64 - TABLE_BITS)];
    struct entry *entry = malloc(sizeof(*entry));
    struct needle *copy = malloc(sizeof(*needle) + needle->len);
    if (entry == NULL || copy == NULL)
        abort();
    memcpy(copy, needle, sizeof(*needle) + needle->len);
    *entry = (struct entry){.next = *place, .needle = copy};
    *place = entry;
    search->map[hash >> (64 - MAP_BITS + 6)] |= 1ull << (hash >> (64 - MAP_BITS) & 63);
    search->count++;
}

size_t search_count(const struct search *search) {
    return search->count;
}

static bool zeros(const uint8_t *data) {
    uint64_t any = 0;
    for (unsigned i = 0; i < 64; i += 8)
        any |= load(data + i);
    return any == 0;
}

void search_run(const struct search *search, const uint8_t *data, size_t len, search_hit *hit,
                void *ctx) {
    for (size_t i = 0; i + 8 <= len; i++) {
        uint64_t value = load(data + i);
        if (value == 0) { /* most memory */
            while (i + 64 <= len && zeros(data + i))
                i += 56;
            continue;
        }
        uint64_t hash = mix(value);
        if ((search->map[hash >> (64 - MAP_BITS + 6)] >> (hash >> (64 - MAP_BITS) & 63) & 1) == 0)
            continue;
        for (const struct entry *e = search->table[hash >> (64 - TABLE_BITS)]; e != NULL;
             e = e->next)
            if (e->needle->len <= len - i &&
                memcmp(e->needle->bytes, data + i, e->needle->len) == 0)
                hit(ctx, i, e->needle);
    }
}
