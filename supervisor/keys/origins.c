#include "supervisor/keys/origins.h"

#include <string.h>

#define MAY(right) (1u << ORIGIN_##right)

struct origin_rule {
    const char *name;
    bool needs_user;
    unsigned may;
};
static const struct origin_rule rules[] = {
    /* Refreshes its access token; the refresh token that stays is never replaced. */
    {"owner", true, MAY(LATER) | MAY(USER_KEY) | MAY(MODEL_KEY) | MAY(GOOGLE)},
    /* Has no token: its connection's key is for its own notes. */
    {"customer", true, MAY(LATER) | MAY(MODEL_KEY)},
    /* Refreshes as the owner's do, and has nobody to talk to. */
    {"front", true, MAY(LATER) | MAY(BOOKING) | MAY(GOOGLE)},
    /* Exchanges a code for what is stored then: the one who makes what was before useless. */
    {"connect", false, MAY(PENDING) | MAY(PKCE) | MAY(FLOOR) | MAY(SUBJECT) | MAY(GOOGLE)},
};

const struct origin_rule *origin_find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

const char *origin_name(const struct origin_rule *origin) {
    return origin->name;
}

bool origin_needs_user(const struct origin_rule *origin) {
    return origin->needs_user;
}

bool origin_may(const struct origin_rule *origin, enum origin_right right) {
    return (origin->may >> right & 1) != 0;
}

bool origin_row_ours(const struct origin_rule *origin, const char *user, const char *row_user) {
    if (row_user[0] == '\0')
        return origin_may(origin, ORIGIN_PENDING);
    return strcmp(row_user, user) == 0;
}
