/* An authorization request, and the pages that Google shows about it. */
#ifndef CLOISTER_WORLD_CONSENT_H
#define CLOISTER_WORLD_CONSENT_H

#include "tests/world/exchange.h"

struct ask {
    const char *client, *redirect, *scope, *state, *prompt, *hint, *challenge, *method, *nonce;
    bool offline, incremental;
};

/* openid, email, profile: granted by signing in, without a box of their own. */
bool scope_is_sign_in(const char *scope);

/* Choose an account, tick scopes, allow or deny. */
void consent_page(struct exchange *x, const struct ask *ask);
/* What is wrong with the request; the browser is not sent anywhere. */
void consent_refuse(struct exchange *x, const char *error, const char *detail);

#endif
