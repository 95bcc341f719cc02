/* What operators do to a connection: its end, as when its owner asks, but nobody's grant is needed;
 * and that the next one may be of another Google account. */
#include <errno.h>
#include <stdio.h>

#include "supervisor/api_flow.h"

struct operator_flow {
    struct flow flow;
    api_disconnected *done;
    void *ctx;
    char user[ID_LEN + 1];
    bool told;
};

static void tell(struct operator_flow *f, int error, bool revoked, const char *detail) {
    f->told = true;
    f->done(f->ctx, error, revoked, detail);
}

static void clean(struct flow *flow) {
    struct operator_flow *f = (struct operator_flow *)flow;
    if (!f->told) /* only when all is torn down */
        tell(f, -ECANCELED, false, "");
}

static void on_answer(struct flow *flow, const Cloister__Message *message) {
    struct operator_flow *f = (struct operator_flow *)flow;
    if (message->body_case == CLOISTER__MESSAGE__BODY_OK)
        tell(f, 0, false, "");
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CONNECTION_DELETED)
        tell(f, 0, message->connection_deleted->revoked, message->connection_deleted->detail);
    else
        tell(f, message->failure->status == 404 ? -ENOENT : -EAGAIN, false,
             message->failure->detail);
}

static void on_ending(void *ctx, int error, const struct store_connection *row) {
    struct flow *flow = ctx;
    if (!flow_resume(flow))
        return;
    if (error == -ENOENT)
        flow_fail(flow, 404, "unknown_user", "There is no such user.", false);
    else if (error != 0)
        flow_fail_store(flow, error);
    else if (row->id[0] == '\0')
        flow_fail(flow, 404, "not_connected", "There is no connection to end.", false);
    else
        disconnect_run(flow, row);
}

static struct operator_flow *begin(struct api *api, const char *user, api_disconnected *done,
                                   void *ctx) {
    struct operator_flow *f = flow_new(api, sizeof(*f), NULL, 0);
    f->flow.clean = clean;
    f->flow.answered = on_answer;
    f->done = done;
    f->ctx = ctx;
    (void)snprintf(f->user, sizeof(f->user), "%s", user);
    flow_wait(&f->flow);
    return f;
}

void api_disconnect_user(struct api *api, const char *user, api_disconnected *done, void *ctx) {
    struct operator_flow *f = begin(api, user, done, ctx);
    store_disconnect_begin(api->store, user, on_ending, &f->flow);
}

/* ---- another account ---- */

static void on_forgotten(void *ctx, int error) {
    struct operator_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error == -ENOENT)
        flow_fail(&f->flow, 404, "unknown_user",
                  "There is no such user, or it is one of the web pages, who is their account.",
                  false);
    else if (error != 0)
        flow_fail_store(&f->flow, error);
    else
        flow_revoke_grants(&f->flow, f->user);
}

void api_forget_account(struct api *api, const char *user, api_disconnected *done, void *ctx) {
    struct operator_flow *f = begin(api, user, done, ctx);
    store_forget_account(api->store, user, on_forgotten, f);
}
