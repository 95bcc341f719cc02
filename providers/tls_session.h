/* Sessions of TLS as bytes, for tls.c alone (resume.h says what they are for). */
#ifndef CLOISTER_PROVIDERS_TLS_SESSION_H
#define CLOISTER_PROVIDERS_TLS_SESSION_H

#include <openssl/ssl.h>

#include "ipc/base.h"

#define TLS_SESSION_MAX 4096

/* How many bytes it took; 0: not to be had, or longer than `cap`. */
size_t tls_session_write(SSL_SESSION *session, uint8_t *out, size_t cap);
/* Offers it in the handshake that is to come. -EINVAL: it is none of TLS 1.3's. */
int tls_session_use(SSL *ssl, const uint8_t *bytes, size_t len) MUST_CHECK;

#endif
