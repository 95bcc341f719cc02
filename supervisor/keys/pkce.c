#include <sodium.h>
#include <string.h>

#include "supervisor/keys/answers.h"

static void encode(const uint8_t bytes[static 32], char out[static PKCE_LEN + 1]) {
    char space[BASE64URL_SIZE(32)];
    base64url_encode(bytes, 32, space);
    memcpy(out, space, PKCE_LEN);
    out[PKCE_LEN] = '\0';
    explicit_bzero(space, sizeof(space));
}

void pkce_verifier(const uint8_t *own, const char *state_token, char out[static PKCE_LEN + 1]) {
    uint8_t key[SEAL_KEY_LEN], bytes[32];
    key_derive(own, "pkce-verifier", key);
    key_mac(key, state_token, strlen(state_token), bytes, sizeof(bytes));
    encode(bytes, out);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(bytes, sizeof(bytes));
}

void pkce_challenge(const char *verifier, char out[static PKCE_LEN + 1]) {
    uint8_t digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, (const uint8_t *)verifier, strlen(verifier));
    encode(digest, out);
}
