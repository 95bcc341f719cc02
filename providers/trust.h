/* What an http_trust is, for tls.c alone. */
#ifndef CLOISTER_PROVIDERS_TRUST_H
#define CLOISTER_PROVIDERS_TRUST_H

#include <openssl/ssl.h>

struct http_trust {
    SSL_CTX *ctx;
};

#endif
