/* Signing in with Google on the web pages: out to Google's page, and back as a session. The
 * code is exchanged in a connect cell, which tells who signed in and keeps no token. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "supervisor/api_flow.h"
#include "supervisor/google_consent.h"
#include "supervisor/store_sign_in.h"
#include "supervisor/web_sessions.h"

/* ---- out ---- */

struct begin_flow {
    struct flow flow;
    bool choose_account;
    char state[TOKEN_LEN + 1], cookie[TOKEN_LEN + 1];
    char challenge[BASE64URL_SIZE(32)];
};

/* Browsers keep Secure cookies of plain http for their own machine alone. */
static bool browsers_keep_cookies(const char *url) {
    static const char *const loopback[] = {"localhost", "127.", "[::1]"};
    if (strncasecmp(url, "http://", 7) != 0)
        return true;
    const char *host = url + 7;
    for (size_t i = 0; i < COUNT_OF(loopback); i++) {
        size_t len = strlen(loopback[i]);
        if (strncasecmp(host, loopback[i], len) != 0)
            continue;
        host += len;
        if (i == 1)
            host += strspn(host, "0123456789.");
        return *host == '\0' || *host == ':' || *host == '/';
    }
    return false;
}

static void on_made(void *ctx, int error) {
    struct begin_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        flow_fail_store(&f->flow, error);
        return;
    }
    char location[LOCATION_MAX];
    struct google_consent consent = {.scope = "openid email",
                                     .state = f->state,
                                     .challenge = f->challenge,
                                     .prompt = f->choose_account ? "select_account" : ""};
    if (google_consent_url(f->flow.api->config, &consent, location, sizeof(location)) < 0) {
        flow_fail(&f->flow, 500, "internal", "The address of the sign-in page is too long.", false);
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
    struct begin_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0 || result->challenge[0] == '\0' ||
        strlen(result->challenge) >= sizeof(f->challenge)) {
        flow_fail_keys(&f->flow);
        return;
    }
    uint8_t state_hash[TOKEN_HASH_LEN], cookie_hash[TOKEN_HASH_LEN];
    strcpy(f->challenge, result->challenge);
    token_hash("sign-in", f->state, state_hash);
    token_hash("login", f->cookie, cookie_hash);
    flow_wait(&f->flow);
    store_sign_in_make(f->flow.api->store, state_hash, cookie_hash, on_made, f);
}

/* The browser's cookie is always a new one: what it sent could have been planted in it. */
void api_sign_in_begin(struct api *api, struct gateway_end *end,
                       const Cloister__SignInBegin *request) {
    struct begin_flow *f = flow_new(api, sizeof(*f), end, request->request);
    if (config_str(api->config, CONFIG_google_client_id)[0] == '\0') {
        flow_fail(&f->flow, 503, "sign_in_failed",
                  "Nobody can sign in yet: the operator has not set [google] client_id.", false);
        return;
    }
    if (!browsers_keep_cookies(config_str(api->config, CONFIG_gateway_public_url))) {
        flow_fail(&f->flow, 503, "sign_in_failed",
                  "Signing in needs https: the operator has set [gateway] public_url to a plain "
                  "http address.",
                  false);
        return;
    }
    f->choose_account = request->choose_account;
    token_random(f->state);
    token_random(f->cookie);
    flow_wait(&f->flow);
    keys_challenge(api->keys, f->state, on_challenge, f);
}
