/* What strangers show is never a grant and never more than looked at; what was minted holds as it
 * was, and not with one byte of it changed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t key[SEAL_KEY_LEN] = {42};

static void stranger(const struct grant_claims *claims, const char *shown) {
    uint64_t left = 0;
    int r = grant_check(key, claims, shown, 1000, &left);
    if (r != -EACCES && r != -ENOKEY)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    char *shown = malloc(len + sizeof(GRANT_PREFIX)), minted[GRANT_SIZE];
    uint64_t left = 0;
    if (shown == NULL || seal_init() < 0)
        abort();
    memcpy(shown, GRANT_PREFIX, sizeof(GRANT_PREFIX) - 1);
    memcpy(shown + sizeof(GRANT_PREFIX) - 1, data, len);
    shown[sizeof(GRANT_PREFIX) - 1 + len] = '\0';
    const struct grant_claims claims = {"user", shown + sizeof(GRANT_PREFIX) - 1, "owner", 3};
    stranger(&claims, shown);
    stranger(&claims, shown + sizeof(GRANT_PREFIX) - 1);
    grant_mint(key, &claims, 1001, minted);
    if (grant_check(key, &claims, minted, 1000, &left) != 0 || left != 1)
        abort();
    if (len >= 2 && data[1] != 0) {
        char *at = &minted[data[0] % strlen(minted)];
        *at = (char)(*at ^ data[1]);
        stranger(&claims, minted);
    }
    free(shown);
    return 0;
}
