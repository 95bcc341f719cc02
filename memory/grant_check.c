#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "memory/grant_mac.h"

static uint64_t get_u64(const uint8_t in[static 8]) {
    uint64_t value;
    memcpy(&value, in, sizeof(value));
    return be64toh(value);
}

static int decode(const char *grant, struct grant_bytes *ret) {
    static const size_t prefix = sizeof(GRANT_PREFIX) - 1;
    if (strlen(grant) != prefix + GRANT_TEXT_LEN || memcmp(grant, GRANT_PREFIX, prefix) != 0)
        return -EACCES;
    ssize_t n = base64url_decode(grant + prefix, GRANT_TEXT_LEN, (uint8_t *)ret, sizeof(*ret));
    return n == (ssize_t)sizeof(*ret) ? 0 : -EACCES;
}

int grant_check(const uint8_t user_key[static SEAL_KEY_LEN], const struct grant_claims *claims,
                const char *grant, uint64_t now_ms, uint64_t *ret_left_ms) {
    struct grant_bytes bytes;
    uint8_t mac[GRANT_MAC_LEN];
    if (grant[0] == '\0')
        return -ENOKEY;
    int r = decode(grant, &bytes);
    if (r < 0)
        return r;
    grant_mac(user_key, claims, &bytes, mac);
    r = sodium_memcmp(mac, bytes.mac, sizeof(mac)) == 0 ? 0 : -EACCES; /* in constant time */
    sodium_memzero(mac, sizeof(mac));
    if (r < 0)
        return r;
    const uint64_t epoch = get_u64(bytes.epoch), expires_ms = get_u64(bytes.expires_ms);
    if (epoch < claims->epoch)
        return -EKEYREVOKED;
    if (epoch > claims->epoch) /* of a time that this user's key has not seen: it was put back */
        return -EACCES;
    if (expires_ms <= now_ms)
        return -EKEYEXPIRED;
    *ret_left_ms = expires_ms - now_ms;
    return 0;
}
