#include "certs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static void must(int ok) {
    if (!ok)
        abort();
}

static X509 *certificate(EVP_PKEY *key, const char *name, long from_s, long to_s) {
    static long serial = 1;
    X509 *cert = X509_new();
    must(cert != NULL && X509_set_version(cert, 2) && X509_set_pubkey(cert, key));
    must(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++));
    must(X509_gmtime_adj(X509_getm_notBefore(cert), from_s) != NULL);
    must(X509_gmtime_adj(X509_getm_notAfter(cert), to_s) != NULL);
    must(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                    (const unsigned char *)name, -1, -1, 0));
    return cert;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(extension != NULL && X509_add_ext(cert, extension, -1));
    X509_EXTENSION_free(extension);
}

struct authority authority_new(const char *name) {
    struct authority ca = {.key = EVP_EC_gen("P-256")};
    must(ca.key != NULL);
    ca.cert = certificate(ca.key, name, -3600, 86400);
    must(X509_set_issuer_name(ca.cert, X509_get_subject_name(ca.cert)));
    extend(ca.cert, ca.cert, NID_basic_constraints, "critical,CA:TRUE");
    extend(ca.cert, ca.cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    must(X509_sign(ca.cert, ca.key, EVP_sha256()) > 0);
    return ca;
}

void authority_free(struct authority *ca) {
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
}

SSL_CTX *server_context(const struct authority *ca, const char *san, long from_s, long to_s) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key != NULL);
    X509 *cert = certificate(key, "test server", from_s, to_s);
    must(X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)));
    extend(cert, ca->cert, NID_subject_alt_name, san);
    must(X509_sign(cert, ca->key, EVP_sha256()) > 0);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    must(ctx != NULL && SSL_CTX_use_certificate(ctx, cert) && SSL_CTX_use_PrivateKey(ctx, key));
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

void authority_save(const struct authority *ca, const char *path) {
    FILE *file = fopen(path, "w");
    must(file != NULL && PEM_write_X509(file, ca->cert) && fclose(file) == 0);
}
