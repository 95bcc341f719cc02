/* Grants: what a caller shows to act as a user. A grant is
 *
 *     "cg1_" base64url(expiry ms, 8 bytes big-endian | epoch, 8 | BLAKE2b MAC, 32)
 *
 * under a key derived from the user's data key, over user, frontend, origin, expiry and epoch. It
 * holds for no other user, frontend or origin, until it expires or the user's epoch moves on.
 * Minted in cloister-keys (and renewed in turns), checked in turns and, for what an owner does
 * without one, in cloister-keys. Pure; any thread. Needs seal_init. */
#ifndef CLOISTER_MEMORY_GRANT_H
#define CLOISTER_MEMORY_GRANT_H

#include "memory/seal.h"

#define GRANT_PREFIX "cg1_"
#define GRANT_SIZE   72 /* 4 + 64 characters, and a NUL */

struct grant_claims {
    const char *user;     /* opaque id */
    const char *frontend; /* name; "web" for the web pages */
    const char *origin;   /* "owner" */
    uint64_t epoch;       /* of the user's key */
};

/* Writes a grant that expires at `expires_ms` (wall clock). */
void grant_mint(const uint8_t user_key[static SEAL_KEY_LEN], const struct grant_claims *claims,
                uint64_t expires_ms, char out[static GRANT_SIZE]);
/* When a grant minted now for `life_ms` expires; at the end of time rather than too early. */
uint64_t grant_expiry(uint64_t now_ms, uint64_t life_ms);
/* Use renews a grant of which less than half its life is left. */
static inline bool grant_is_old(uint64_t left_ms, uint64_t life_ms) {
    return left_ms < life_ms / 2;
}

/* 0 with the ms it still holds in *ret_left_ms. -ENOKEY: empty; -EACCES: it is no grant, or was not
 * minted for these claims; -EKEYEXPIRED; -EKEYREVOKED: of an earlier epoch. What the grant says of
 * itself is believed only after its MAC was found right. (In a file of its own, grant_check.c.) */
int grant_check(const uint8_t user_key[static SEAL_KEY_LEN], const struct grant_claims *claims,
                const char *grant, uint64_t now_ms, uint64_t *ret_left_ms) MUST_CHECK;

#endif
