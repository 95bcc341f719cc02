/* Google's token, revoke and OpenID endpoints. */
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/accounts.h"
#include "tests/world/google.h"
#include "tests/world/jwt.h"

#define ISSUER "https://accounts.google.com"

const char *form_value(const struct evkeyvalq *form, const char *name) {
    for (const struct evkeyval *f = form->tqh_first; f; f = f->next.tqe_next)
        if (strcmp(f->key, name) == 0)
            return f->value;
    return NULL;
}

void form_parse(const struct exchange *x, struct evkeyvalq *ret) {
    if (evhttp_parse_query_str(x->body, ret) < 0)
        *ret = (struct evkeyvalq){.tqh_last = &ret->tqh_first};
}

const char *bearer(const struct exchange *x) {
    const char *value = exchange_header(x, "Authorization");
    return value && strncasecmp(value, "Bearer ", 7) == 0 ? value + 7 : NULL;
}

void token_error(struct exchange *x, int status, const char *error, const char *description) {
    answer_header(x, "Cache-Control", "no-cache, no-store, max-age=0, must-revalidate");
    answer_json(x, status,
                json_pack("{s:s,s:s}", "error", error, "error_description", description));
}

void token_account(struct exchange *x) {
    struct evkeyvalq form;
    form_parse(x, &form);
    static const char *const names[] = {"refresh_token", "code", "token"};
    for (size_t i = 0; i < COUNT_OF(names) && !x->account[0]; i++) {
        const char *value = form_value(&form, names[i]);
        const json_t *places[] = {x->world->refresh, x->world->codes, x->world->access};
        for (size_t p = 0; value && p < COUNT_OF(places); p++) {
            const json_t *record = json_object_get(places[p], value);
            if (record)
                snprintf(x->account, sizeof(x->account), "%s", account_text(record, "account"));
        }
    }
    evhttp_clear_headers(&form);
}

/* ---- answers ---- */

/* Makes the claims wrong in the way that a test asked for. */
static void spoil(json_t *claims, const char *how, json_int_t now) {
    static const struct {
        const char *how, *claim, *text; /* text NULL: the claim goes away */
    } rows[] = {
        {"nonce", "nonce", "bm90LXRoZS1vbmUteW91LXNlbnQ"},
        {"no_nonce", "nonce", NULL},
        {"aud", "aud", "another-client.apps.googleusercontent.com"},
        {"iss", "iss", "https://accounts.example.test"},
        {"no_sub", "sub", NULL},
        {"sub", "sub", "199999999999999999999"},
        {"no_email", "email", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (strcmp(how, rows[i].how) != 0)
            continue;
        if (rows[i].text)
            json_object_set_new(claims, rows[i].claim, json_string(rows[i].text));
        else
            json_object_del(claims, rows[i].claim);
    }
    if (strcmp(how, "expired") == 0) {
        json_object_set_new(claims, "iat", json_integer(now - 7200));
        json_object_set_new(claims, "exp", json_integer(now - 3600));
    } else if (strcmp(how, "unverified") == 0) {
        json_object_set_new(claims, "email_verified", json_false());
    }
}

static char *id_token(struct exchange *x, const json_t *account, const char *scope,
                      const char *nonce) {
    struct world *w = x->world;
    json_int_t now = world_now_s(w);
    json_t *claims =
        json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:s*}", "iss", ISSUER, "aud", w->opt.client_id, "azp",
                  w->opt.client_id, "sub", account_text(account, "sub"), "iat", now, "exp",
                  now + 3600, "nonce", nonce);
    if (strstr(scope, "userinfo.email")) {
        json_object_set_new(claims, "email", json_string(account_text(account, "email")));
        json_object_set_new(claims, "email_verified", json_true());
    }
    if (strstr(scope, "userinfo.profile"))
        json_object_set_new(claims, "name", json_string(account_text(account, "name")));
    if (x->fault.kind == FAULT_ID_TOKEN)
        spoil(claims, x->fault.reason, now);
    if (x->fault.kind == FAULT_ID_TOKEN && strcmp(x->fault.reason, "garbage") == 0) {
        json_decref(claims);
        return strdup("not.a.token");
    }
    return jwt_sign(w->jwt_key, claims);
}

static void give_tokens(struct exchange *x, const char *name, const char *scope,
                        const char *refresh_now, const char *refresh_of, const char *nonce) {
    struct world *w = x->world;
    const json_t *account = account_find(w, name);
    char access[96];
    (void)token_new_access(w, name, scope, refresh_of, access);
    json_t *body = json_pack("{s:s,s:i,s:s,s:s}", "access_token", access, "expires_in",
                             w->opt.access_ttl_s > 0 ? w->opt.access_ttl_s - 1 : 0, "scope", scope,
                             "token_type", "Bearer");
    if (refresh_now)
        json_object_set_new(body, "refresh_token", json_string(refresh_now));
    bool missing = x->fault.kind == FAULT_ID_TOKEN && strcmp(x->fault.reason, "missing") == 0;
    if (scope_has(scope, "openid") && !missing) {
        SCOPE_FREE char *token = id_token(x, account, scope, nonce);
        json_object_set_new(body, "id_token", json_string(token ? token : ""));
    }
    answer_header(x, "Cache-Control", "no-cache, no-store, max-age=0, must-revalidate");
    answer_json(x, 200, body);
}

/* ---- grants ---- */

static bool pkce_fits(const json_t *code, const char *verifier) {
    const char *challenge = account_text(code, "challenge");
    if (!*challenge)
        return true;
    if (!verifier || strlen(verifier) < 43 || strlen(verifier) > 128)
        return false;
    if (strcmp(account_text(code, "method"), "plain") == 0)
        return strcmp(verifier, challenge) == 0;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char text[BASE64URL_SIZE(SHA256_DIGEST_LENGTH)];
    SHA256((const uint8_t *)verifier, strlen(verifier), digest);
    base64url_encode(digest, sizeof(digest), text);
    return strcmp(text, challenge) == 0;
}

static void exchange_code(struct exchange *x, const struct evkeyvalq *form) {
    struct world *w = x->world;
    const char *code = form_value(form, "code"), *uri = form_value(form, "redirect_uri");
    if (!code) {
        token_error(x, 400, "invalid_request", "Missing required parameter: code");
        return;
    }
    json_t *record = json_incref(json_object_get(w->codes, code));
    if (!record) {
        token_error(x, 400, "invalid_grant", "Malformed auth code.");
        return;
    }
    /* Single use, whatever comes of it. */
    json_object_del(w->codes, code);
    const char *client = form_value(form, "client_id");
    const char *name = account_text(record, "account"), *scope = account_text(record, "scope");
    if (json_integer_value(json_object_get(record, "expires")) <= world_now_s(w)) {
        token_error(x, 400, "invalid_grant", "Code has expired.");
    } else if (!uri || strcmp(uri, account_text(record, "redirect")) != 0) {
        token_error(x, 400, uri ? "redirect_uri_mismatch" : "invalid_request", "Bad Request");
    } else if (!pkce_fits(record, form_value(form, "code_verifier"))) {
        token_error(x, 400, "invalid_grant", "Invalid code verifier.");
    } else {
        char refresh[96] = "";
        bool due = json_is_true(json_object_get(record, "refresh"));
        if (due)
            token_new_refresh(w, name, client ? client : w->opt.client_id, scope, refresh);
        const char *nonce = json_string_value(json_object_get(record, "nonce"));
        give_tokens(x, name, scope, due ? refresh : NULL, refresh, nonce);
    }
    json_decref(record);
}

static void refresh_token(struct exchange *x, const struct evkeyvalq *form) {
    const char *token = form_value(form, "refresh_token"), *less = form_value(form, "scope");
    if (!token) {
        token_error(x, 400, "invalid_request", "Missing required parameter: refresh_token");
        return;
    }
    const json_t *record = token_check_refresh(x->world, token);
    if (!record) {
        token_error(x, 400, "invalid_grant", "Token has been expired or revoked.");
        return;
    }
    const char *scope = account_text(record, "scope");
    SCOPE_FREE char *copy = strdup(less ? less : "");
    char *save = NULL;
    for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
        if (!scope_has(scope, s)) {
            token_error(x, 400, "invalid_scope", "Some requested scopes were not granted.");
            return;
        }
    give_tokens(x, account_text(record, "account"), less && *less ? less : scope, NULL, token,
                NULL);
}

/* Client id and secret, from the form or from Basic credentials. */
static bool client_fits(const struct exchange *x, const struct evkeyvalq *form) {
    const struct world *w = x->world;
    const char *id = form_value(form, "client_id"), *secret = form_value(form, "client_secret");
    const char *header = exchange_header(x, "Authorization");
    if (header && strncasecmp(header, "Basic ", 6) == 0) {
        char want[300], coded[420];
        snprintf(want, sizeof(want), "%s:%s", w->opt.client_id, w->client_secret);
        EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)want, (int)strlen(want));
        return strcmp(header + 6, coded) == 0;
    }
    return id && secret && strcmp(id, w->opt.client_id) == 0 &&
           strcmp(secret, w->client_secret) == 0;
}

void token_handle(struct exchange *x) {
    const char *type = exchange_header(x, "Content-Type");
    if (strcmp(x->method, "POST") != 0 || !type ||
        strncasecmp(type, "application/x-www-form-urlencoded", 33) != 0) {
        token_error(x, 400, "invalid_request", "POST an application/x-www-form-urlencoded body.");
        return;
    }
    struct evkeyvalq form;
    form_parse(x, &form);
    const char *grant = form_value(&form, "grant_type");
    if (!client_fits(x, &form))
        token_error(x, 401, "invalid_client", "The OAuth client was not found or is unauthorized.");
    else if (!grant)
        token_error(x, 400, "invalid_request", "Missing required parameter: grant_type");
    else if (strcmp(grant, "authorization_code") == 0)
        exchange_code(x, &form);
    else if (strcmp(grant, "refresh_token") == 0)
        refresh_token(x, &form);
    else
        token_error(x, 400, "unsupported_grant_type", "Invalid grant_type");
    evhttp_clear_headers(&form);
}

void revoke_handle(struct exchange *x) {
    struct world *w = x->world;
    struct evkeyvalq form;
    form_parse(x, &form);
    const char *token = form_value(&form, "token");
    if (!token)
        token = exchange_query(x, "token");
    const json_t *record = token ? token_check_refresh(w, token) : NULL;
    if (!record && token)
        record = json_object_get(w->access, token);
    if (strcmp(x->method, "POST") != 0 || !token) {
        token_error(x, 400, "invalid_request", "Missing required parameter: token");
    } else if (!record) {
        token_error(x, 400, "invalid_token", "Token expired or revoked");
    } else {
        char name[64];
        snprintf(name, sizeof(name), "%s", account_text(record, "account"));
        json_t *account = account_find(w, name);
        json_object_clear(json_object_get(account, "granted"));
        json_object_set_new(account, "offline", json_false());
        (void)token_kill(w, name, true, true);
        answer_json(x, 200, json_object());
    }
    evhttp_clear_headers(&form);
}

/* ---- OpenID ---- */

static void userinfo(struct exchange *x) {
    const char *token = bearer(x);
    const json_t *record = token ? token_check_access(x->world, token) : NULL;
    if (!record || !scope_has(account_text(record, "scope"), "openid")) {
        answer_header(x, "WWW-Authenticate",
                      "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"");
        token_error(x, 401, "invalid_request", "Invalid Credentials");
        return;
    }
    const json_t *account = account_find(x->world, account_text(record, "account"));
    answer_json(x, 200,
                json_pack("{s:s,s:s,s:b}", "sub", account_text(account, "sub"), "email",
                          account_text(account, "email"), "email_verified", 1));
}

static void tokeninfo(struct exchange *x) {
    const char *asked = exchange_query(x, "access_token"), *token = asked ? asked : bearer(x);
    const json_t *record = token ? token_check_access(x->world, token) : NULL;
    if (!record) {
        token_error(x, 400, "invalid_token", "Invalid Value");
        return;
    }
    const json_t *account = account_find(x->world, account_text(record, "account"));
    char left[24];
    snprintf(left, sizeof(left), "%lld",
             (long long)json_integer_value(json_object_get(record, "expires")) -
                 (long long)world_now_s(x->world));
    answer_json(x, 200,
                json_pack("{s:s,s:s,s:s,s:s,s:s}", "aud", x->world->opt.client_id, "scope",
                          account_text(record, "scope"), "sub", account_text(account, "sub"),
                          "expires_in", left, "access_type", "offline"));
}

static void discovery(struct exchange *x) {
    const char *base = x->world->google_url;
    answer_json(x, 200,
                json_pack("{s:s,s:s+,s:s+,s:s+,s:s+,s:s+,s:[s],s:[s]}", "issuer", ISSUER,
                          "authorization_endpoint", base, "/o/oauth2/v2/auth", "token_endpoint",
                          base, "/token", "revocation_endpoint", base, "/revoke",
                          "userinfo_endpoint", base, "/v1/userinfo", "jwks_uri", base,
                          "/oauth2/v3/certs", "response_types_supported", "code",
                          "id_token_signing_alg_values_supported", "RS256"));
}

void openid_handle(struct exchange *x) {
    if (strcmp(x->path, "/v1/userinfo") == 0)
        userinfo(x);
    else if (strcmp(x->path, "/tokeninfo") == 0)
        tokeninfo(x);
    else if (strcmp(x->path, "/oauth2/v3/certs") == 0)
        answer_json(x, 200, jwt_key_set(x->world->jwt_key));
    else if (strcmp(x->path, "/oauth2/v1/certs") == 0)
        answer_json(x, 200, jwt_key_pem(x->world->jwt_key));
    else if (strcmp(x->path, "/.well-known/openid-configuration") == 0)
        discovery(x);
    else
        answer_text(x, 404, "text/html; charset=utf-8",
                    "<h1>404</h1><p>There is no such page.</p>");
}
