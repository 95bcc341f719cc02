/* What each origin's turns are served, and whose rows they may name: the rules behind answers.c,
 * each in a function of its own so that a test build can take one away. Pure. */
#ifndef CLOISTER_KEYS_ORIGINS_H
#define CLOISTER_KEYS_ORIGINS_H

#include "ipc/base.h"

enum origin_right {
    ORIGIN_PENDING,   /* may use a connection that has no user yet */
    ORIGIN_LATER,     /* may name another connection of its own user: the owner connected anew */
    ORIGIN_USER_KEY,  /* preferences, notes of the owner, own-event marks */
    ORIGIN_MODEL_KEY, /* may talk to the model */
    ORIGIN_PKCE,      /* may redeem a code */
    ORIGIN_GOOGLE,    /* may speak to Google's token address as this operator's client */
    ORIGIN_FLOOR,     /* may make older sealed tokens useless */
    ORIGIN_SUBJECT,   /* may say whose Google account it is */
    ORIGIN_BOOKING,   /* marks bookings' events, and knows them again */
};

struct origin_rule;

/* NULL: not served at all, and refused at birth. */
const struct origin_rule *origin_find(const char *name);
const char *origin_name(const struct origin_rule *origin);
bool origin_needs_user(const struct origin_rule *origin);
bool origin_may(const struct origin_rule *origin, enum origin_right right);

/* A row of the keyring is for a channel when it is its user's. Of nobody's yet (`row_user` empty)
 * only where ORIGIN_PENDING says so. */
bool origin_row_ours(const struct origin_rule *origin, const char *user, const char *row_user);

#endif
