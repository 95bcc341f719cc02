#include "supervisor/token.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

int token_init(void) {
    return sodium_init() < 0 ? -EIO : 0;
}

void token_random(char out[static TOKEN_LEN + 1]) {
    uint8_t raw[32];
    randombytes_buf(raw, sizeof(raw));
    base64url_encode(raw, sizeof(raw), out);
    explicit_bzero(raw, sizeof(raw));
}

bool token_valid(const char *token) {
    uint8_t raw[32];
    if (strlen(token) != TOKEN_LEN)
        return false;
    bool valid = base64url_decode(token, TOKEN_LEN, raw, sizeof(raw)) == (ssize_t)sizeof(raw);
    explicit_bzero(raw, sizeof(raw));
    return valid;
}

void token_hash(const char *kind, const char *token, uint8_t out[static TOKEN_HASH_LEN]) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, TOKEN_HASH_LEN);
    (void)crypto_generichash_update(&state, (const uint8_t *)kind, strlen(kind) + 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)token, strlen(token));
    (void)crypto_generichash_final(&state, out, TOKEN_HASH_LEN);
    explicit_bzero(&state, sizeof(state));
}
