/* What an http_trust is, for tls.c alone. */
#ifndef CLOISTER_PROVIDERS_TRUST_H
#define CLOISTER_PROVIDERS_TRUST_H

#include <openssl/ssl.h>

struct http_trust {
    SSL_CTX *ctx;
    uint32_t number; /* of this CA store in this program and all that it forks */
};

/* tls.c: OpenSSL's callback for a session that may be resumed. */
int tls_new_session(SSL *ssl, SSL_SESSION *session);

#endif
