#include "memory/grant.h"

#include <endian.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "memory/grant_mac.h"

static void put_u64(uint8_t out[static 8], uint64_t value) {
    value = htobe64(value);
    memcpy(out, &value, sizeof(value));
}

/* Behind its length, so that no two claims look alike. */
static void mac_text(crypto_generichash_state *mac, const char *text) {
    uint8_t len[8];
    put_u64(len, strlen(text));
    (void)crypto_generichash_update(mac, len, sizeof(len));
    (void)crypto_generichash_update(mac, (const uint8_t *)text, strlen(text));
}

void grant_mac(const uint8_t user_key[static SEAL_KEY_LEN], const struct grant_claims *claims,
               const struct grant_bytes *bytes, uint8_t out[static GRANT_MAC_LEN]) {
    crypto_generichash_state mac;
    uint8_t key[SEAL_KEY_LEN];
    key_derive(user_key, "grant", key);
    (void)crypto_generichash_init(&mac, key, sizeof(key), GRANT_MAC_LEN);
    mac_text(&mac, GRANT_PREFIX);
    mac_text(&mac, claims->user);
    mac_text(&mac, claims->frontend);
    mac_text(&mac, claims->origin);
    (void)crypto_generichash_update(&mac, bytes->expires_ms, sizeof(bytes->expires_ms));
    (void)crypto_generichash_update(&mac, bytes->epoch, sizeof(bytes->epoch));
    (void)crypto_generichash_final(&mac, out, GRANT_MAC_LEN);
    sodium_memzero(key, sizeof(key));
    sodium_memzero(&mac, sizeof(mac));
}

void grant_mint(const uint8_t user_key[static SEAL_KEY_LEN], const struct grant_claims *claims,
                uint64_t expires_ms, char out[static GRANT_SIZE]) {
    struct grant_bytes bytes;
    char text[BASE64URL_SIZE(sizeof(bytes))];
    put_u64(bytes.expires_ms, expires_ms);
    put_u64(bytes.epoch, claims->epoch);
    grant_mac(user_key, claims, &bytes, bytes.mac);
    base64url_encode((const uint8_t *)&bytes, sizeof(bytes), text);
    (void)snprintf(out, GRANT_SIZE, "%s%s", GRANT_PREFIX, text);
    sodium_memzero(text, sizeof(text));
}

uint64_t grant_expiry(uint64_t now_ms, uint64_t life_ms) {
    uint64_t expires_ms;
    return __builtin_add_overflow(now_ms, life_ms, &expires_ms) ? UINT64_MAX : expires_ms;
}
