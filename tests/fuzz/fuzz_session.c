/* What a web session keeps: a stranger's bytes never open; bytes that were sealed under the right
 * key open only when they make sense, and within their bounds; what was sealed comes back as it
 * was, for its own cookie, row and user alone. */
#include <errno.h>
#include <sodium.h>

#include "fuzz.h"
#include "supervisor/web_sessions_content.h"

#define ID    "00000000000000000000000000000001"
#define USER  "00000000000000000000000000000002"
#define OTHER "00000000000000000000000000000003"

static const char cookie[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* As if somebody had the key and sealed what they like. */
static size_t seal_raw(const uint8_t *plain, size_t len, uint8_t *out) {
    uint8_t key[TOKEN_HASH_LEN];
    unsigned long long sealed = 0;
    const size_t nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    token_hash("session key", cookie, key);
    memset(out, 7, nonce);
    MUST(crypto_aead_xchacha20poly1305_ietf_encrypt(out + nonce, &sealed, plain, len,
                                                    (const uint8_t *)ID "/" USER,
                                                    strlen(ID "/" USER), NULL, out, key) == 0);
    return nonce + (size_t)sealed;
}

static void round_trip(const struct session_content *content) {
    uint8_t sealed[SESSION_SEALED_MAX];
    struct session_content again;
    size_t len = session_content_seal(content, cookie, ID, USER, sealed);
    MUST(len <= SESSION_SEALED_MAX);
    MUST(session_content_open(&again, cookie, ID, USER, sealed, len) == 0);
    MUST(memcmp(content->csrf, again.csrf, sizeof(again.csrf)) == 0 &&
         strcmp(content->grant, again.grant) == 0 && strcmp(content->account, again.account) == 0);
    MUST(session_content_open(&again, cookie + 1, ID, USER, sealed, len) == -EBADMSG);
    MUST(session_content_open(&again, cookie, OTHER, USER, sealed, len) == -EBADMSG);
    MUST(session_content_open(&again, cookie, ID, OTHER, sealed, len) == -EBADMSG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static uint8_t sealed[8192];
    struct session_content content;
    MUST(token_init() == 0);
    MUST(session_content_open(&content, cookie, ID, USER, data, len) == -EBADMSG);
    if (len > 4096)
        return 0;
    size_t sealed_len = seal_raw(data, len, sealed);
    /* A block of its own, so that a byte read behind it is seen. */
    uint8_t *exact = malloc(sealed_len);
    MUST(exact != NULL);
    memcpy(exact, sealed, sealed_len);
    int r = session_content_open(&content, cookie, ID, USER, exact, sealed_len);
    free(exact);
    MUST(r == 0 || r == -EBADMSG);
    if (r < 0)
        return 0;
    MUST(memchr(content.grant, '\0', sizeof(content.grant)) != NULL);
    MUST(memchr(content.account, '\0', sizeof(content.account)) != NULL);
    MUST(memcmp(content.csrf, data, sizeof(content.csrf)) == 0);
    round_trip(&content);
    return 0;
}
