#include "supervisor/google_consent.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* In the id_token Google returns this; the connect cell derives it from the state token as well. */
static void nonce_of(const char *state, char out[static 33]) {
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state hash;
    (void)crypto_hash_sha256_init(&hash);
    (void)crypto_hash_sha256_update(&hash, (const uint8_t *)"cloister-nonce:", 15);
    (void)crypto_hash_sha256_update(&hash, (const uint8_t *)state, strlen(state));
    (void)crypto_hash_sha256_final(&hash, digest);
    explicit_bzero(&hash, sizeof(hash));
    hex_encode(digest, 16, out);
}

int google_redirect_uri(const struct config *config, char out[static RETURN_TO_MAX]) {
    return url_join(out, RETURN_TO_MAX, config_str(config, CONFIG_gateway_public_url),
                    "connect/google/callback");
}

int google_consent_url(const struct config *config, const struct google_consent *consent, char *out,
                       size_t cap) {
    char redirect[RETURN_TO_MAX], nonce[33];
    nonce_of(consent->state, nonce);
    if (google_redirect_uri(config, redirect) < 0)
        return -ENOSPC;
    const char *const parameters[][2] = {
        {"client_id", config_str(config, CONFIG_google_client_id)},
        {"redirect_uri", redirect},
        {"response_type", "code"},
        {"scope", consent->scope},
        {"state", consent->state},
        {"nonce", nonce},
        {"code_challenge", consent->challenge},
        {"code_challenge_method", "S256"},
        {"access_type", consent->offline ? "offline" : ""},
        {"prompt", consent->prompt},
        {"include_granted_scopes", consent->offline ? "true" : ""},
    };
    int n = snprintf(out, cap, "%s", config_str(config, CONFIG_google_auth_url));
    int r = n < 0 || (size_t)n >= cap ? -ENOSPC : 0;
    for (size_t i = 0; i < COUNT_OF(parameters) && r == 0; i++)
        if (parameters[i][1][0] != '\0')
            r = url_append(out, cap, parameters[i][0], parameters[i][1]);
    return r;
}
