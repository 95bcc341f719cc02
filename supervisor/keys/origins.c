#include "supervisor/keys/origins.h"

#include <string.h>

#define MAY(right) (1u << ORIGIN_##right)

struct origin_rule {
    const char *name;
    bool needs_user;
    unsigned may;
};
static const struct origin_rule rules[] = {
    {"owner", true, MAY(LATER) | MAY(USER_KEY) | MAY(MODEL_KEY) | MAY(FLOOR)},
    {"customer", true, MAY(LATER) | MAY(MODEL_KEY)},
    {"connect", false, MAY(PENDING) | MAY(PKCE) | MAY(FLOOR) | MAY(SUBJECT)},
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
