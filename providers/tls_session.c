/* A session's way into bytes and back. The server's certificate is left out: nobody looks at it
 * again, and taking it apart is half of what resuming saves. */
#include <errno.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <string.h>

#include "providers/tls_session.h"

/* SSL_SESSION_ASN1 (ssl/ssl_asn1.c, documented with i2d_SSL_SESSION): the peer's certificate is the
 * optional member of context tag 3. */
#define TAG_PEER 3

/* One member of the sequence: how long it is with its head. 0: no DER. */
static size_t member_len(const uint8_t *at, size_t left, bool *ret_peer) {
    const uint8_t *body = at;
    long len = 0;
    int tag = 0, class = 0;
    int form = ASN1_get_object(&body, &len, &tag, &class, (long)left);
    if ((form & 0x80) != 0 || form == 0x21) /* broken, or without a length */
        return 0;
    *ret_peer = class == V_ASN1_CONTEXT_SPECIFIC && tag == TAG_PEER;
    return (size_t)(body - at) + (size_t)len;
}

static size_t strip(const uint8_t *der, size_t der_len, uint8_t *out, size_t cap) {
    const uint8_t *at = der;
    long len = 0;
    int tag = 0, class = 0;
    if ((ASN1_get_object(&at, &len, &tag, &class, (long)der_len) & 0x80) != 0 ||
        tag != V_ASN1_SEQUENCE)
        return 0;
    uint8_t kept[TLS_SESSION_MAX];
    size_t used = 0;
    for (const uint8_t *end = at + len; at < end;) {
        bool peer = false;
        size_t size = member_len(at, (size_t)(end - at), &peer);
        if (size == 0 || size > (size_t)(end - at) || (!peer && size > sizeof(kept) - used))
            return 0;
        if (!peer) {
            memcpy(kept + used, at, size);
            used += size;
        }
        at += size;
    }
    uint8_t *to = out;
    size_t whole = (size_t)ASN1_object_size(1, (int)used, V_ASN1_SEQUENCE);
    if (whole <= cap) {
        ASN1_put_object(&to, 1, (int)used, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
        memcpy(to, kept, used);
    }
    explicit_bzero(kept, sizeof(kept));
    return whole <= cap ? whole : 0;
}

size_t tls_session_write(SSL_SESSION *session, uint8_t *out, size_t cap) {
    uint8_t *der = NULL;
    int len = i2d_SSL_SESSION(session, &der);
    size_t n = len > 0 ? strip(der, (size_t)len, out, cap) : 0;
    if (len > 0)
        OPENSSL_clear_free(der, (size_t)len);
    ERR_clear_error();
    return n;
}

int tls_session_use(SSL *ssl, const uint8_t *bytes, size_t len) {
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &bytes, (long)len);
    bool good = session != NULL && SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION &&
                SSL_SESSION_is_resumable(session) && SSL_set_session(ssl, session) == 1;
    SSL_SESSION_free(session);
    ERR_clear_error();
    return good ? 0 : -EINVAL;
}
