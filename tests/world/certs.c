/* Makes the stand-in's CA and server certificates (P-256). */
#include "tests/world/certs.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct authority {
    X509 *cert;
    EVP_PKEY *key;
};

static bool extend(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

#define TEN_YEARS_S (86400L * 3650)

/* A certificate over `key`, not yet signed, valid since a long week ago until `left_s` from now. */
static X509 *certificate(EVP_PKEY *key, const char *common_name, long left_s) {
    X509 *cert = X509_new();
    unsigned char serial[8];
    BIGNUM *bn = NULL;
    if (!cert || RAND_bytes(serial, sizeof(serial)) != 1)
        goto fail;
    serial[0] &= 0x7f;
    bn = BN_bin2bn(serial, sizeof(serial), NULL);
    X509_NAME *name = X509_get_subject_name(cert);
    if (!bn || !BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) || !X509_set_version(cert, 2) ||
        !X509_gmtime_adj(X509_getm_notBefore(cert), -86400L * 8) ||
        !X509_gmtime_adj(X509_getm_notAfter(cert), left_s) || !X509_set_pubkey(cert, key) ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                    -1, -1, 0))
        goto fail;
    BN_free(bn);
    return cert;
fail:
    BN_free(bn);
    X509_free(cert);
    return NULL;
}

static void authority_clear(struct authority *ca) {
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
    *ca = (struct authority){0};
}

static int authority_make(struct authority *ret, const char *name) {
    struct authority ca = {.key = EVP_EC_gen("P-256")};
    ca.cert = ca.key ? certificate(ca.key, name, TEN_YEARS_S) : NULL;
    if (!ca.cert || !X509_set_issuer_name(ca.cert, X509_get_subject_name(ca.cert)) ||
        !extend(ca.cert, ca.cert, NID_basic_constraints, "critical,CA:TRUE") ||
        !extend(ca.cert, ca.cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !extend(ca.cert, ca.cert, NID_subject_key_identifier, "hash") ||
        !X509_sign(ca.cert, ca.key, EVP_sha256())) {
        authority_clear(&ca);
        return -EIO;
    }
    *ret = ca;
    return 0;
}

static FILE *open_file(const char *dir, const char *name, const char *mode, mode_t perm) {
    SCOPE_FREE char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return NULL;
    int fd = open(path, (*mode == 'w' ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY) | O_CLOEXEC, perm);
    return fd < 0 ? NULL : fdopen(fd, mode);
}

static bool authority_load(const char *dir, struct authority *ret) {
    struct authority ca = {0};
    FILE *f = open_file(dir, "ca.pem", "r", 0);
    if (f) {
        ca.cert = PEM_read_X509(f, NULL, NULL, NULL);
        (void)fclose(f);
    }
    f = open_file(dir, "ca.key", "r", 0);
    if (f) {
        ca.key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
        (void)fclose(f);
    }
    if (!ca.cert || !ca.key || X509_check_private_key(ca.cert, ca.key) != 1 ||
        X509_cmp_current_time(X509_get0_notAfter(ca.cert)) < 0) {
        authority_clear(&ca);
        return false;
    }
    *ret = ca;
    return true;
}

static int authority_store(const char *dir, const struct authority *ca) {
    FILE *f = open_file(dir, "ca.key", "w", 0600);
    if (!f)
        return -errno;
    bool ok = PEM_write_PrivateKey(f, ca->key, NULL, NULL, 0, NULL, NULL) == 1;
    ok = fclose(f) == 0 && ok;
    f = open_file(dir, "ca.pem", "w", 0644);
    if (!f)
        return -errno;
    ok = PEM_write_X509(f, ca->cert) == 1 && ok;
    ok = fclose(f) == 0 && ok;
    return ok ? 0 : -EIO;
}

/* A server context whose certificate carries the alternative names `san`. */
static SSL_CTX *server(const struct authority *ca, const char *san, long left_s) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? certificate(key, "stand-in", left_s) : NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!cert || !ctx || !X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) ||
        !extend(cert, ca->cert, NID_subject_alt_name, san) ||
        !extend(cert, ca->cert, NID_key_usage, "critical,digitalSignature") ||
        !extend(cert, ca->cert, NID_ext_key_usage, "serverAuth") ||
        !extend(cert, ca->cert, NID_authority_key_identifier, "keyid") ||
        !X509_sign(cert, ca->key, EVP_sha256()) || SSL_CTX_use_certificate(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(ctx);
        ctx = NULL;
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

void certs_free(struct certs *certs) {
    SSL_CTX_free(certs->good);
    SSL_CTX_free(certs->wrong_host);
    SSL_CTX_free(certs->unknown_ca);
    SSL_CTX_free(certs->expired);
    *certs = (struct certs){0};
}

int certs_make(const char *dir, const char *const *names, size_t name_count, struct certs *ret) {
    char san[2048] = "DNS:localhost,IP:127.0.0.1,IP:::1";
    for (size_t i = 0; i < name_count; i++) {
        size_t used = strlen(san);
        bool address = strspn(names[i], "0123456789.:abcdefABCDEF") == strlen(names[i]);
        int n =
            snprintf(san + used, sizeof(san) - used, ",%s:%s", address ? "IP" : "DNS", names[i]);
        if (n < 0 || (size_t)n >= sizeof(san) - used)
            return -ENAMETOOLONG;
    }
    struct authority ca = {0}, stranger = {0};
    int r = 0;
    if (!authority_load(dir, &ca)) {
        r = authority_make(&ca, "Cloister stand-in CA");
        if (r == 0)
            r = authority_store(dir, &ca);
    }
    if (r == 0)
        r = authority_make(&stranger, "Nobody's CA");
    struct certs certs = {0};
    if (r == 0) {
        certs.good = server(&ca, san, TEN_YEARS_S);
        certs.wrong_host = server(&ca, "DNS:elsewhere.example.test", TEN_YEARS_S);
        certs.unknown_ca = server(&stranger, san, TEN_YEARS_S);
        certs.expired = server(&ca, san, -86400L);
        if (!certs.good || !certs.wrong_host || !certs.unknown_ca || !certs.expired)
            r = -EIO;
    }
    authority_clear(&ca);
    authority_clear(&stranger);
    if (r < 0)
        certs_free(&certs);
    else
        *ret = certs;
    return r;
}
