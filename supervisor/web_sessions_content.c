/* sealed = nonce (24) | XChaCha20-Poly1305 of { csrf (32), length of the grant (1), grant, account
 * } with the row's and the user's id as associated data. */
#include "supervisor/web_sessions_content.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define CSRF_LEN  sizeof(((struct session_content *)0)->csrf)
#define PLAIN_MAX (CSRF_LEN + 1 + SESSION_GRANT_MAX + ACCOUNT_MAX)

static_assert(NONCE_LEN + PLAIN_MAX + TAG_LEN <= SESSION_SEALED_MAX, "the buffers hold it");
static_assert(TOKEN_HASH_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a hash is a key");

/* The cookie is found by another hash of it, which tells nothing of this one. */
static void key_of(const char *cookie, uint8_t key[static TOKEN_HASH_LEN]) {
    token_hash("session key", cookie, key);
}

static size_t label(const char *id, const char *user, char out[static 2 * ID_LEN + 2]) {
    return (size_t)snprintf(out, 2 * ID_LEN + 2, "%s/%s", id, user);
}

size_t session_content_seal(const struct session_content *content, const char *cookie,
                            const char *id, const char *user,
                            uint8_t out[static SESSION_SEALED_MAX]) {
    uint8_t key[TOKEN_HASH_LEN], plain[PLAIN_MAX];
    char data[2 * ID_LEN + 2];
    size_t grant = strlen(content->grant), account = strlen(content->account);
    unsigned long long len;
    memcpy(plain, content->csrf, CSRF_LEN);
    plain[CSRF_LEN] = (uint8_t)grant;
    memcpy(plain + CSRF_LEN + 1, content->grant, grant);
    memcpy(plain + CSRF_LEN + 1 + grant, content->account, account);
    randombytes_buf(out, NONCE_LEN);
    key_of(cookie, key);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        out + NONCE_LEN, &len, plain, CSRF_LEN + 1 + grant + account, (const uint8_t *)data,
        label(id, user, data), NULL, out, key);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(plain, sizeof(plain));
    return NONCE_LEN + (size_t)len;
}

static int take_apart(const uint8_t *plain, size_t len, struct session_content *content) {
    size_t grant = len > CSRF_LEN ? plain[CSRF_LEN] : 0, head = CSRF_LEN + 1 + grant;
    if (len < head || grant > SESSION_GRANT_MAX || len - head > ACCOUNT_MAX)
        return -EBADMSG;
    *content = (struct session_content){0};
    memcpy(content->csrf, plain, CSRF_LEN);
    memcpy(content->grant, plain + CSRF_LEN + 1, grant);
    memcpy(content->account, plain + head, len - head);
    return 0;
}

int session_content_open(struct session_content *content, const char *cookie, const char *id,
                         const char *user, const uint8_t *sealed, size_t len) {
    uint8_t key[TOKEN_HASH_LEN], plain[PLAIN_MAX];
    char data[2 * ID_LEN + 2];
    unsigned long long plain_len;
    if (len < NONCE_LEN + TAG_LEN || len > NONCE_LEN + PLAIN_MAX + TAG_LEN)
        return -EBADMSG;
    key_of(cookie, key);
    int r = crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &plain_len, NULL, sealed + NONCE_LEN,
                                                       len - NONCE_LEN, (const uint8_t *)data,
                                                       label(id, user, data), sealed, key) == 0
                ? take_apart(plain, (size_t)plain_len, content)
                : -EBADMSG;
    explicit_bzero(key, sizeof(key));
    explicit_bzero(plain, sizeof(plain));
    return r;
}
