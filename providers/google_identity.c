/* Who signed in, as the identity token says. */
#include <errno.h>
#include <string.h>

#include "providers/google_internal.h"

#define SKEW_S 300

static bool audience_is(const json_t *aud, const char *client_id) {
    size_t i;
    json_t *item;
    if (json_is_string(aud))
        return strcmp(json_string_value(aud), client_id) == 0;
    json_array_foreach(aud, i,
                       item) if (json_is_string(item) &&
                                 strcmp(json_string_value(item), client_id) == 0) return true;
    return false;
}

static json_t *token_claims(const char *id_token) {
    const char *start = strchr(id_token, '.');
    const char *end = start != NULL ? strchr(start + 1, '.') : NULL;
    uint8_t plain[8192];
    if (end == NULL)
        return NULL;
    ssize_t n = base64url_decode(start + 1, (size_t)(end - start - 1), plain, sizeof(plain));
    return n < 0 ? NULL : json_loadb((const char *)plain, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
}

static bool claims_hold(const json_t *claims, const char *client_id, const char *nonce,
                        int64_t now_s) {
    const char *iss = json_string_value(json_object_get(claims, "iss"));
    const char *seen = json_string_value(json_object_get(claims, "nonce"));
    const json_t *exp = json_object_get(claims, "exp"), *iat = json_object_get(claims, "iat");
    if (iss == NULL || (strcmp(iss, "https://accounts.google.com") != 0 &&
                        strcmp(iss, "accounts.google.com") != 0))
        return false;
    if (!audience_is(json_object_get(claims, "aud"), client_id) || seen == NULL ||
        strcmp(seen, nonce) != 0 || !json_is_number(exp))
        return false;
    /* As it came: not every number that JSON can write is one of seconds. */
    if (json_number_value(exp) + SKEW_S < (double)now_s)
        return false;
    return !json_is_number(iat) || json_number_value(iat) - SKEW_S <= (double)now_s;
}

/* At most 255 ASCII characters, says Google: what is not one is no subject. */
static bool take_subject(const json_t *claims, struct google_identity *ret) {
    const char *sub = json_string_value(json_object_get(claims, "sub"));
    size_t len = sub != NULL ? strlen(sub) : 0;
    if (len == 0 || len >= sizeof(ret->subject))
        return false;
    for (size_t i = 0; i < len; i++)
        if (sub[i] <= ' ' || sub[i] > '~')
            return false;
    memcpy(ret->subject, sub, len + 1);
    return true;
}

/* To be shown to its owner, so only an address that Google vouches for. */
static void take_email(const json_t *claims, struct google_identity *ret) {
    const char *email = json_string_value(json_object_get(claims, "email"));
    size_t len = email != NULL ? strlen(email) : 0;
    ret->email[0] = '\0';
    if (!json_is_true(json_object_get(claims, "email_verified")) || len >= sizeof(ret->email))
        return;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)email[i] <= ' ' || email[i] == '\x7f')
            return;
    if (len > 0)
        memcpy(ret->email, email, len + 1);
}

int google_id_token_check(const char *id_token, const char *client_id, const char *nonce,
                          int64_t now_s, struct google_identity *ret) {
    json_t *claims = token_claims(id_token);
    struct google_identity identity = {0};
    bool holds = claims_hold(claims, client_id, nonce, now_s) && take_subject(claims, &identity);
    if (holds) {
        take_email(claims, &identity);
        *ret = identity;
    }
    json_decref(claims);
    return holds ? 0 : -EBADMSG;
}
