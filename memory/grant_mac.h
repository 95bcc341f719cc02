/* A grant's bytes and its MAC. Used by grant.c and grant_check.c alone. */
#ifndef CLOISTER_MEMORY_GRANT_MAC_H
#define CLOISTER_MEMORY_GRANT_MAC_H

#include "memory/grant.h"

#define GRANT_MAC_LEN 32

/* As it is encoded: numbers big-endian. */
struct grant_bytes {
    uint8_t expires_ms[8], epoch[8], mac[GRANT_MAC_LEN];
};
#define GRANT_TEXT_LEN (sizeof(struct grant_bytes) / 3 * 4) /* no rest, so no spare bits */

_Static_assert(sizeof(struct grant_bytes) == 48, "no padding");
_Static_assert(sizeof(GRANT_PREFIX) + GRANT_TEXT_LEN <= GRANT_SIZE, "room for a grant");

/* The MAC of `bytes`' numbers and of whom the claims name; claims->epoch is not used. */
void grant_mac(const uint8_t user_key[static SEAL_KEY_LEN], const struct grant_claims *claims,
               const struct grant_bytes *bytes, uint8_t out[static GRANT_MAC_LEN]);

#endif
