/* A session as its browser sees it, and the end of it: SESSION_SHOW, SESSION_END. */
#include <errno.h>
#include <string.h>

#include "supervisor/api_flow.h"
#include "supervisor/store_sign_in.h"
#include "supervisor/web_sessions.h"

static void fail_session(struct flow *flow, int error) {
    if (error == -ENOENT)
        flow_fail_at(flow, 401, "session_invalid",
                     "You are not signed in, or have been signed out. Sign in at /login.", false,
                     "");
    else
        flow_fail_store(flow, error);
}

/* ---- showing ---- */

static void on_shown(void *ctx, int error, const struct web_session *session) {
    struct flow *flow = ctx;
    if (!flow_resume(flow))
        return;
    if (error != 0) {
        fail_session(flow, error);
        return;
    }
    Cloister__SessionState body = CLOISTER__SESSION_STATE__INIT;
    body.request = flow->request;
    body.csrf = (char *)(uintptr_t)session->csrf;
    body.account = (char *)(uintptr_t)session->account;
    body.cookie = (char *)(uintptr_t)session->cookie;
    body.session_s = session->left_s;
    Cloister__Message message = MSG_OF(SESSION_STATE, session_state, &body);
    flow_reply(flow, &message);
}

/* The gate has seen the session; this looks once more, to replace a cookie that is due. */
void api_session_show(struct api *api, struct gateway_end *end,
                      const Cloister__SessionShow *request) {
    struct flow *flow = flow_new(api, sizeof(*flow), end, request->request);
    if (request->caller->session[0] == '\0') {
        fail_session(flow, -ENOENT);
        return;
    }
    flow_wait(flow);
    web_session_show(api, request->caller->session, NULL, true, on_shown, flow);
}

/* ---- ending ---- */

static void reply_ok(struct flow *flow) {
    Cloister__Ok body = CLOISTER__OK__INIT;
    body.request = flow->request;
    Cloister__Message message = MSG_OF(OK, ok, &body);
    flow_reply(flow, &message);
}

static void on_ended(void *ctx, int error) {
    struct flow *flow = ctx;
    if (!flow_resume(flow))
        return;
    if (error == 0)
        reply_ok(flow);
    else
        flow_fail_store(flow, error);
}

static void on_revoked(void *ctx, int error, const Cloister__KeyResult *result) {
    struct flow *flow = ctx;
    (void)result;
    if (!flow_resume(flow))
        return;
    if (error == 0 || error == -EKEYREVOKED) /* or there is no key that could have made a grant */
        reply_ok(flow);
    else
        flow_fail(flow, 503, "keys_unavailable",
                  "You are signed out everywhere, but what those sessions could do could not be "
                  "revoked. Sign in and sign out everywhere once more.",
                  true);
}

/* The sessions first: when the key service is away, nobody is signed in any more all the same. */
static void on_all_ended(void *ctx, int error, const char *user) {
    struct flow *flow = ctx;
    if (!flow_resume(flow))
        return;
    if (error != 0) {
        fail_session(flow, error);
        return;
    }
    flow_wait(flow);
    keys_grant_revoke(flow->api->keys, user, on_revoked, flow);
}

void api_session_end(struct api *api, struct gateway_end *end,
                     const Cloister__SessionEnd *request) {
    struct flow *flow = flow_new(api, sizeof(*flow), end, request->request);
    uint8_t hash[TOKEN_HASH_LEN];
    if (request->caller->session[0] == '\0') {
        fail_session(flow, -ENOENT);
        return;
    }
    web_session_hash(request->caller->session, hash);
    flow_wait(flow);
    if (request->everywhere)
        store_web_session_end_all(api->store, hash, on_all_ended, flow);
    else
        store_web_session_end(api->store, hash, on_ended, flow);
}
