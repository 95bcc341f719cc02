/* The browser is back from Google: the state is used up, a connect cell exchanges the code and
 * seals the token. callback_end.c goes on from there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/callback_flow.h"
#include "supervisor/connect_features.h"
#include "supervisor/failures.h"
#include "supervisor/google_consent.h"
#include "supervisor/rules.h"
#include "supervisor/web_sessions.h"

#define CONNECT_TURN_MS 30000

/* ---- the request ---- */

static Cloister__ConnectCallback *copy(const Cloister__ConnectCallback *request) {
    size_t size = cloister__connect_callback__get_packed_size(request);
    uint8_t *packed = malloc(size + 1);
    if (packed == NULL)
        return NULL;
    (void)cloister__connect_callback__pack(request, packed);
    Cloister__ConnectCallback *made = cloister__connect_callback__unpack(NULL, size, packed);
    explicit_bzero(packed, size);
    free(packed);
    return made;
}

static void clean(struct flow *flow) {
    Cloister__ConnectCallback *asked = ((struct callback_flow *)flow)->asked;
    if (asked == NULL)
        return;
    char *secrets[] = {asked->state_token, asked->code, asked->cookie, asked->login,
                       asked->session};
    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        explicit_bzero(secrets[i], strlen(secrets[i]));
    cloister__connect_callback__free_unpacked(asked, NULL);
}

/* ---- the connect cell ---- */

static void fail_connect(struct callback_flow *f, const char *detail, bool retryable) {
    callback_fail(f, 502, "connect_failed", detail, retryable, "connect_failed");
}

/* The cell was told only that its token is not wanted; why is known here. */
static bool fail_unwanted(struct callback_flow *f) {
    const bool unwanted = f->nothing || f->nobody; /* answering ends the flow */
    if (f->nothing)
        callback_fail(f, 409, "scopes_missing",
                      "Access to the calendar was not granted: none of the boxes on Google's page "
                      "was ticked. Nothing was connected.",
                      false, "access_denied");
    else if (f->nobody)
        fail_connect(f, "Google did not say whose account this is. Ask for a new link.", false);
    return unwanted;
}

static void on_turn_done(void *ctx, const Cloister__TurnDone *done) {
    struct callback_flow *f = ctx;
    (void)done;
    flow_turn_over(&f->flow);
    if (fail_unwanted(f))
        return;
    if (f->stored)
        callback_keep(f);
    else
        fail_connect(f, "Google's answer could not be kept. Ask for a new link.", false);
}

static void on_turn_error(void *ctx, const Cloister__TurnError *error) {
    struct callback_flow *f = ctx;
    unsigned status = failure_status(error->code);
    flow_turn_over(&f->flow);
    if (fail_unwanted(f))
        return;
    if (status == 0)
        callback_fail(f, 500, "internal", "The request could not be carried out.", false,
                      "connect_failed");
    else
        callback_fail(f, status, error->code, error->detail, error->retryable, "connect_failed");
}

static void on_turn_failed(void *ctx, const struct turn_failure *failure) {
    struct callback_flow *f = ctx;
    flow_turn_over(&f->flow);
    if (!fail_unwanted(f))
        callback_fail(f, failure->status, failure->code, failure->detail, failure->retryable,
                      "connect_failed");
}

static void on_token_stored(void *ctx, int error) {
    struct callback_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    f->stored = error == 0;
    if (f->flow.turn != NULL)
        turn_host_reply(f->flow.turn, f->call, -error,
                        error == 0 ? "" : "The token could not be stored.");
}

static bool good_for_something(const Cloister__PutToken *put) {
    for (size_t i = 0; feature_name(i) != NULL; i++)
        if (feature_stands_alone(feature_name(i)) &&
            feature_granted(feature_name(i), put->scopes, put->n_scopes))
            return true;
    return false;
}

static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct callback_flow *f = ctx;
    if (call->op_case != CLOISTER__HOST_CALL__OP_PUT_TOKEN || f->call != 0) {
        turn_host_reply(f->flow.turn, call->call, EPERM, "Not in a connect cell.");
        return;
    }
    f->call = call->call;
    f->nobody = call->put_token->subject_tag.len != SUBJECT_TAG_LEN;
    f->nothing = !good_for_something(call->put_token);
    if (f->nobody || f->nothing) {
        turn_host_reply(f->flow.turn, call->call, EINVAL, "This token is not kept.");
        return;
    }
    flow_wait(&f->flow);
    store_put_token(f->flow.api->store, f->connection, call->put_token, on_token_stored, f);
}

static const struct turn_ops ops = {.host_call = on_host_call,
                                    .done = on_turn_done,
                                    .error = on_turn_error,
                                    .failed = on_turn_failed};

static void start_turn(struct callback_flow *f) {
    char redirect[RETURN_TO_MAX];
    if (google_redirect_uri(f->flow.api->config, redirect) < 0) {
        fail_connect(f, "The operator's public address is too long.", false);
        return;
    }
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    state.connection = f->connection;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    start.kind = CLOISTER__TURN_KIND__TURN_CONNECT;
    start.state = &state;
    start.code = f->asked->code;
    start.state_token = f->asked->state_token;
    start.redirect_uri = redirect;
    flow_turn(&f->flow, "", "connect", f->connection, &start, &ops, CONNECT_TURN_MS);
}

/* ---- who is there ---- */

static void on_session(void *ctx, int error, const struct web_session *session) {
    struct callback_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error == -ENOENT)
        callback_fail(f, 401, "session_invalid",
                      "Nobody is signed in here. Sign in, then connect the calendar.", false,
                      "connect_failed");
    else if (error != 0)
        flow_fail_store(&f->flow, error);
    else if (strcmp(session->name, f->user) != 0)
        callback_fail(f, 403, "not_allowed",
                      "This link belongs to somebody else than who is signed in here. Nothing was "
                      "connected.",
                      false, "connect_failed");
    else
        start_turn(f);
}

/* What is connected on the web pages goes to whoever is signed in there, never to who made the
 * link and sent it to somebody. */
static void ask_who(struct callback_flow *f) {
    if (strcmp(f->frontend, WEB_FRONTEND) != 0 || !rule_holds(RULE_WEB_SAME_PERSON)) {
        start_turn(f);
        return;
    }
    flow_wait(&f->flow);
    web_session_show(f->flow.api, f->asked->session, NULL, false, on_session, f);
}

/* ---- the state ---- */

static void fail_state(struct callback_flow *f, int error) {
    switch (error) {
    case -ENOENT:
    case -EALREADY:
        flow_fail(&f->flow, 400, "link_invalid",
                  "This sign-in is not known, or is over. Ask for a new link.", false);
        break;
    case -ETIME:
        flow_fail(&f->flow, 410, "link_expired",
                  "This took longer than 10 minutes. Ask for a new link.", false);
        break;
    case -EACCES:
        flow_fail(&f->flow, 403, "wrong_browser",
                  "This sign-in was begun in another browser. Go on there, or ask for a new link.",
                  false);
        break;
    default:
        flow_fail_store(&f->flow, error);
        break;
    }
}

/* The state is not a connect link's: somebody signs in. That takes the request over. */
static void sign_in(struct callback_flow *f) {
    flow_wait(&f->flow); /* so that the copy lives */
    struct api *api = f->flow.api;
    struct gateway_end *end = f->flow.end;
    flow_end(&f->flow);
    api_sign_in_return(api, end, f->asked);
    (void)!flow_resume(&f->flow);
}

static void go_on(struct callback_flow *f) {
    const char *error = f->asked->error;
    if (strcmp(error, "access_denied") == 0)
        callback_fail(f, 409, "consent_refused",
                      "Access to the calendar was not granted. Nothing was connected.", false,
                      "access_denied");
    else if (error[0] != '\0' || f->asked->code[0] == '\0')
        fail_connect(f, "Google reported an error instead of a consent. Ask for a new link.",
                     false);
    else if (f->connection[0] == '\0')
        fail_state(f, -ETIME);
    else
        ask_who(f);
}

static void on_back(void *ctx, int error, const struct store_return *back) {
    struct callback_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error == -ENOENT) {
        sign_in(f);
        return;
    }
    if (error != 0) {
        fail_state(f, error);
        return;
    }
    snprintf(f->connection, sizeof(f->connection), "%s", back->connection);
    snprintf(f->frontend, sizeof(f->frontend), "%s", back->frontend);
    snprintf(f->user, sizeof(f->user), "%s", back->user_name);
    snprintf(f->features, sizeof(f->features), "%s", back->features);
    snprintf(f->return_to, sizeof(f->return_to), "%s", back->return_to);
    go_on(f);
}

void api_connect_callback(struct api *api, struct gateway_end *end,
                          const Cloister__ConnectCallback *request) {
    struct callback_flow *f = flow_new(api, sizeof(*f), end, request->request);
    f->flow.clean = clean;
    if (!token_valid(request->state_token)) {
        fail_state(f, -ENOENT);
        return;
    }
    f->asked = copy(request);
    if (f->asked == NULL) {
        flow_fail_store(&f->flow, -EAGAIN);
        return;
    }
    uint8_t state_hash[TOKEN_HASH_LEN], cookie_hash[TOKEN_HASH_LEN];
    bool has_cookie = token_valid(request->cookie);
    token_hash("state", request->state_token, state_hash);
    token_hash("cookie", request->cookie, cookie_hash);
    flow_wait(&f->flow);
    store_link_return(api->store, state_hash, has_cookie ? cookie_hash : NULL, on_back, f);
}
