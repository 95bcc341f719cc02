/* The ends of a connection: a code becomes tokens, a refresh token is revoked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/seal.h"
#include "providers/google_internal.h"
#include "providers/strbuf.h"

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
    if ((int64_t)json_number_value(exp) + SKEW_S < now_s)
        return false;
    return !json_is_number(iat) || (int64_t)json_number_value(iat) - SKEW_S <= now_s;
}

int google_id_token_check(const char *id_token, const char *client_id, const char *nonce,
                          int64_t now_s, char *subject, size_t cap) {
    json_t *claims = token_claims(id_token);
    const char *sub = json_string_value(json_object_get(claims, "sub"));
    int r = -EBADMSG;
    if (sub != NULL && *sub != '\0' && strlen(sub) < cap &&
        claims_hold(claims, client_id, nonce, now_s)) {
        (void)snprintf(subject, cap, "%s", sub);
        r = 0;
    }
    json_decref(claims);
    return r;
}

int google_scopes(const char *granted, char ***ret, size_t *ret_n) {
    static const struct {
        const char *longer, *shorter;
    } same[] = {
        {GOOGLE_SCOPE_BASE "userinfo.email", "email"},
        {GOOGLE_SCOPE_BASE "userinfo.profile", "profile"},
    };
    SCOPE_FREE char *copy = strdup(granted);
    char **list = calloc(strlen(granted) / 2 + 2, sizeof(*list)), *rest = NULL;
    size_t n = 0;
    if (copy == NULL || list == NULL) {
        free(list);
        return -ENOMEM;
    }
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        const char *name = word;
        for (size_t i = 0; i < COUNT_OF(same); i++)
            if (strcmp(word, same[i].longer) == 0)
                name = same[i].shorter;
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || strcmp(list[i], name) == 0;
        if (!known && (list[n] = strdup(name)) != NULL)
            n++;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

void google_grant_free(struct google_grant *grant) {
    secret_free(grant->refresh);
    secret_free(grant->access);
    for (size_t i = 0; i < grant->nscopes; i++)
        free(grant->scopes[i]);
    free(grant->scopes);
    *grant = (struct google_grant){0};
}

static int exchange_refused(int status, const json_t *body, struct fault *fault) {
    const char *error = json_string_value(json_object_get(body, "error"));
    if (error != NULL && strcmp(error, "invalid_grant") == 0)
        return fault_set(
            fault, -EIO, "connect_failed", true,
            "Google did not accept the sign-in any more: it was used twice or took too "
            "long. Start connecting again.");
    if (status >= 500 || status == 429)
        return fault_set(fault, -EIO, "google_unavailable", true,
                         "Google's sign-in service has a problem at the moment. Start connecting "
                         "again.");
    return fault_set(fault, -EIO, "google_rejected", false,
                     "Google refused this server's client (status %d). The operator must check the "
                     "[google] settings.",
                     status);
}

static int grant_read(struct google *google, const json_t *body, const char *nonce,
                      struct google_grant *ret, struct fault *fault) {
    const char *refresh = json_string_value(json_object_get(body, "refresh_token"));
    const char *access = json_string_value(json_object_get(body, "access_token"));
    const char *id_token = json_string_value(json_object_get(body, "id_token"));
    const char *scope = json_string_value(json_object_get(body, "scope"));
    if (access == NULL || scope == NULL)
        return fault_set(fault, -EIO, "connect_failed", true,
                         "Google's sign-in service sent an incomplete answer. Start connecting "
                         "again.");
    /* There is none for who did not allow openid. PKCE already ties the code to this sign-in; one
     * that does come must be for it. */
    if (id_token != NULL &&
        google_id_token_check(id_token, google->settings->client_id, nonce, wall_ms() / 1000,
                              ret->subject, sizeof(ret->subject)) < 0)
        return fault_set(fault, -EIO, "connect_failed", true,
                         "Google's identity token was not made for this sign-in. Start connecting "
                         "again.");
    if (refresh == NULL || *refresh == '\0')
        return fault_set(fault, -EIO, "connect_failed", true,
                         "Google gave no lasting permission. Remove this app at "
                         "myaccount.google.com/connections, then connect again.");
    ret->refresh = google_secret_copy(refresh);
    ret->access = google_secret_copy(access);
    ret->expires_at_ms = google_expiry(body);
    if (ret->refresh == NULL || ret->access == NULL ||
        google_scopes(scope, &ret->scopes, &ret->nscopes) < 0)
        return fault_set(fault, -ENOMEM, "internal", true, "This server is out of memory.");
    return 0;
}

int google_exchange(struct google *google, const char *code, const char *redirect_uri,
                    const char *verifier, const char *nonce, struct google_grant *ret,
                    struct fault *fault) {
    const struct google_param params[] = {{"code", code},
                                          {"client_id", google->settings->client_id},
                                          {"client_secret", google->client_secret},
                                          {"redirect_uri", redirect_uri},
                                          {"grant_type", "authorization_code"},
                                          {"code_verifier", verifier},
                                          {NULL, NULL}};
    struct http_transfer *transfer = NULL;
    struct google_grant grant = {0};
    int r = google_post_form(google, google->settings->token_url, params, &transfer);
    if (r == 0)
        r = pump_wait(google->pump, transfer, NULL, fault);
    if (r < 0) { /* a code works once, so there is no second attempt */
        r = google_transport_fault(transfer, r, fault);
    } else {
        size_t len;
        const char *text = http_body(transfer, &len);
        json_t *body = json_loadb(text, len, 0, NULL);
        int status = http_status(transfer);
        r = status == 200 ? grant_read(google, body, nonce, &grant, fault)
                          : exchange_refused(status, body, fault);
        json_decref(body);
    }
    if (transfer != NULL)
        http_finish(transfer);
    if (r < 0)
        google_grant_free(&grant);
    else
        *ret = grant;
    return r;
}

static int revoke_once(struct google *google, const char *refresh, bool *ret_confirmed,
                       struct fault *fault) {
    const struct google_param params[] = {{"token", refresh}, {NULL, NULL}};
    struct http_transfer *transfer = NULL;
    int r = google_post_form(google, google->settings->revoke_url, params, &transfer);
    if (r == 0)
        r = pump_wait(google->pump, transfer, NULL, fault);
    if (r < 0) {
        r = google_transport_fault(transfer, r, fault);
    } else {
        int status = http_status(transfer);
        size_t len;
        const char *text = http_body(transfer, &len);
        json_t *body = json_loadb(text, len, 0, NULL);
        const char *error = json_string_value(json_object_get(body, "error"));
        *ret_confirmed = status / 100 == 2 ||
                         (status == 400 && error != NULL && strcmp(error, "invalid_token") == 0);
        if (status >= 500 || status == 429)
            r = fault_set(fault, -EAGAIN, "google_unavailable", true,
                          "Google's sign-in service has a problem at the moment.");
        json_decref(body);
    }
    if (transfer != NULL)
        http_finish(transfer);
    return r;
}

int google_revoke(struct google *google, const char *refresh, bool *ret_confirmed,
                  struct fault *fault) {
    *ret_confirmed = false;
    for (unsigned i = 0;; i++) {
        struct fault why = {0};
        int r = revoke_once(google, refresh, ret_confirmed, &why);
        if (r == -EAGAIN && i < 2) {
            int s = pump_backoff(google->pump, i, 300, 2000, 0, fault);
            if (s == 0)
                continue;
            if (s != -EAGAIN)
                return s;
        }
        if (r < 0)
            *fault = why;
        return r;
    }
}
