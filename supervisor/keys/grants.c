#include "supervisor/keys/grants.h"

#include <errno.h>

static bool sound(const char *user, const char *frontend) {
    return id_valid(user) && frontend[0] != '\0';
}

/* Turns know their origin from their channel; what cloisterd asks for here is the owner's. */
static struct grant_claims claims_of(const char *user, const char *frontend,
                                     const struct keyring_row *row) {
    return (struct grant_claims){user, frontend, "owner", row->epoch};
}

static void mint(const struct grants *grants, const struct grant_claims *claims,
                 const struct keyring_row *row, char out[static GRANT_SIZE]) {
    grant_mint((const uint8_t *)row->key, claims,
               grant_expiry((uint64_t)wall_ms(), grants->life_ms), out);
}

int grants_mint(const struct grants *grants, const Cloister__GrantMint *request,
                char out[static GRANT_SIZE]) {
    struct keyring_row row = {0};
    out[0] = '\0';
    if (!sound(request->user, request->frontend))
        return -EPROTO;
    int r = keyring_get(grants->keyring, KEY_KIND_USER, request->user, &row);
    if (r < 0)
        return r;
    const struct grant_claims claims = claims_of(request->user, request->frontend, &row);
    mint(grants, &claims, &row, out);
    keyring_row_clear(&row);
    return 0;
}

int grants_check(const struct grants *grants, const Cloister__GrantCheck *request,
                 char out[static GRANT_SIZE]) {
    struct keyring_row row = {0};
    uint64_t left_ms = 0;
    out[0] = '\0';
    if (!sound(request->user, request->frontend))
        return -EPROTO;
    int r = keyring_get(grants->keyring, KEY_KIND_USER, request->user, &row);
    if (r < 0)
        return r;
    const struct grant_claims claims = claims_of(request->user, request->frontend, &row);
    r = grant_check((const uint8_t *)row.key, &claims, request->grant, (uint64_t)wall_ms(),
                    &left_ms);
    if (r == 0 && grant_is_old(left_ms, grants->life_ms))
        mint(grants, &claims, &row, out);
    keyring_row_clear(&row);
    return r;
}

int grants_revoke(const struct grants *grants, const Cloister__GrantRevoke *request) {
    if (!id_valid(request->user))
        return -EPROTO;
    int r = keyring_raise_epoch(grants->keyring, request->user);
    return r == -EKEYREVOKED ? 0 : r;
}
