#include "business/noted.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PLACES 512

struct place {
    struct noted_key key;
    struct noted noted; /* arguments NULL: empty */
};

struct noted_list {
    uint8_t secret[crypto_generichash_KEYBYTES];
    struct place places[PLACES];
};

int noted_new(struct noted_list **ret) {
    struct noted_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    randombytes_buf(list->secret, sizeof(list->secret));
    *ret = list;
    return 0;
}

void noted_free(struct noted_list *list) {
    if (list == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        free((char *)(uintptr_t)list->places[i].noted.arguments);
    sodium_memzero(list->secret, sizeof(list->secret));
    free(list);
}

void noted_key(const struct noted_list *list, const char *operation, const char *arguments,
               bool refused, struct noted_key *ret) {
    crypto_generichash_state state;
    const uint8_t end = refused;
    (void)crypto_generichash_init(&state, list->secret, sizeof(list->secret), sizeof(ret->bytes));
    (void)crypto_generichash_update(&state, &end, 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)operation, strlen(operation) + 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)arguments, strlen(arguments));
    (void)crypto_generichash_final(&state, ret->bytes, sizeof(ret->bytes));
    sodium_memzero(&state, sizeof(state));
}

static size_t place_of(const struct noted_key *key) {
    uint64_t number;
    memcpy(&number, key->bytes, sizeof(number));
    return number % PLACES;
}

const struct noted *noted_get(const struct noted_list *list, const struct noted_key *key) {
    const struct place *place = &list->places[place_of(key)];
    bool same = place->noted.arguments != NULL &&
                memcmp(place->key.bytes, key->bytes, sizeof(key->bytes)) == 0;
    return same ? &place->noted : NULL;
}

const struct noted *noted_put(struct noted_list *list, const struct noted_key *key, char *arguments,
                              const char *slug) {
    if (arguments == NULL)
        return NULL;
    struct place *place = &list->places[place_of(key)];
    free((char *)(uintptr_t)place->noted.arguments);
    place->key = *key;
    place->noted.arguments = arguments;
    (void)snprintf(place->noted.slug, sizeof(place->noted.slug), "%.*s", SLUG_MAX, slug);
    return &place->noted;
}
