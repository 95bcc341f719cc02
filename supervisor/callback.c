/* The browser is back from Google: the state is used up, a connect cell exchanges the code and
 * seals the token, and the browser takes a redeem code to the frontend (Q1, Q4, N2). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/api_flow.h"
#include "supervisor/url.h"

#define CONNECT_TURN_MS 30000

struct callback_flow {
    struct flow flow;
    char connection[ID_LEN + 1];
    char return_to[RETURN_TO_MAX + 1];
    char error_url[RETURN_TO_MAX + 64]; /* return_to?error=… */
    char *code, *state;                 /* Google's code; wiped */
    char redeem[TOKEN_LEN + 1];
    bool denied, other_error;
    uint64_t call; /* the put_token under way */
    bool stored;
};

static void wipe_text(char **text) {
    if (*text == NULL)
        return;
    explicit_bzero(*text, strlen(*text));
    free(take_ptr(*text));
}

static void clean(struct flow *flow) {
    struct callback_flow *f = (struct callback_flow *)flow;
    wipe_text(&f->code);
    wipe_text(&f->state);
}

/* When this fails, the reconciler finds the row by its age. */
static void on_given_up(void *ctx, int error) {
    (void)ctx;
    (void)error;
}

/* Nothing will come of this connection: the reconciler destroys its key. */
static void give_up(struct callback_flow *f) {
    struct api *api = f->flow.api;
    if (f->connection[0] == '\0')
        return;
    store_discard(api->store, f->connection, on_given_up, NULL);
    reconciler_kick(api->reconciler);
}

static void set_error_url(struct callback_flow *f, const char *error) {
    snprintf(f->error_url, sizeof(f->error_url), "%s", f->return_to);
    if (url_append(f->error_url, sizeof(f->error_url), "error", error) < 0)
        f->error_url[0] = '\0';
}

static void fail_connect(struct callback_flow *f, const char *detail, bool retryable) {
    give_up(f);
    set_error_url(f, "connect_failed");
    flow_fail_at(&f->flow, 502, "connect_failed", detail, retryable, f->error_url);
}

/* ---- the redeem code ---- */

static void on_minted(void *ctx, int error) {
    struct callback_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error == -EAGAIN) {
        give_up(f);
        flow_fail_store(&f->flow, error);
        return;
    }
    char location[LOCATION_MAX];
    snprintf(location, sizeof(location), "%s", f->return_to);
    if (error != 0 || url_append(location, sizeof(location), "code", f->redeem) < 0) {
        fail_connect(f, "The connection could not be kept. Ask for a new link.", false);
        return;
    }
    Cloister__ConnectRedirect body = CLOISTER__CONNECT_REDIRECT__INIT;
    body.request = f->flow.request;
    body.location = location;
    Cloister__Message message = MSG_OF(CONNECT_REDIRECT, connect_redirect, &body);
    flow_reply(&f->flow, &message);
    explicit_bzero(location, sizeof(location));
}

static void on_turn_done(void *ctx, const Cloister__TurnDone *done) {
    struct callback_flow *f = ctx;
    (void)done;
    flow_turn_over(&f->flow);
    if (!f->stored) {
        fail_connect(f, "Google's answer could not be kept. Ask for a new link.", false);
        return;
    }
    uint8_t hash[TOKEN_HASH_LEN];
    token_random(f->redeem);
    token_hash("code", f->redeem, hash);
    flow_wait(&f->flow);
    store_code_mint(f->flow.api->store, f->connection, hash, on_minted, f);
}

/* ---- the connect cell ---- */

static void on_turn_error(void *ctx, const Cloister__TurnError *error) {
    struct callback_flow *f = ctx;
    flow_turn_over(&f->flow);
    give_up(f);
    set_error_url(f, "connect_failed");
    flow_fail_turn_error(&f->flow, error, f->error_url);
}

static void on_turn_failed(void *ctx, const struct turn_failure *failure) {
    struct callback_flow *f = ctx;
    flow_turn_over(&f->flow);
    give_up(f);
    set_error_url(f, "connect_failed");
    flow_fail_turn(&f->flow, failure, f->error_url);
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

static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct callback_flow *f = ctx;
    if (call->op_case != CLOISTER__HOST_CALL__OP_PUT_TOKEN || f->call != 0) {
        turn_host_reply(f->flow.turn, call->call, EPERM, "Not in a connect cell.");
        return;
    }
    f->call = call->call;
    flow_wait(&f->flow);
    store_put_token(f->flow.api->store, f->connection, call->put_token, on_token_stored, f);
}

static void on_started(void *ctx, const char *turn_id) {
    (void)ctx;
    (void)turn_id;
}

static void on_event(void *ctx, const Cloister__Message *message) {
    (void)ctx;
    (void)message;
}

static const struct turn_ops ops = {on_started,   on_event,      on_host_call,
                                    on_turn_done, on_turn_error, on_turn_failed};

static void start_turn(struct callback_flow *f) {
    char redirect[RETURN_TO_MAX];
    if (url_join(redirect, sizeof(redirect),
                 config_str(f->flow.api->config, CONFIG_gateway_public_url),
                 "connect/google/callback") < 0) {
        fail_connect(f, "The operator's public address is too long.", false);
        return;
    }
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    state.connection = f->connection;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    start.kind = CLOISTER__TURN_KIND__TURN_CONNECT;
    start.state = &state;
    start.code = f->code;
    start.state_token = f->state;
    start.redirect_uri = redirect;
    flow_turn(&f->flow, "", "connect", f->connection, &start, &ops, CONNECT_TURN_MS);
}

/* ---- the state ---- */

static void fail_state(struct callback_flow *f, int error) {
    switch (error) {
    case -ENOENT:
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

static void on_back(void *ctx, int error, const struct store_return *back) {
    struct callback_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        fail_state(f, error);
        return;
    }
    snprintf(f->connection, sizeof(f->connection), "%s", back->connection);
    snprintf(f->return_to, sizeof(f->return_to), "%s", back->return_to);
    if (f->denied) {
        give_up(f);
        set_error_url(f, "access_denied");
        flow_fail_at(&f->flow, 409, "consent_refused",
                     "Access to the calendar was not granted. Nothing was connected.", false,
                     f->error_url);
    } else if (f->other_error) {
        fail_connect(f, "Google reported an error instead of a consent. Ask for a new link.",
                     false);
    } else if (f->connection[0] == '\0') {
        fail_state(f, -ETIME);
    } else {
        start_turn(f);
    }
}

void api_connect_callback(struct api *api, struct gateway_end *end,
                          const Cloister__ConnectCallback *request) {
    struct callback_flow *f = flow_new(api, sizeof(*f), end, request->request);
    f->flow.clean = clean;
    if (!token_valid(request->state_token)) {
        fail_state(f, -ENOENT);
        return;
    }
    if (!token_valid(request->cookie)) {
        fail_state(f, -EACCES);
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
    uint8_t state_hash[TOKEN_HASH_LEN], cookie_hash[TOKEN_HASH_LEN];
    token_hash("state", request->state_token, state_hash);
    token_hash("cookie", request->cookie, cookie_hash);
    flow_wait(&f->flow);
    store_link_return(api->store, state_hash, cookie_hash, on_back, f);
}
