/* Around memory/grant.h in cloister-keys, by the linker's --wrap. GRANT_CHECK in rules-off
 * (switch.h): whatever is shown, or nothing, is a good grant. GRANT_ORIGIN: grants are minted for
 * the origin "customer". */
#include "memory/grant.h"
#include "tests/control/switch.h"

#define A_YEAR_MS UINT64_C(31536000000)

int __wrap_grant_check(const uint8_t *user_key, const struct grant_claims *claims,
                       const char *grant, uint64_t now_ms, uint64_t *ret_left_ms);
int __real_grant_check(const uint8_t *user_key, const struct grant_claims *claims,
                       const char *grant, uint64_t now_ms, uint64_t *ret_left_ms);
void __wrap_grant_mint(const uint8_t *user_key, const struct grant_claims *claims,
                       uint64_t expires_ms, char *out);
void __real_grant_mint(const uint8_t *user_key, const struct grant_claims *claims,
                       uint64_t expires_ms, char *out);

int __wrap_grant_check(const uint8_t *user_key, const struct grant_claims *claims,
                       const char *grant, uint64_t now_ms, uint64_t *ret_left_ms) {
    if (!switched_off("GRANT_CHECK"))
        return __real_grant_check(user_key, claims, grant, now_ms, ret_left_ms);
    *ret_left_ms = A_YEAR_MS;
    return 0;
}

void __wrap_grant_mint(const uint8_t *user_key, const struct grant_claims *claims,
                       uint64_t expires_ms, char *out) {
    struct grant_claims minted = *claims;
    if (switched_off("GRANT_ORIGIN"))
        minted.origin = "customer";
    __real_grant_mint(user_key, &minted, expires_ms, out);
}
