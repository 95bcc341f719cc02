/* Certificates of the stand-in world: a CA in `dir` (ca.pem, ca.key; kept when there already) and
 * three server contexts made anew at each start. */
#ifndef CLOISTER_WORLD_CERTS_H
#define CLOISTER_WORLD_CERTS_H

#include <openssl/ssl.h>

#include "ipc/base.h"

struct certs {
    SSL_CTX *good;       /* localhost, 127.0.0.1, ::1 and the given names, signed by the CA */
    SSL_CTX *wrong_host; /* signed by the CA, but for another name */
    SSL_CTX *unknown_ca; /* right names, signed by a CA that nobody has */
    SSL_CTX *expired;    /* right names and CA, but yesterday was its last day */
};

/* 0 or -errno (files) or -EIO (OpenSSL). */
int certs_make(const char *dir, const char *const *names, size_t name_count,
               struct certs *ret) MUST_CHECK;
void certs_free(struct certs *certs);

#endif
