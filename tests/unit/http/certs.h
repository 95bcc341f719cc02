/* Throwaway certificate authorities and certificates, made anew for each run. */
#ifndef CLOISTER_TEST_CERTS_H
#define CLOISTER_TEST_CERTS_H

#include <openssl/ssl.h>

struct authority {
    EVP_PKEY *key;
    X509 *cert;
};

struct authority authority_new(const char *name);
void authority_free(struct authority *ca);
/* Server context with a certificate for `san` ("DNS:localhost,IP:127.0.0.1"), valid from `from_s`
 * to `to_s` seconds from now. Aborts on failure. */
SSL_CTX *server_context(const struct authority *ca, const char *san, long from_s, long to_s);
void authority_save(const struct authority *ca, const char *path);

#endif
