/* Grants, as cloister-keys mints, checks and voids them for cloisterd (memory/grant.h says what
 * they are). Single thread. */
#ifndef CLOISTER_KEYS_GRANTS_H
#define CLOISTER_KEYS_GRANTS_H

#include "ipc/message.h"
#include "memory/grant.h"
#include "supervisor/keys/keyring.h"

struct grants {
    struct keyring *keyring;
    uint64_t life_ms;
};

/* All three: -EPROTO for a malformed request, otherwise 0 or -errno for the answer. `out` is ""
 * when no grant is given. */

/* -EKEYREVOKED: the user has no key. */
int grants_mint(const struct grants *grants, const Cloister__GrantMint *request,
                char out[static GRANT_SIZE]) MUST_CHECK;
/* As grant_check, and -EKEYREVOKED also when the user has no key any more. With 0, `out` is a fresh
 * grant when the one shown is old. */
int grants_check(const struct grants *grants, const Cloister__GrantCheck *request,
                 char out[static GRANT_SIZE]) MUST_CHECK;
/* 0 also when the user has no key: then there is no grant either. */
int grants_revoke(const struct grants *grants, const Cloister__GrantRevoke *request) MUST_CHECK;

#endif
