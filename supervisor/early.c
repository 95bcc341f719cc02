#include "supervisor/early.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define USERS 8192u /* 80 bytes each, and only of pages that were used */

struct early {
    uint8_t seed[crypto_shorthash_KEYBYTES];
    struct early_user users[USERS];
};

struct early *early_new(void) {
    struct early *early = calloc(1, sizeof(*early));
    if (early != NULL)
        randombytes_buf(early->seed, sizeof(early->seed));
    return early;
}

void early_free(struct early *early) {
    free(early);
}

/* 0: too long to be anybody's. */
static uint64_t mark_of(const struct early *early, const char *frontend, const char *name) {
    char text[512];
    uint64_t mark;
    _Static_assert(sizeof(mark) == crypto_shorthash_BYTES, "hash");
    int n = snprintf(text, sizeof(text), "%s%c%s", frontend, '\0', name);
    if (n < 0 || (size_t)n >= sizeof(text))
        return 0;
    (void)crypto_shorthash((uint8_t *)&mark, (const uint8_t *)text, (unsigned)n, early->seed);
    return mark;
}

void early_note(struct early *early, const char *frontend, const char *name, const char *user,
                const char *connection) {
    uint64_t mark = mark_of(early, frontend, name);
    struct early_user *at = &early->users[mark % USERS];
    at->mark = mark;
    (void)snprintf(at->user, sizeof(at->user), "%s", user);
    (void)snprintf(at->connection, sizeof(at->connection), "%s", connection);
}

const struct early_user *early_find(const struct early *early, const char *frontend,
                                    const char *name) {
    uint64_t mark = mark_of(early, frontend, name);
    const struct early_user *at = &early->users[mark % USERS];
    return mark != 0 && at->mark == mark ? at : NULL;
}

void early_forget(struct early *early, const char *user) {
    for (size_t i = 0; i < USERS; i++)
        if (early->users[i].mark != 0 && strcmp(early->users[i].user, user) == 0)
            early->users[i] = (struct early_user){0};
}
