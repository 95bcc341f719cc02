/* The ends of a connection: a code becomes tokens, or a name alone; a refresh token is revoked. */
#include <errno.h>
#include <string.h>

#include "memory/seal.h"
#include "providers/google_internal.h"

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

/* What differs between connecting and signing in: the code of what Google did not complete, and the
 * way on. */
struct exchange_words {
    const char *code, *again;
};
static const struct exchange_words connecting = {"connect_failed", "Start connecting again."};
static const struct exchange_words signing_in = {"sign_in_failed", "Sign in again."};

static int exchange_refused(int status, const json_t *body, const struct exchange_words *words,
                            struct fault *fault) {
    const char *error = json_string_value(json_object_get(body, "error"));
    if (error != NULL && strcmp(error, "invalid_grant") == 0)
        return fault_set(fault, -EIO, words->code, true,
                         "Google did not accept the sign-in any more: it was used twice or took "
                         "too long. %s",
                         words->again);
    if (status >= 500 || status == 429)
        return fault_set(fault, -EIO, "google_unavailable", true,
                         "Google's sign-in service has a problem at the moment. %s", words->again);
    return fault_set(fault, -EIO, "google_rejected", false,
                     "Google refused this server's client (status %d). The operator must check the "
                     "[google] settings.",
                     status);
}

/* Redeems a code; *ret_body is the answer's. */
static int exchange(struct google *google, const struct google_code *code,
                    const struct exchange_words *words, json_t **ret_body, struct fault *fault) {
    const struct google_param params[] = {{"code", code->code},
                                          {"client_id", google->settings->client_id},
                                          {"client_secret", google->client_secret},
                                          {"redirect_uri", code->redirect_uri},
                                          {"grant_type", "authorization_code"},
                                          {"code_verifier", code->verifier},
                                          {NULL, NULL}};
    struct http_transfer *transfer = NULL;
    int r = google_post_form(google, google->settings->token_url, params, &transfer);
    if (r == 0)
        r = pump_wait(google->pump, transfer, NULL, fault);
    if (r < 0) { /* a code works once, so there is no second attempt */
        google_count(google->pump, PUMP_ERROR_UNREACHABLE);
        r = google_transport_fault(transfer, r, fault);
    } else {
        size_t len;
        const char *text = http_body(transfer, &len);
        json_t *body = json_loadb(text, len, 0, NULL);
        int status = http_status(transfer);
        if (status == 200)
            *ret_body = take_ptr(body);
        else
            r = exchange_refused(status, body, words, fault);
        json_decref(body);
    }
    if (transfer != NULL)
        http_finish(transfer);
    return r;
}

/* Who it was: without that an account cannot be told from another, and nothing is kept. PKCE ties
 * the code to this sign-in, the nonce ties the identity token to it. */
static int identity_read(const struct google *google, const json_t *body, const char *nonce,
                         const struct exchange_words *words, struct google_identity *ret,
                         struct fault *fault) {
    const char *id_token = json_string_value(json_object_get(body, "id_token"));
    if (id_token == NULL)
        return fault_set(fault, -EIO, words->code, true,
                         "Google did not say whose account this is. %s Leave the box for your "
                         "identity ticked.",
                         words->again);
    if (google_id_token_check(id_token, google->settings->client_id, nonce, wall_ms() / 1000, ret) <
        0)
        return fault_set(fault, -EIO, words->code, true,
                         "Google's identity token was not made for this sign-in. %s", words->again);
    return 0;
}

static int grant_read(const json_t *body, struct google_grant *ret, struct fault *fault) {
    const char *refresh = json_string_value(json_object_get(body, "refresh_token"));
    const char *access = json_string_value(json_object_get(body, "access_token"));
    const char *scope = json_string_value(json_object_get(body, "scope"));
    if (access == NULL || scope == NULL)
        return fault_set(fault, -EIO, "connect_failed", true,
                         "Google's sign-in service sent an incomplete answer. Start connecting "
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

int google_exchange(struct google *google, const struct google_code *code, struct google_grant *ret,
                    struct fault *fault) {
    struct google_grant grant = {0};
    json_t *body = NULL;
    int r = exchange(google, code, &connecting, &body, fault);
    if (r == 0)
        r = identity_read(google, body, code->nonce, &connecting, &grant.identity, fault);
    if (r == 0)
        r = grant_read(body, &grant, fault);
    json_decref(body);
    if (r < 0)
        google_grant_free(&grant);
    else
        *ret = grant;
    return r;
}

int google_sign_in(struct google *google, const struct google_code *code,
                   struct google_identity *ret, struct fault *fault) {
    struct google_identity identity = {0};
    json_t *body = NULL;
    int r = exchange(google, code, &signing_in, &body, fault);
    if (r == 0)
        r = identity_read(google, body, code->nonce, &signing_in, &identity, fault);
    json_decref(body); /* and whatever tokens Google put beside it */
    if (r == 0)
        *ret = identity;
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
