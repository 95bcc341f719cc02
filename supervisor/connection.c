/* A user's connection, as their frontend sees it: its state, and the end of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/admit.h"
#include "supervisor/api_flow.h"
#include "supervisor/connect_features.h"
#include "supervisor/words.h"

struct state_flow {
    struct flow flow;
    char state[16];
    int64_t connected_at_ms;
    struct words scopes, features;
};

static void clean(struct flow *flow) {
    struct state_flow *f = (struct state_flow *)flow;
    words_done(&f->scopes);
    words_done(&f->features);
}

static void reply_state(struct state_flow *f, const char *action_url) {
    const char *granted[FEATURES_COUNT], *missing[FEATURES_COUNT];
    Cloister__ConnectionState body = CLOISTER__CONNECTION_STATE__INIT;
    for (size_t i = 0; feature_name(i) != NULL; i++) {
        const char *name = feature_name(i);
        if (feature_granted(name, f->scopes.list, f->scopes.n))
            granted[body.n_features++] = name;
        else if (words_has(f->features.list, f->features.n, name))
            missing[body.n_missing++] = name;
    }
    body.request = f->flow.request;
    body.state = f->state;
    body.n_scopes = f->scopes.n;
    body.scopes = f->scopes.list;
    body.features = (char **)(uintptr_t)granted;
    body.missing = (char **)(uintptr_t)missing;
    body.connected_at_ms = f->connected_at_ms;
    body.action_url = (char *)(uintptr_t)action_url;
    Cloister__Message message = MSG_OF(CONNECTION_STATE, connection_state, &body);
    flow_reply(&f->flow, &message);
}

static void on_reconnect_url(void *ctx, const char *url) {
    struct state_flow *f = ctx;
    if (flow_resume(&f->flow))
        reply_state(f, url);
}

static void on_row(void *ctx, int error, const struct store_connection *row) {
    struct state_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        flow_fail_store(&f->flow, error);
        return;
    }
    snprintf(f->state, sizeof(f->state), "%s", row->state);
    f->connected_at_ms = row->connected_at_ms;
    words_split(row->scopes, &f->scopes);
    words_split(row->features, &f->features);
    if (strcmp(f->state, "broken") != 0) {
        reply_state(f, "");
        return;
    }
    flow_wait(&f->flow);
    api_reconnect_url(f->flow.api, row->user, on_reconnect_url, f);
}

static void get_admitted(struct flow *flow, const char *user) {
    flow_wait(flow);
    store_connection_get(flow->api->store, user, on_row, flow);
}

void api_connection_get(struct api *api, struct gateway_end *end,
                        const Cloister__ConnectionGet *request) {
    struct state_flow *f = flow_new(api, sizeof(*f), end, request->request);
    f->flow.clean = clean;
    if (flow_caller_sound(&f->flow, request->caller))
        flow_admit(&f->flow, request->caller, get_admitted);
}

/* ---- the end ---- */

static void on_ending(void *ctx, int error, const struct store_connection *row) {
    struct flow *flow = ctx;
    if (!flow_resume(flow))
        return;
    if (error != 0)
        flow_fail_store(flow, error);
    else if (row->id[0] == '\0')
        flow_fail(flow, 404, "not_connected", "There is no connection to end.", false);
    else
        disconnect_run(flow, row);
}

static void delete_admitted(struct flow *flow, const char *user) {
    flow_wait(flow);
    store_disconnect_begin(flow->api->store, user, on_ending, flow);
}

void api_connection_delete(struct api *api, struct gateway_end *end,
                           const Cloister__ConnectionDelete *request) {
    struct flow *flow = flow_new(api, sizeof(*flow), end, request->request);
    if (flow_caller_sound(flow, request->caller))
        flow_admit(flow, request->caller, delete_admitted);
}
