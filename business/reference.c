#include "business/reference.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "business/outbox_seal.h"

static const char signs[] = "23456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Bytes at once, since each call of randombytes_uniform asks the kernel. Those that would make
 * some signs likelier than others are left out. */
static char sign_random(uint8_t *bytes, size_t n, size_t *left) {
    const size_t count = sizeof(signs) - 1, fair = 256 / count * count;
    for (;;) {
        if (*left == 0) {
            randombytes_buf(bytes, n);
            *left = n;
        }
        uint8_t byte = bytes[--*left];
        if (byte < fair)
            return signs[byte % count];
    }
}

void reference_make(char kind, char out[static REFERENCE_LEN + 1]) {
    uint8_t bytes[16];
    size_t left = 0;
    char *at = out;
    *at++ = kind;
    for (int i = 0; i < 10; i++) {
        if (i % 5 == 0)
            *at++ = '-';
        *at++ = sign_random(bytes, sizeof(bytes), &left);
    }
    *at = '\0';
}

static const char *purpose_word(enum secret_purpose purpose) {
    switch (purpose) {
    case SECRET_MANAGE:
        return "booking-manage";
    case SECRET_CANCEL:
        return "booking-cancel";
    case SECRET_INQUIRY:
        return "inquiry";
    }
    return "";
}

static void mac_text(const struct business_server *server, const char *purpose,
                     const char *reference, char out[static SECRET_LEN + 1]) {
    uint8_t mac[BUSINESS_MAC_LEN];
    char text[BASE64URL_SIZE(sizeof(mac))];
    business_mac(server, purpose, reference, strlen(reference), mac);
    base64url_encode(mac, sizeof(mac), text);
    memcpy(out, text, SECRET_LEN); /* 144 bits of it */
    out[SECRET_LEN] = '\0';
    explicit_bzero(mac, sizeof(mac));
    explicit_bzero(text, sizeof(text));
}

void secret_make(const struct business_server *server, enum secret_purpose purpose,
                 const char *reference, char out[static SECRET_LEN + 1]) {
    mac_text(server, purpose_word(purpose), reference, out);
}

bool secret_fits(const struct business_server *server, enum secret_purpose purpose,
                 const char *reference, const char *secret) {
    char wanted[SECRET_LEN + 1];
    secret_make(server, purpose, reference, wanted);
    bool fits = strlen(secret) == SECRET_LEN && sodium_memcmp(wanted, secret, SECRET_LEN) == 0;
    explicit_bzero(wanted, sizeof(wanted));
    return fits;
}

void event_name_make(const struct business_server *server, const char *reference,
                     char out[static EVENT_NAME_LEN + 1]) {
    static const char base32hex[] = "0123456789abcdefghijklmnopqrstuv";
    uint8_t mac[BUSINESS_MAC_LEN];
    business_mac(server, "booking-event", reference, strlen(reference), mac);
    for (size_t i = 0; i < EVENT_NAME_LEN; i++)
        out[i] = base32hex[mac[i] & 31];
    out[EVENT_NAME_LEN] = '\0';
}

void conversation_make(const struct business_server *server, const char *reference,
                       char out[static CONVERSATION_LEN + 1]) {
    char text[SECRET_LEN + 1];
    mac_text(server, "inquiry-conversation", reference, text);
    (void)snprintf(out, CONVERSATION_LEN + 1, "%s-%s", reference, text);
}

void link_make(const struct business_server *server, const char *path, const char *reference,
               const char *after, enum secret_purpose purpose, char out[static LINK_SIZE]) {
    char whole[256], secret[SECRET_LEN + 1];
    secret_make(server, purpose, reference, secret);
    int len = snprintf(whole, sizeof(whole), "%s%s%s?secret=%s", path, reference, after, secret);
    if (len < 0 || (size_t)len >= sizeof(whole) || business_url(server, whole, out, LINK_SIZE) != 0)
        out[0] = '\0';
    explicit_bzero(whole, sizeof(whole));
    explicit_bzero(secret, sizeof(secret));
}

void outbox_key_make(const struct business_server *server, uint8_t out[static BUSINESS_MAC_LEN]) {
    business_mac(server, "outbox-links", "", 0, out);
}

bool outbox_put_sealed(const struct business_server *server, const char *reference, json_t *payload,
                       const json_t *links) {
    uint8_t key[BUSINESS_MAC_LEN];
    static_assert(sizeof(key) == OUTBOX_KEY_LEN, "a MAC is a key");
    if (links == NULL)
        return false;
    outbox_key_make(server, key);
    int r = outbox_seal(key, reference, payload, links);
    explicit_bzero(key, sizeof(key));
    return r == 0;
}
