/* Ending connections: cells ended, revocation tried at Google, wrapped key destroyed, row removed.
 *
 * The row's state leads: "disconnecting" is written first, and whatever interrupts the rest, the
 * reconciler takes it up from the row. A connection is carried to its end by one job at a time;
 * requests for the same one wait for that job's answer. Google and the key service may fail: then
 * the token goes all the same, and only what is left to do is tried again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/api_flow.h"
#include "supervisor/words.h"

#define REVOKE_MS    15000
#define TICK_MS      30000
#define KICK_MS      250
#define PATIENCE_MS  600000 /* how long the reconciler waits for a chance to ask Google */
#define WAITERS_MAX  8
#define CONCURRENTLY 4

/* The flow's own request is none; those who asked wait in `waiters`. */
struct job {
    struct flow flow;
    struct job *next;
    char user[ID_LEN + 1], connection[ID_LEN + 1];
    struct words scopes;
    uint8_t *refresh;
    size_t refresh_len;
    uint64_t version;
    int64_t age_ms;
    bool revoked;
    bool unasked; /* Google could not be asked, for reasons of our own */
    struct flow *waiters[WAITERS_MAX];
    unsigned n_waiters;
};

struct reconciler {
    struct api *api;
    struct event *timer;
    struct job *jobs;
    unsigned running;
    bool asking, again;
};

static void arm(struct reconciler *reconciler, uint64_t ms) {
    struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)evtimer_add(reconciler->timer, &after);
}

/* ---- a job's end ---- */

static void unlink_job(struct job *job) {
    struct reconciler *reconciler = job->flow.api->reconciler;
    struct job **at = &reconciler->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    reconciler->running--;
}

static void clean(struct flow *flow) {
    struct job *job = (struct job *)flow;
    words_done(&job->scopes);
    free(job->refresh);
    for (unsigned i = 0; i < job->n_waiters; i++) /* only when all is torn down */
        if (flow_resume(job->waiters[i]))
            flow_end(job->waiters[i]);
}

static const char *detail_of(const struct job *job, bool erased) {
    if (job->revoked)
        return erased ? "Google confirmed the revocation; the stored token is erased."
                      : "Google confirmed the revocation; the stored token is deleted, and erasing "
                        "its "
                        "key is being retried.";
    return erased
               ? "The stored token is erased. Google did not confirm the revocation: to be sure, "
                 "remove the access at https://myaccount.google.com/permissions."
               : "The stored token is deleted, and erasing its key is being retried. Google did "
                 "not "
                 "confirm the revocation: to be sure, remove the access at "
                 "https://myaccount.google.com/permissions.";
}

static void answer_one(struct flow *flow, const struct job *job, bool erased) {
    if (!flow_resume(flow))
        return;
    Cloister__ConnectionDeleted body = CLOISTER__CONNECTION_DELETED__INIT;
    body.request = flow->request;
    body.revoked = job->revoked;
    body.detail = (char *)(uintptr_t)detail_of(job, erased);
    Cloister__Message message = MSG_OF(CONNECTION_DELETED, connection_deleted, &body);
    flow_reply(flow, &message);
}

static void finish(struct job *job, bool erased) {
    unlink_job(job);
    for (unsigned i = 0; i < job->n_waiters; i++)
        answer_one(job->waiters[i], job, erased);
    job->n_waiters = 0;
    flow_end(&job->flow);
}

/* The row could not be removed or changed now: it still says what to do. */
static void on_removed(void *ctx, int error) {
    struct job *job = ctx;
    (void)error;
    if (flow_resume(&job->flow))
        finish(job, true);
}

static void on_token_dropped(void *ctx, int error) {
    struct job *job = ctx;
    (void)error;
    if (flow_resume(&job->flow))
        finish(job, false);
}

static void on_key_destroyed(void *ctx, int error, const Cloister__KeyResult *result) {
    struct job *job = ctx;
    (void)result;
    if (!flow_resume(&job->flow))
        return;
    flow_wait(&job->flow);
    if (error == 0)
        store_connection_remove(job->flow.api->store, job->connection, on_removed, job);
    else
        store_discard(job->flow.api->store, job->connection, on_token_dropped, job);
}

static void destroy_key(struct job *job) {
    flow_wait(&job->flow);
    keys_destroy(job->flow.api->keys, CLOISTER__KEY_KIND__KEY_CONNECTION, job->connection,
                 on_key_destroyed, job);
}

/* ---- revoking ---- */

/* The agent that asked Google holds a channel to keys for this connection. */
static void on_agent_ended(void *ctx) {
    struct job *job = ctx;
    if (flow_resume(&job->flow))
        destroy_key(job);
}

static void after_revoking(struct job *job) {
    /* Nobody waits, and it is not too late to ask Google: the row stays as it is. */
    if (job->unasked && job->n_waiters == 0 && job->age_ms < PATIENCE_MS) {
        unlink_job(job);
        flow_end(&job->flow);
        return;
    }
    if (!job->revoked)
        log_warn("connection %.8s: Google did not confirm the revocation", job->connection);
    flow_wait(&job->flow);
    turns_end_user(job->flow.api->turns, job->user, on_agent_ended, job);
}

static void on_revoke_done(void *ctx, const Cloister__TurnDone *done) {
    struct job *job = ctx;
    flow_turn_over(&job->flow);
    job->revoked = done->revoked;
    after_revoking(job);
}

static void on_revoke_error(void *ctx, const Cloister__TurnError *error) {
    struct job *job = ctx;
    flow_turn_over(&job->flow);
    job->unasked = strcmp(error->code, "keys_unavailable") == 0 ||
                   strcmp(error->code, "egress_unavailable") == 0;
    after_revoking(job);
}

static void on_revoke_failed(void *ctx, const struct turn_failure *failure) {
    struct job *job = ctx;
    (void)failure;
    flow_turn_over(&job->flow);
    job->unasked = true;
    after_revoking(job);
}

/* That the token no longer works is welcome; there is nothing to mark any more. */
static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct job *job = ctx;
    bool marks = call->op_case == CLOISTER__HOST_CALL__OP_MARK_BROKEN;
    turn_host_reply(job->flow.turn, call->call, marks ? 0 : EPERM,
                    marks ? "" : "Not in this turn.");
}

static const struct turn_ops revoke_ops = {.host_call = on_host_call,
                                           .done = on_revoke_done,
                                           .error = on_revoke_error,
                                           .failed = on_revoke_failed};

static void on_agents_ended(void *ctx) {
    struct job *job = ctx;
    if (!flow_resume(&job->flow))
        return;
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    state.connection = job->connection;
    state.refresh.data = job->refresh;
    state.refresh.len = job->refresh_len;
    state.token_version = job->version;
    state.n_scopes = job->scopes.n;
    state.scopes = job->scopes.list;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    start.kind = CLOISTER__TURN_KIND__TURN_REVOKE;
    start.state = &state;
    flow_turn(&job->flow, job->user, "owner", job->connection, &start, &revoke_ops, REVOKE_MS);
}

/* ---- starting ---- */

static struct job *find_job(const struct reconciler *reconciler, const char *connection) {
    for (struct job *job = reconciler->jobs; job != NULL; job = job->next)
        if (strcmp(job->connection, connection) == 0)
            return job;
    return NULL;
}

static struct job *job_new(struct reconciler *reconciler, const struct store_connection *row) {
    struct job *job = flow_new(reconciler->api, sizeof(*job), NULL, 0);
    job->flow.clean = clean;
    snprintf(job->user, sizeof(job->user), "%s", row->user);
    snprintf(job->connection, sizeof(job->connection), "%s", row->id);
    words_split(row->scopes, &job->scopes);
    job->version = row->token_version;
    job->age_ms = row->age_ms;
    if (row->refresh_len > 0 && (job->refresh = malloc(row->refresh_len)) != NULL) {
        memcpy(job->refresh, row->refresh, row->refresh_len);
        job->refresh_len = row->refresh_len;
    }
    job->next = reconciler->jobs;
    reconciler->jobs = job;
    reconciler->running++;
    return job;
}

static void job_start(struct job *job, const char *state) {
    bool revoke =
        strcmp(state, "disconnecting") == 0 && job->refresh_len > 0 && job->user[0] != '\0';
    if (!revoke) {
        destroy_key(job);
        return;
    }
    flow_wait(&job->flow);
    turns_end_user(job->flow.api->turns, job->user, on_agents_ended, job);
}

void disconnect_run(struct flow *flow, const struct store_connection *row) {
    struct reconciler *reconciler = flow->api->reconciler;
    struct job *job = find_job(reconciler, row->id);
    bool fresh = job == NULL;
    if (fresh)
        job = job_new(reconciler, row);
    if (job->n_waiters == WAITERS_MAX) {
        flow_fail(flow, 429, "busy", "This connection is being ended already.", true);
        return;
    }
    flow_wait(flow);
    job->waiters[job->n_waiters++] = flow;
    if (fresh)
        job_start(job, row->state);
}

/* ---- the reconciler ---- */

static void on_unfinished(void *ctx, int error, const struct store_connection *rows, size_t n) {
    struct flow *flow = ctx;
    if (!flow_resume(flow))
        return;
    struct reconciler *reconciler = flow->api->reconciler;
    flow_end(flow);
    reconciler->asking = false;
    for (size_t i = 0; error == 0 && i < n && reconciler->running < CONCURRENTLY; i++)
        if (find_job(reconciler, rows[i].id) == NULL)
            job_start(job_new(reconciler, &rows[i]), rows[i].state);
    /* More than fit wait for the next look, which then comes soon. */
    bool more = error == 0 && n > CONCURRENTLY;
    arm(reconciler, backoff_ms(0, more ? 2000 : TICK_MS, TICK_MS));
    if (reconciler->again)
        reconciler_kick(reconciler);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx) {
    struct reconciler *reconciler = ctx;
    (void)fd;
    (void)what;
    if (reconciler->asking)
        return;
    reconciler->asking = true;
    reconciler->again = false;
    struct flow *flow = flow_new(reconciler->api, sizeof(*flow), NULL, 0);
    flow_wait(flow);
    store_unfinished(reconciler->api->store, on_unfinished, flow);
}

void reconciler_kick(struct reconciler *reconciler) {
    reconciler->again = reconciler->asking;
    if (!reconciler->asking)
        arm(reconciler, KICK_MS);
}

int reconciler_new(struct api *api, struct reconciler **ret) {
    struct reconciler *reconciler = calloc(1, sizeof(*reconciler));
    if (reconciler == NULL)
        return -ENOMEM;
    reconciler->api = api;
    reconciler->timer = evtimer_new(api->base, on_tick, reconciler);
    if (reconciler->timer == NULL) {
        free(reconciler);
        return -ENOMEM;
    }
    arm(reconciler, 3000); /* the zygote and keys are coming up too */
    *ret = reconciler;
    return 0;
}

void reconciler_free(struct reconciler *reconciler) {
    event_free(reconciler->timer);
    free(reconciler);
}
