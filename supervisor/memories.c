/* What the agent remembers, for its owner to see and delete (Q7). The preferences are opened in a
 * turn; here they pass through in an answer that is wiped once sent. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/grant.h"
#include "supervisor/admit.h"
#include "supervisor/api_flow.h"

#define LIST_MS 15000

struct list_flow {
    struct flow flow;
    char frontend[FRONTEND_MAX + 1], name[USER_NAME_MAX + 1];
    char grant[GRANT_SIZE]; /* for the turn, which checks it too; wiped with the flow */
};

static void on_started(void *ctx, const char *turn_id) {
    (void)ctx;
    (void)turn_id;
}

static void on_event(void *ctx, const Cloister__Message *message) {
    (void)ctx;
    (void)message;
}

static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct flow *flow = ctx;
    turn_host_reply(flow->turn, call->call, EPERM, "Not in this turn.");
}

static void reply_memories(struct flow *flow, Cloister__Memory **items, size_t n) {
    Cloister__Memories body = CLOISTER__MEMORIES__INIT;
    body.request = flow->request;
    body.n_items = n;
    body.items = items;
    Cloister__Message message = MSG_OF(MEMORIES, memories, &body);
    flow_reply(flow, &message);
}

static void on_done(void *ctx, const Cloister__TurnDone *done) {
    struct flow *flow = ctx;
    flow_turn_over(flow);
    reply_memories(flow, done->memories, done->n_memories);
}

static void on_error(void *ctx, const Cloister__TurnError *error) {
    struct flow *flow = ctx;
    flow_turn_over(flow);
    flow_fail_turn_error(flow, error, "");
}

static void on_failed(void *ctx, const struct turn_failure *failure) {
    struct flow *flow = ctx;
    flow_turn_over(flow);
    flow_fail_turn(flow, failure, "");
}

static const struct turn_ops ops = {on_started, on_event, on_host_call,
                                    on_done,    on_error, on_failed};

static void on_session(void *ctx, int error, const struct store_session *session) {
    struct flow *flow = ctx;
    struct list_flow *f = ctx;
    if (!flow_resume(flow))
        return;
    if (error != 0) {
        flow_fail_store(flow, error);
    } else if (session->state->n_preferences == 0) {
        reply_memories(flow, NULL, 0);
    } else {
        Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
        start.kind = CLOISTER__TURN_KIND__TURN_MEMORY_LIST;
        start.state = session->state;
        start.frontend = f->frontend;
        start.grant = f->grant;
        flow_turn(flow, session->user, "owner", session->connection, &start, &ops, LIST_MS);
    }
}

static void list_admitted(struct flow *flow, const char *user) {
    struct list_flow *f = (struct list_flow *)flow;
    (void)user;
    flow_wait(flow);
    store_session(flow->api->store, f->frontend, f->name, NULL, on_session, flow);
}

void api_memory_list(struct api *api, struct gateway_end *end,
                     const Cloister__MemoryList *request) {
    struct list_flow *f = flow_new(api, sizeof(*f), end, request->request);
    if (!flow_caller_sound(&f->flow, request->caller))
        return;
    snprintf(f->frontend, sizeof(f->frontend), "%s", request->caller->frontend);
    snprintf(f->name, sizeof(f->name), "%s", request->caller->user);
    snprintf(f->grant, sizeof(f->grant), "%s", request->caller->grant);
    flow_admit(&f->flow, request->caller, list_admitted);
}

/* ---- deleting ---- */

struct delete_flow {
    struct flow flow;
    char id[ID_LEN + 1]; /* "": all */
};

static void on_deleted(void *ctx, int error) {
    struct flow *flow = ctx;
    if (!flow_resume(flow))
        return;
    if (error == -ENOENT) {
        flow_fail(flow, 404, "not_found", "Nothing is remembered under this id.", false);
    } else if (error != 0) {
        flow_fail_store(flow, error);
    } else {
        Cloister__Ok body = CLOISTER__OK__INIT;
        body.request = flow->request;
        Cloister__Message message = MSG_OF(OK, ok, &body);
        flow_reply(flow, &message);
    }
}

static void delete_admitted(struct flow *flow, const char *user) {
    flow_wait(flow);
    store_delete_preference(flow->api->store, user, ((struct delete_flow *)flow)->id, on_deleted,
                            flow);
}

void api_memory_delete(struct api *api, struct gateway_end *end,
                       const Cloister__MemoryDelete *request) {
    struct delete_flow *f = flow_new(api, sizeof(*f), end, request->request);
    if (!flow_caller_sound(&f->flow, request->caller))
        return;
    if (request->id[0] != '\0' && !id_valid(request->id)) {
        flow_fail(&f->flow, 404, "not_found", "Nothing is remembered under this id.", false);
        return;
    }
    snprintf(f->id, sizeof(f->id), "%s", request->id);
    flow_admit(&f->flow, request->caller, delete_admitted);
}
