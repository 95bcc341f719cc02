/* What the agent remembers, for its owner to see, correct and delete. The preferences are
 * opened in a turn; here they pass through in an answer that is wiped once sent. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/grant.h"
#include "supervisor/admit.h"
#include "supervisor/api_flow.h"

#define TURN_MS  15000
#define TEXT_MAX 1200 /* bytes: 300 characters, which the turn counts */

/* Seeing all, or correcting one. */
struct open_flow {
    struct flow flow;
    char frontend[FRONTEND_MAX + 1], name[USER_NAME_MAX + 1];
    char user[ID_LEN + 1];
    char grant[GRANT_SIZE];  /* for the turn, which checks it too; wiped with the flow */
    char id[ID_LEN + 1];     /* "": all are to be seen */
    char text[TEXT_MAX + 1]; /* what is to stand there */
    uint64_t call;           /* the turn's one host call; 0 before it */
};

static void on_corrected(void *ctx, int error) {
    struct open_flow *f = ctx;
    if (flow_resume(&f->flow) && f->flow.turn != NULL)
        turn_host_reply(f->flow.turn, f->call, error, "");
}

/* A turn that corrects one may write that one, once, and only in its own place. */
static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct open_flow *f = ctx;
    if (call->op_case != CLOISTER__HOST_CALL__OP_PUT_PREFERENCE || f->call != 0 ||
        !call->put_preference->correct || strcmp(call->put_preference->id, f->id) != 0) {
        turn_host_reply(f->flow.turn, call->call, EPERM, "Not in this turn.");
        return;
    }
    f->call = call->call;
    flow_wait(&f->flow);
    store_put_preference(f->flow.api->store, f->user, call->put_preference, on_corrected, f);
}

static void fail_absent(struct flow *flow) {
    flow_fail(flow, 404, "not_found", "Nothing is remembered under this id.", false);
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

static const struct turn_ops ops = {
    .host_call = on_host_call, .done = on_done, .error = on_error, .failed = on_failed};

static bool holds(const Cloister__SealedState *state, const char *id) {
    for (size_t i = 0; i < state->n_preferences; i++)
        if (strcmp(state->preferences[i]->id, id) == 0)
            return true;
    return false;
}

static void begin_turn(struct open_flow *f, const struct store_session *session) {
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    start.kind = f->id[0] == '\0' ? CLOISTER__TURN_KIND__TURN_MEMORY_LIST
                                  : CLOISTER__TURN_KIND__TURN_MEMORY_PUT;
    start.state = session->state;
    start.frontend = f->frontend;
    start.grant = f->grant;
    start.memory = f->id;
    start.text = f->text;
    snprintf(f->user, sizeof(f->user), "%s", session->user);
    flow_turn(&f->flow, session->user, "owner", session->connection, &start, &ops, TURN_MS);
}

static void on_session(void *ctx, int error, const struct store_session *session) {
    struct flow *flow = ctx;
    struct open_flow *f = ctx;
    if (!flow_resume(flow))
        return;
    if (error != 0)
        flow_fail_store(flow, error);
    else if (f->id[0] != '\0' && !holds(session->state, f->id))
        fail_absent(flow);
    else if (f->id[0] == '\0' && session->state->n_preferences == 0)
        reply_memories(flow, NULL, 0);
    else
        begin_turn(f, session);
}

static void open_admitted(struct flow *flow, const char *user) {
    struct open_flow *f = (struct open_flow *)flow;
    (void)user;
    flow_wait(flow);
    store_session(flow->api->store, f->frontend, f->name, NULL, on_session, flow);
}

/* NULL: the caller is not sound, and has its answer. */
static struct open_flow *open_new(struct api *api, struct gateway_end *end, uint64_t request,
                                  const Cloister__Caller *caller) {
    struct open_flow *f = flow_new(api, sizeof(*f), end, request);
    if (!flow_caller_sound(&f->flow, caller))
        return NULL;
    snprintf(f->frontend, sizeof(f->frontend), "%s", caller->frontend);
    snprintf(f->name, sizeof(f->name), "%s", caller->user);
    snprintf(f->grant, sizeof(f->grant), "%s", caller->grant);
    return f;
}

void api_memory_list(struct api *api, struct gateway_end *end,
                     const Cloister__MemoryList *request) {
    struct open_flow *f = open_new(api, end, request->request, request->caller);
    if (f != NULL)
        flow_admit(&f->flow, request->caller, open_admitted);
}

void api_memory_put(struct api *api, struct gateway_end *end, const Cloister__MemoryPut *request) {
    struct open_flow *f = open_new(api, end, request->request, request->caller);
    if (f == NULL)
        return;
    if (!id_valid(request->id)) {
        fail_absent(&f->flow);
    } else if (text_blank(request->text) || strlen(request->text) > TEXT_MAX ||
               !utf8_valid(request->text, strlen(request->text))) {
        flow_fail(&f->flow, 400, "invalid_field", "\"text\" must have 1 to 300 characters.", false);
    } else {
        snprintf(f->id, sizeof(f->id), "%s", request->id);
        snprintf(f->text, sizeof(f->text), "%s", request->text);
        flow_admit(&f->flow, request->caller, open_admitted);
    }
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
        fail_absent(flow);
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
        fail_absent(&f->flow);
        return;
    }
    snprintf(f->id, sizeof(f->id), "%s", request->id);
    flow_admit(&f->flow, request->caller, delete_admitted);
}
