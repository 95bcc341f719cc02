/* A browser opens a connect link: the link is bound to it, and it is sent to Google's consent page.
 *
 * The order matters. A pending connection's row comes before its key, so that no key is ever
 * without a row that the reconciler finds; the link is bound to the browser only when everything
 * else is there, since a browser that got an error has no cookie to come back with. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/api_flow.h"
#include "supervisor/connect_features.h"
#include "supervisor/google_consent.h"
#include "supervisor/words.h"

struct open_flow {
    struct flow flow;
    uint8_t link_hash[TOKEN_HASH_LEN], cookie_hash[TOKEN_HASH_LEN];
    bool had_cookie;
    char cookie[TOKEN_LEN + 1], state[TOKEN_LEN + 1];
    char connection[ID_LEN + 1];
    char features[128];
    char challenge[BASE64URL_SIZE(32)];
};

static void fail_link(struct open_flow *f, int error) {
    switch (error) {
    case -ENOENT:
        flow_fail(&f->flow, 400, "link_invalid",
                  "This link is not valid, or has been used. Ask for a new one.", false);
        break;
    case -ETIME:
        flow_fail(&f->flow, 410, "link_expired",
                  "This link has expired: it is good for 10 minutes. Ask for a new one.", false);
        break;
    case -EACCES:
        flow_fail(&f->flow, 403, "wrong_browser",
                  "This link was opened in another browser. Go on there, or ask for a new one.",
                  false);
        break;
    case -EBUSY:
        flow_fail(&f->flow, 429, "busy",
                  "Too many connections were begun and not finished. Try again in 15 minutes.",
                  true);
        break;
    default:
        flow_fail_store(&f->flow, error);
        break;
    }
}

static int consent_url(const struct open_flow *f, char *out, size_t cap) {
    char scope[512];
    SCOPE_WORDS struct words features;
    words_split(f->features, &features);
    if (features_scope(features.list, features.n, scope, sizeof(scope)) < 0)
        return -ENOSPC;
    struct google_consent consent = {.scope = scope,
                                     .state = f->state,
                                     .challenge = f->challenge,
                                     .prompt = "consent",
                                     .offline = true};
    return google_consent_url(f->flow.api->config, &consent, out, cap);
}

static void on_opened(void *ctx, int error) {
    struct open_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        fail_link(f, error);
        return;
    }
    char location[LOCATION_MAX];
    if (consent_url(f, location, sizeof(location)) < 0) {
        flow_fail(&f->flow, 500, "internal", "The address of the consent page is too long.", false);
        return;
    }
    Cloister__ConnectRedirect body = CLOISTER__CONNECT_REDIRECT__INIT;
    body.request = f->flow.request;
    body.location = location;
    body.cookie = f->cookie;
    Cloister__Message message = MSG_OF(CONNECT_REDIRECT, connect_redirect, &body);
    flow_reply(&f->flow, &message);
    explicit_bzero(location, sizeof(location)); /* has the state in it */
}

static void on_challenge(void *ctx, int error, const Cloister__KeyResult *result) {
    struct open_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0 || result->challenge[0] == '\0' ||
        strlen(result->challenge) >= sizeof(f->challenge)) {
        flow_fail_keys(&f->flow);
        return;
    }
    strcpy(f->challenge, result->challenge);
    uint8_t state_hash[TOKEN_HASH_LEN], new_cookie_hash[TOKEN_HASH_LEN];
    token_hash("state", f->state, state_hash);
    token_hash("cookie", f->cookie, new_cookie_hash);
    flow_wait(&f->flow);
    store_link_open(f->flow.api->store, f->link_hash, f->had_cookie ? f->cookie_hash : NULL,
                    new_cookie_hash, state_hash, on_opened, f);
}

static void on_key(void *ctx, int error, const Cloister__KeyResult *result) {
    struct open_flow *f = ctx;
    (void)result;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        flow_fail_keys(&f->flow);
        return;
    }
    token_random(f->state);
    flow_wait(&f->flow);
    keys_challenge(f->flow.api->keys, f->state, on_challenge, f);
}

static void on_prepared(void *ctx, int error, const struct store_opening *opening) {
    struct open_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        fail_link(f, error);
        return;
    }
    snprintf(f->connection, sizeof(f->connection), "%s", opening->connection);
    snprintf(f->features, sizeof(f->features), "%s", opening->features);
    flow_wait(&f->flow);
    keys_create(f->flow.api->keys, CLOISTER__KEY_KIND__KEY_CONNECTION, f->connection, "", on_key,
                f);
}

/* The browser's cookie is always a new one: what it sent could have been planted in it. Its old one
 * only shows that it is the browser that opened this link before. */
void api_connect_open(struct api *api, struct gateway_end *end,
                      const Cloister__ConnectOpen *request) {
    struct open_flow *f = flow_new(api, sizeof(*f), end, request->request);
    if (!token_valid(request->link)) {
        fail_link(f, -ENOENT);
        return;
    }
    token_hash("link", request->link, f->link_hash);
    f->had_cookie = token_valid(request->cookie);
    if (f->had_cookie)
        token_hash("cookie", request->cookie, f->cookie_hash);
    token_random(f->cookie);
    char connection[ID_LEN + 1];
    id_random(connection);
    flow_wait(&f->flow);
    store_link_prepare(api->store, f->link_hash, f->had_cookie ? f->cookie_hash : NULL, connection,
                       on_prepared, f);
}
