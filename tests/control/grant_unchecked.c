/* In place of memory/grant_check.c: whatever is shown, or nothing, is a good grant, and fresh. */
#include "memory/grant.h"

#define A_YEAR_MS UINT64_C(31536000000)

int grant_check(const uint8_t user_key[static SEAL_KEY_LEN], const struct grant_claims *claims,
                const char *grant, uint64_t now_ms, uint64_t *ret_left_ms) {
    (void)user_key;
    (void)claims;
    (void)grant;
    (void)now_ms;
    *ret_left_ms = A_YEAR_MS;
    return 0;
}
