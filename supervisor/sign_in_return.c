/* The browser is back from Google's sign-in page: the state is used up, a connect cell exchanges
 * the code for who signed in, and the browser gets a session of its own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/api_flow.h"
#include "supervisor/google_consent.h"
#include "supervisor/rules.h"
#include "supervisor/store_sign_in.h"
#include "supervisor/web_sessions.h"

#define SIGN_IN_TURN_MS 30000
#define SUBJECT_TAG_LEN 32

struct return_flow {
    struct flow flow;
    char *code, *state; /* Google's code; wiped */
    bool denied, other_error;
    char browser[TOKEN_LEN + 1]; /* the session that the browser had; "" none */
    char cookie[TOKEN_LEN + 1];  /* the one it gets */
    char user[ID_LEN + 1];
    uint8_t subject_tag[SUBJECT_TAG_LEN];
    char account[ACCOUNT_MAX + 1];
    char *grant; /* wiped */
};

static void wipe_text(char **text) {
    if (*text == NULL)
        return;
    explicit_bzero(*text, strlen(*text));
    free(take_ptr(*text));
}

static void clean(struct flow *flow) {
    struct return_flow *f = (struct return_flow *)flow;
    wipe_text(&f->code);
    wipe_text(&f->state);
    wipe_text(&f->grant);
}

/* Each refusal has one way on: to begin again, or back to where it began. */
static void fail_to(struct return_flow *f, unsigned status, const char *code, const char *detail,
                    bool retryable, const char *path) {
    char url[RETURN_TO_MAX];
    if (url_join(url, sizeof(url), config_str(f->flow.api->config, CONFIG_gateway_public_url),
                 path) < 0)
        url[0] = '\0';
    flow_fail_at(&f->flow, status, code, detail, retryable, url);
}

static void fail_sign_in(struct return_flow *f, unsigned status, const char *detail,
                         bool retryable) {
    fail_to(f, status, "sign_in_failed", detail, retryable, "login");
}

/* ---- the session ---- */

static void on_made(void *ctx, int error) {
    struct return_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        flow_fail_store(&f->flow, error);
        return;
    }
    char location[RETURN_TO_MAX];
    const struct config *config = f->flow.api->config;
    if (url_join(location, sizeof(location), config_str(config, CONFIG_gateway_public_url), "") <
        0) {
        fail_sign_in(f, 500, "The operator's public address is too long.", false);
        return;
    }
    Cloister__ConnectRedirect body = CLOISTER__CONNECT_REDIRECT__INIT;
    body.request = f->flow.request;
    body.location = location;
    body.session = f->cookie;
    body.session_s = config_u64(config, CONFIG_gateway_session_max_ms) / 1000;
    Cloister__Message message = MSG_OF(CONNECT_REDIRECT, connect_redirect, &body);
    flow_reply(&f->flow, &message);
}

static void make_session(struct return_flow *f) {
    struct web_session session = {.grant = f->grant, .account = f->account};
    memcpy(session.user, f->user, sizeof(session.user));
    flow_wait(&f->flow);
    web_session_make(f->flow.api, &session, f->cookie, on_made, f);
}

static void on_old_ended(void *ctx, int error) {
    struct return_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0)
        flow_fail_store(&f->flow, error);
    else
        make_session(f);
}

/* What the browser had may have been planted in it, by someone who knows it too: it is ended, and
 * the session gets a cookie that nobody has seen. */
static void replace_session(struct return_flow *f) {
    if (f->browser[0] != '\0' && !rule_holds(RULE_SESSION_FRESH))
        strcpy(f->cookie, f->browser);
    else
        token_random(f->cookie);
    if (f->browser[0] == '\0') {
        make_session(f);
        return;
    }
    uint8_t hash[TOKEN_HASH_LEN];
    web_session_hash(f->browser, hash);
    flow_wait(&f->flow);
    store_web_session_end(f->flow.api->store, hash, on_old_ended, f);
}

/* ---- the user ---- */

static void on_grant(void *ctx, int error, const Cloister__KeyResult *result) {
    struct return_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error == 0 && result->grant[0] != '\0')
        f->grant = strdup(result->grant);
    if (f->grant == NULL)
        flow_fail_keys(&f->flow);
    else
        replace_session(f);
}

static void on_user_key(void *ctx, int error, const Cloister__KeyResult *result) {
    struct return_flow *f = ctx;
    (void)result;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        flow_fail_keys(&f->flow);
        return;
    }
    flow_wait(&f->flow);
    keys_grant_mint(f->flow.api->keys, f->user, WEB_FRONTEND, on_grant, f);
}

static void on_user(void *ctx, int error, const char *user) {
    struct return_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        flow_fail_store(&f->flow, error);
        return;
    }
    memcpy(f->user, user, sizeof(f->user));
    flow_wait(&f->flow);
    keys_create(f->flow.api->keys, CLOISTER__KEY_KIND__KEY_USER, f->user, f->user, on_user_key, f);
}

static void find_user(struct return_flow *f) {
    char name[BASE64URL_SIZE(SUBJECT_TAG_LEN)], new_user[ID_LEN + 1];
    base64url_encode(f->subject_tag, sizeof(f->subject_tag), name);
    id_random(new_user);
    flow_wait(&f->flow);
    store_web_user(f->flow.api->store, name, f->subject_tag, new_user, on_user, f);
}

/* ---- the connect cell ---- */

static bool account_valid(const char *account) {
    size_t len = strlen(account);
    if (len == 0 || len > ACCOUNT_MAX || !utf8_valid(account, len))
        return false;
    for (const char *c = account; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    return true;
}

static void on_turn_done(void *ctx, const Cloister__TurnDone *done) {
    struct return_flow *f = ctx;
    flow_turn_over(&f->flow);
    if (done->subject_tag.len != SUBJECT_TAG_LEN || !account_valid(done->account)) {
        fail_sign_in(f, 502, "Google did not say who signed in. Try again.", true);
        return;
    }
    memcpy(f->subject_tag, done->subject_tag.data, SUBJECT_TAG_LEN);
    strcpy(f->account, done->account);
    find_user(f);
}

static void on_turn_error(void *ctx, const Cloister__TurnError *error) {
    struct return_flow *f = ctx;
    char url[RETURN_TO_MAX];
    flow_turn_over(&f->flow);
    if (url_join(url, sizeof(url), config_str(f->flow.api->config, CONFIG_gateway_public_url),
                 "login") < 0)
        url[0] = '\0';
    flow_fail_turn_error(&f->flow, error, url);
}

static void on_turn_failed(void *ctx, const struct turn_failure *failure) {
    struct return_flow *f = ctx;
    flow_turn_over(&f->flow);
    fail_to(f, failure->status, failure->code, failure->detail, failure->retryable, "login");
}

static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct return_flow *f = ctx;
    turn_host_reply(f->flow.turn, call->call, EPERM, "Not while signing in.");
}

static const struct turn_ops ops = {.host_call = on_host_call,
                                    .done = on_turn_done,
                                    .error = on_turn_error,
                                    .failed = on_turn_failed};

static void start_turn(struct return_flow *f) {
    char redirect[RETURN_TO_MAX];
    if (google_redirect_uri(f->flow.api->config, redirect) < 0) {
        fail_sign_in(f, 500, "The operator's public address is too long.", false);
        return;
    }
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    start.kind = CLOISTER__TURN_KIND__TURN_SIGN_IN;
    start.state = &state;
    start.code = f->code;
    start.state_token = f->state;
    start.redirect_uri = redirect;
    /* A cell of its own, however many sign in at once. */
    char cell[ID_LEN + 1];
    id_random(cell);
    flow_turn(&f->flow, "", "connect", cell, &start, &ops, SIGN_IN_TURN_MS);
}

/* ---- the state ---- */

static void fail_state(struct return_flow *f, int error) {
    switch (error) {
    case -ENOENT:
        fail_to(f, 400, "link_invalid",
                "This way back from Google is not known, or has been used. Sign in again.", false,
                "login");
        break;
    case -ETIME:
        fail_to(f, 410, "link_expired", "This took longer than 10 minutes. Sign in again.", false,
                "login");
        break;
    case -EACCES:
        fail_to(f, 403, "wrong_browser",
                "Somebody began to sign in with another browser. Sign in again in this one.", false,
                "login");
        break;
    default:
        flow_fail_store(&f->flow, error);
        break;
    }
}

static void on_back(void *ctx, int error) {
    struct return_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0)
        fail_state(f, error);
    else if (f->denied)
        fail_to(f, 409, "sign_in_refused", "You did not sign in. Nothing was kept.", false, "");
    else if (f->other_error)
        fail_sign_in(f, 502, "Google reported an error instead of who signed in. Try again.", true);
    else
        start_turn(f);
}

void api_sign_in_return(struct api *api, struct gateway_end *end,
                        const Cloister__ConnectCallback *request) {
    struct return_flow *f = flow_new(api, sizeof(*f), end, request->request);
    f->flow.clean = clean;
    if (!token_valid(request->state_token)) {
        fail_state(f, -ENOENT);
        return;
    }
    f->denied = strcmp(request->error, "access_denied") == 0;
    f->other_error = !f->denied && (request->error[0] != '\0' || request->code[0] == '\0');
    f->code = strdup(request->code);
    f->state = strdup(request->state_token);
    if (f->code == NULL || f->state == NULL) {
        flow_fail_store(&f->flow, -EAGAIN);
        return;
    }
    if (token_valid(request->session))
        strcpy(f->browser, request->session);
    uint8_t state_hash[TOKEN_HASH_LEN], cookie_hash[TOKEN_HASH_LEN];
    token_hash("sign-in", request->state_token, state_hash);
    token_hash("login", request->login, cookie_hash);
    flow_wait(&f->flow);
    store_sign_in_return(api->store, state_hash, cookie_hash, on_back, f);
}
