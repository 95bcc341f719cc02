/* The CA certificates, parsed once: with libcurl's own handling each request would parse them again
 * (64 ms instead of 4 ms for three requests). */
#include "providers/trust.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "providers/connect_shim.h"
#include "providers/tls.h"

/* Debian and its kin, Fedora and its kin, Alpine. */
static const char *const system_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

static const char *system_bundle(void) {
    for (size_t i = 0; i < COUNT_OF(system_bundles); i++)
        if (access(system_bundles[i], R_OK) == 0)
            return system_bundles[i];
    return NULL;
}

static int context_new(const char *file, SSL_CTX **ret) {
    static const unsigned char alpn[] = "\x08http/1.1";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return -ENOMEM;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* OpenSSL keeps none itself: tls.c takes one per connection, resume.h says what for. */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, tls_new_session);
    SSL_CTX_set_read_ahead(ctx, 1); /* one recv for header and body of a record */
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0 ||
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
        SSL_CTX_load_verify_file(ctx, file) != 1) {
        SSL_CTX_free(ctx);
        return -EINVAL;
    }
    *ret = ctx;
    return 0;
}

/* Everything that either library reads from the file system or sets up lazily happens here. */
static int warm(char *why, size_t why_len) {
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1 ||
        tls_bio_init() < 0 || curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
        (void)snprintf(why, why_len, "OpenSSL or libcurl cannot be set up");
        return -ENOMEM;
    }
    if (!connect_shim_active()) {
        (void)snprintf(why, why_len, "libcurl does not use this program's connect()");
        return -ENOSYS;
    }
    return 0;
}

int http_trust_new(const char *ca_file, struct http_trust **ret, char *why, size_t why_len) {
    int r = warm(why, why_len);
    if (r < 0)
        return r;
    const char *file = ca_file != NULL && ca_file[0] != '\0' ? ca_file : system_bundle();
    if (file == NULL) {
        (void)snprintf(why, why_len, "no CA certificates found: install ca-certificates");
        return -ENOENT;
    }
    if (access(file, R_OK) < 0) {
        r = -errno;
        (void)snprintf(why, why_len, "%s: %s", file, strerror(errno));
        return r;
    }
    static uint32_t number;
    struct http_trust *trust = calloc(1, sizeof(*trust));
    if (trust == NULL)
        return -ENOMEM;
    trust->number = ++number;
    r = context_new(file, &trust->ctx);
    ERR_clear_error();
    if (r < 0) {
        (void)snprintf(why, why_len, "%s holds no CA certificates in PEM form", file);
        free(trust);
        return r;
    }
    *ret = trust;
    return 0;
}

void http_trust_free(struct http_trust *trust) {
    if (trust == NULL)
        return;
    SSL_CTX_free(trust->ctx);
    free(trust);
}
