#include "tests/world/jwt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "ipc/base.h"

#define KEY_ID "stand-in-1"

static char *encode(const void *data, size_t len) {
    char *out = malloc(BASE64URL_SIZE(len));
    if (out)
        base64url_encode(data, len, out);
    return out;
}

static char *encode_json(json_t *json) {
    SCOPE_FREE char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text ? encode(text, strlen(text)) : NULL;
}

char *jwt_sign(EVP_PKEY *key, json_t *claims) {
    SCOPE_FREE char *head =
        encode_json(json_pack("{s:s,s:s,s:s}", "alg", "RS256", "kid", KEY_ID, "typ", "JWT"));
    SCOPE_FREE char *body = encode_json(claims);
    SCOPE_FREE char *input = NULL;
    if (!head || !body || asprintf(&input, "%s.%s", head, body) < 0)
        return NULL;
    unsigned char mac[512];
    size_t mac_len = sizeof(mac);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(ctx, mac, &mac_len, (const unsigned char *)input, strlen(input)) == 1;
    EVP_MD_CTX_free(ctx);
    SCOPE_FREE char *signature = ok ? encode(mac, mac_len) : NULL;
    char *token = NULL;
    if (!signature || asprintf(&token, "%s.%s", input, signature) < 0)
        return NULL;
    return token;
}

static json_t *number_param(EVP_PKEY *key, const char *name) {
    BIGNUM *bn = NULL;
    unsigned char bytes[512];
    if (EVP_PKEY_get_bn_param(key, name, &bn) != 1)
        return json_null();
    int len = BN_bn2bin(bn, bytes);
    BN_free(bn);
    SCOPE_FREE char *text = encode(bytes, (size_t)len);
    return json_string(text);
}

json_t *jwt_key_set(EVP_PKEY *key) {
    return json_pack("{s:[{s:s,s:s,s:s,s:s,s:o,s:o}]}", "keys", "kty", "RSA", "alg", "RS256", "use",
                     "sig", "kid", KEY_ID, "n", number_param(key, OSSL_PKEY_PARAM_RSA_N), "e",
                     number_param(key, OSSL_PKEY_PARAM_RSA_E));
}

json_t *jwt_key_pem(EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_mem());
    json_t *all = json_object();
    char *text = NULL;
    if (bio && PEM_write_bio_PUBKEY(bio, key) == 1) {
        long len = BIO_get_mem_data(bio, &text);
        json_object_set_new(all, KEY_ID, json_stringn(text, (size_t)len));
    }
    BIO_free(bio);
    return all;
}
