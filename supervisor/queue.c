/* A user's turns: waiting, begun, ended. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/agents.h"
#include "supervisor/failures.h"
#include "supervisor/relay_rules.h"

#define CANCEL_GRACE_MS 2000
#define CREDIT_MAX      (1u << 20)
#define FRONT_QUEUED    32u
#define REPLY_MOST      65000u /* with what is around it, within HOST_REPLY's cap */

#define FAILED(name, ...) const struct turn_failure failure_##name = {__VA_ARGS__}
FAILED(lost, 502, "agent_lost", "The agent stopped before it had finished. Ask again.", true);
FAILED(not_started, 502, "agent_lost", "The agent could not be started. Ask again.", true);
FAILED(disconnected, 409, "disconnected", "The calendar was disconnected.");
FAILED(stopped, 502, "agent_lost", "The agent was stopped by the operator. Ask again.", true);
FAILED(runaway, 502, "agent_lost",
       "The turn was ended because this user's agent took more of the machine than an agent may. "
       "It is started again shortly.",
       true);
FAILED(computing, 502, "agent_lost",
       "The turn was ended because it computed for longer than a turn may.");
FAILED(greedy, 502, "agent_lost",
       "The turn was ended because it needed more memory than a turn may have.");
FAILED(timeout, 504, "turn_timeout",
       "The turn was ended because it took longer than a turn may. Ask again.", true);
FAILED(draining, 503, "draining", "The service is about to stop. Ask again shortly.", true, false,
       5000);
FAILED(full, 503, "full", "All agents are in use. Ask again shortly.", true, false, 5000);
FAILED(busy, 429, "busy", "Earlier requests of this user are still being answered.", true, false,
       2000);
FAILED(resting, 429, "busy",
       "This user's agent was ended because it broke its rules, and is started again shortly.",
       true);
FAILED(memory, 503, "full", "The service is short of memory. Ask again shortly.", true, false,
       5000);

int agent_send(struct agent *agent, Cloister__Message *message) {
    return agent->end == NULL ? -ENOTCONN : nng_end_send_message(agent->end, message);
}

void turn_free(struct turn *turn) {
    msg_free(turn->start);
    if (turn->timer != NULL)
        event_free(turn->timer);
    free(turn);
}

/* Off its agent, whether it waits or runs. */
static void detach(struct turn *turn) {
    struct agent *agent = turn->agent;
    (void)event_del(turn->timer);
    if (turn->running) {
        agent->running = NULL;
        if (agent->peer.phase == PHASE_TURN)
            agent->peer.phase = PHASE_READY;
    } else {
        TAILQ_REMOVE(&agent->queue, turn, queued);
        agent->queue_len--;
    }
}

/* For the records, once whoever listens has had its last word. A turn that never ran did nothing.
 */
static void tell_past(const struct turn *turn, const char *outcome, const Cloister__Usage *usage,
                      const Cloister__Audit *audit) {
    const struct turns_hooks *hooks = &turn->agent->turns->setup.hooks;
    if (!turn->running)
        return;
    struct turn_past past = {.id = turn->id,
                             .user = turn->agent->user,
                             .origin = turn->agent->origin,
                             .frontend = turn->frontend,
                             .connection = turn->connection,
                             .kind = turn->kind,
                             .began_ms = turn->began_ms,
                             .took_ms = clock_ms() - turn->begun,
                             .outcome = turn->cancelled ? "cancelled" : outcome,
                             .usage = usage,
                             .audit = audit};
    count_over(turn, &past);
    events_note(turn->agent->turns->setup.events, EVENT_TURN_OVER, .user = past.user,
                .origin = past.origin, .turn = past.id, .pid = turn->agent->pid,
                .code = past.outcome, .took_ms = past.took_ms);
    if (hooks->turn_over != NULL)
        hooks->turn_over(hooks->past_ctx, &past);
}

void turn_end_done(struct turn *turn, const Cloister__TurnDone *done) {
    detach(turn);
    if (turn->ops != NULL)
        turn->ops->done(turn->ctx, done);
    tell_past(turn, "done", done->usage, done->audit);
    turn_free(turn);
}

static void count(struct turns_counters *counters, const struct turn_failure *failure) {
    counters->failures++;
    counters->timeouts += failure == &failure_timeout;
    counters->computing += failure == &failure_computing;
}

static void end_failed(struct turn *turn, const struct turn_failure *failure,
                       const Cloister__Usage *usage, const Cloister__Audit *audit) {
    struct turn_failure told = *(failure != NULL ? failure : &failure_lost);
    detach(turn);
    count(&turn->agent->turns->counters, failure);
    told.unknown_writes = turn->running && turn->wrote;
    if (turn->ops != NULL)
        turn->ops->failed(turn->ctx, &told);
    tell_past(turn, told.code, usage, audit);
    turn_free(turn);
}

void turn_end_failed(struct turn *turn, const struct turn_failure *failure) {
    end_failed(turn, failure, NULL, NULL);
}

void turn_end_error(struct turn *turn, const Cloister__TurnError *error) {
    if (turn->timed_out) { /* its own words are about the cancel, not about why */
        end_failed(turn, &failure_timeout, error->usage, error->audit);
        return;
    }
    detach(turn);
    turn->agent->turns->counters.failures++;
    if (strcmp(error->code, failure_lost.code) == 0) /* its one reason to say so: agent/turn.c */
        turn->agent->turns->counters.out_of_memory++;
    if (turn->ops != NULL)
        turn->ops->error(turn->ctx, error);
    tell_past(turn, failure_status(error->code) != 0 ? error->code : "internal", error->usage,
              error->audit);
    turn_free(turn);
}

void agent_fail_queue(struct agent *agent, const struct turn_failure *why) {
    /* What a callback submits anew is not part of this. */
    for (unsigned n = agent->queue_len; n > 0 && !TAILQ_EMPTY(&agent->queue); n--)
        turn_end_failed(TAILQ_FIRST(&agent->queue), why);
}

void agent_about(const struct agent *agent, struct about *ret) {
    static const struct about none;
    *ret = agent->running != NULL ? agent->running->about : none;
}

static void send_or_lose(struct agent *agent, Cloister__Message *message) {
    int r = agent_send(agent, message);
    if (r == 0 || r == -ENOTCONN) /* its end is on the way */
        return;
    struct about about;
    agent_about(agent, &about);
    LOG_ABOUT(.request = about.request, .user = agent->user, .trace = about.trace);
    log_warn("agent %d does not read what it is sent (%s); ending it", (int)agent->pid,
             strerror(-r));
    agent_event(agent, AGENT_EVENT_FAULT, &failure_lost);
}

static void send_cancel(struct turn *turn) {
    Cloister__TurnCancel cancel = CLOISTER__TURN_CANCEL__INIT;
    cancel.turn = turn->id;
    Cloister__Message message = MSG_OF(TURN_CANCEL, turn_cancel, &cancel);
    set_timer(turn->timer, CANCEL_GRACE_MS);
    send_or_lose(turn->agent, &message);
}

static void on_turn_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct turn *turn = arg;
    const struct about about = turn->about;
    LOG_ABOUT(.request = about.request, .trace = about.trace);
    const char *wrong = relay_overdue(turn);
    if (!turn->running) {
        turn_end_failed(turn, &failure_timeout);
    } else if (wrong != NULL) {
        log_warn("agent %d %s; ending the agent", (int)turn->agent->pid, wrong);
        agent_event(turn->agent, AGENT_EVENT_FAULT,
                    turn->timed_out ? &failure_timeout : &failure_lost);
    } else if (!turn->timed_out) {
        turn->timed_out = true;
        send_cancel(turn);
    }
}

static void note_given(struct turn *turn, const Cloister__SealedState *state) {
    for (size_t i = 0; i < state->n_proposals && turn->n_given < COUNT_OF(turn->given); i++)
        (void)snprintf(turn->given[turn->n_given++], sizeof(turn->given[0]), "%s",
                       state->proposals[i]->id);
}

/* What is added now belongs to who adds it; what it was submitted with is done with. */
static int send_start(struct turn *turn) {
    uint64_t now = clock_ms();
    Cloister__TurnStart start = *turn->start->turn_start;
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    Cloister__Message message = MSG_OF(TURN_START, turn_start, &start);
    start.deadline_ms = turn->deadline > now ? turn->deadline - now : 1;
    start.credit = (uint32_t)turn->credit;
    if (start.state != NULL) {
        state = *start.state;
        start.state = &state;
        if (turn->ops != NULL && turn->ops->begins != NULL)
            turn->ops->begins(turn->ctx, &state);
    }
    note_given(turn, &state);
    int r = agent_send(turn->agent, &message);
    msg_free(take_ptr(turn->start));
    return r;
}

void turn_begin(struct agent *agent) {
    struct turn *turn = TAILQ_FIRST(&agent->queue);
    TAILQ_REMOVE(&agent->queue, turn, queued);
    agent->queue_len--;
    agent->running = turn;
    turn->running = true;
    turn->begun = clock_ms();
    turn->began_ms = wall_ms();
    agent_change_state(agent, AGENT_BUSY);
    agent->peer.phase = PHASE_TURN;
    agent->turns->counters.turns++;
    events_note(agent->turns->setup.events, EVENT_TURN_BEGUN, .user = agent->user,
                .origin = agent->origin, .turn = turn->id, .pid = agent->pid);
    agent->turns_done++;
    int r = send_start(turn);
    count_begun(turn);
    if (r == -EMSGSIZE) { /* with what was added; its agent can do nothing about that */
        turn_end_failed(turn, &failure_memory);
        agent_event(agent, AGENT_EVENT_TURN_OVER, NULL);
    } else if (r < 0) {
        log_with(LOG_LEVEL_WARN,
                 &(struct log_fields){.request = turn->about.request, .trace = turn->about.trace},
                 "agent %d cannot be sent a turn: %s", (int)agent->pid, strerror(-r));
        agent_event(agent, AGENT_EVENT_FAULT, &failure_lost);
    } else if (turn->ops != NULL && turn->ops->started != NULL) {
        turn->ops->started(turn->ctx, turn->id);
    }
}

/* A deep copy in memory that is wiped, checked against its cap like everything that is sent. */
static int copy_start(struct turn *turn, const Cloister__TurnStart *start, const char *user,
                      const char *origin) {
    Cloister__TurnStart filled = *start;
    char word[CELL_SIZE];
    (void)snprintf(word, sizeof(word), "%.*s", (int)cell_origin(origin), origin);
    filled.turn = turn->id;
    filled.user = (char *)user;
    filled.origin = word;
    Cloister__Message message = MSG_OF(TURN_START, turn_start, &filled);
    struct msg_peer self = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
    return msg_copy(&self, &message, &turn->start);
}

/* A step in a calendar that may leave something there when it is lost on the way. */
static bool front_writes(const Cloister__FrontStep *step) {
    return step != NULL && step->kind != CLOISTER__FRONT_KIND__FRONT_BUSY &&
           step->kind != CLOISTER__FRONT_KIND__FRONT_LOOK;
}

static struct turn *turn_new(struct turns *turns, const char *user, const char *origin,
                             const Cloister__TurnStart *start, const struct turn_ops *ops,
                             void *ctx) {
    struct turn *turn = calloc(1, sizeof(*turn));
    if (turn == NULL)
        return NULL;
    id_random(turn->id);
    turn->ops = ops;
    turn->ctx = ctx;
    turn->kind = start->kind;
    turn->wrote = front_writes(start->front);
    if (start->state != NULL && id_valid(start->state->connection))
        memcpy(turn->connection, start->state->connection, sizeof(turn->connection));
    (void)snprintf(turn->frontend, sizeof(turn->frontend), "%s", start->frontend);
    (void)about_read(start->about, &turn->about);
    turn->credit = start->credit < CREDIT_MAX ? start->credit : CREDIT_MAX;
    turn->deadline = clock_ms() + turns->setup.turn_timeout_ms;
    turn->submitted_us = clock_us();
    turn->timer = evtimer_new(turns->base, on_turn_timer, turn);
    if (turn->timer == NULL || copy_start(turn, start, user, origin) < 0) {
        turn_free(turn);
        return NULL;
    }
    return turn;
}

/* How long the user's agent still rests because an earlier one broke the protocol. */
static uint64_t rest_of(const struct turns *turns, const char *user, const char *origin) {
    char key[KEY_MAX + 1];
    (void)snprintf(key, sizeof(key), "%s:%s", user, origin);
    return user[0] != '\0' ? rest_left(turns->rest, key, clock_ms()) : 0;
}

/* A front cell's steps are short, and every customer of a business waits for one and the same. */
static unsigned queue_bound(const struct turns *turns, const char *origin) {
    unsigned most = turns->setup.queued_per_user;
    return strcmp(origin, "front") == 0 && most < FRONT_QUEUED ? FRONT_QUEUED : most;
}

static struct agent *need_agent(struct turns *turns, const char *user, const char *origin,
                                const char *connection, struct turn_failure *ret_failure) {
    struct agent *agent = agent_find(turns, user[0] != '\0' ? user : connection, origin);
    /* One may run, whether it has begun yet or not; the bound is for those behind it. */
    if (agent != NULL &&
        agent->queue_len >= queue_bound(turns, origin) + (agent->running == NULL ? 1u : 0u)) {
        *ret_failure = failure_busy;
        return NULL;
    }
    /* One that is being ended would get another process as soon as it is gone. */
    uint64_t rests =
        agent == NULL || agent->state == AGENT_ENDING ? rest_of(turns, user, origin) : 0;
    if (rests > 0) {
        *ret_failure = failure_resting;
        ret_failure->retry_after_ms = rests;
        return NULL;
    }
    if (agent != NULL)
        return agent;
    if (turns->refusing || !spawn_admits(turns)) {
        turns->counters.refused++;
        *ret_failure = turns->refusing ? failure_memory : failure_full;
        return NULL;
    }
    agent = agent_new(turns, user, origin, connection);
    if (agent == NULL)
        *ret_failure = failure_memory;
    return agent;
}

void turns_seen(struct turns *turns, const char *frontend, const char *name, const char *user,
                const char *connection) {
    early_note(turns->early, frontend, name, user, connection);
}

/* Nothing here may cost anybody anything: it is done where a process may be had at once, and what
 * would be told to a turn is left for the turn to hear. */
void turns_wake(struct turns *turns, const char *frontend, const char *name) {
    const struct early_user *who = early_find(turns->early, frontend, name);
    if (who == NULL || turns->draining || turns->refusing || turns->wanting_count > 0 ||
        turns->live >= turns->setup.max || !zygote_ready(turns->zygote) ||
        agent_find(turns, who->user, "owner") != NULL || rest_of(turns, who->user, "owner") > 0)
        return;
    struct agent *agent = agent_new(turns, who->user, "owner", who->connection);
    if (agent == NULL)
        return;
    agent->early = true;
    spawn_next(turns);
    agent->early = false; /* when it did not go, whoever comes next takes it off the list */
}

static struct turn *submit(struct turns *turns, const char *user, const char *origin,
                           const char *connection, const Cloister__TurnStart *start,
                           const struct turn_ops *ops, void *ctx,
                           struct turn_failure *ret_failure) {
    if (turns->draining) {
        *ret_failure = failure_draining;
        return NULL;
    }
    struct turn *turn = turn_new(turns, user, origin, start, ops, ctx);
    if (turn == NULL) {
        *ret_failure = failure_memory;
        return NULL;
    }
    struct agent *agent = need_agent(turns, user, origin, connection, ret_failure);
    if (agent == NULL) {
        turn_free(turn);
        return NULL;
    }
    turn->agent = agent;
    TAILQ_INSERT_TAIL(&agent->queue, turn, queued);
    agent->queue_len++;
    set_timer(turn->timer, turns->setup.turn_timeout_ms);
    agent_event(agent, AGENT_EVENT_SUBMITTED, NULL);
    spawn_next(turns);
    return turn;
}

struct turn *turns_submit(struct turns *turns, const char *user, const char *origin,
                          const char *connection, const Cloister__TurnStart *start,
                          const struct turn_ops *ops, void *ctx, struct turn_failure *ret_failure) {
    struct turn *turn = submit(turns, user, origin, connection, start, ops, ctx, ret_failure);
    if (turn == NULL)
        count_refused(turns, ret_failure->code);
    return turn;
}

void turn_stop(struct turn *turn) {
    if (turn->timed_out || turn->cancelled)
        return;
    turn->cancelled = true;
    send_cancel(turn);
}

void turn_cancel(struct turn *turn) {
    turn->ops = NULL;
    if (!turn->running) {
        detach(turn);
        turn_free(turn);
    } else {
        turn_stop(turn);
    }
}

void turn_credit(struct turn *turn, uint32_t bytes) {
    if (bytes > CREDIT_MAX)
        bytes = CREDIT_MAX;
    if (turn->credit + bytes > CREDIT_MAX)
        bytes = (uint32_t)(CREDIT_MAX - turn->credit);
    turn->credit += bytes;
    if (!turn->running || bytes == 0)
        return;
    Cloister__TurnCredit credit = CLOISTER__TURN_CREDIT__INIT;
    credit.turn = turn->id;
    credit.bytes = bytes;
    Cloister__Message message = MSG_OF(TURN_CREDIT, turn_credit, &credit);
    send_or_lose(turn->agent, &message);
}

static void host_reply(struct turn *turn, Cloister__HostReply *reply) {
    reply->turn = turn->id;
    if (turn->host_calls > 0)
        turn->host_calls--;
    Cloister__Message message = MSG_OF(HOST_REPLY, host_reply, reply);
    send_or_lose(turn->agent, &message);
}

void turn_host_reply(struct turn *turn, uint64_t call, int error, const char *detail) {
    Cloister__HostReply reply = CLOISTER__HOST_REPLY__INIT;
    reply.call = call;
    reply.error = error < 0 ? -error : error;
    reply.detail = (char *)(detail != NULL ? detail : "");
    host_reply(turn, &reply);
}

void turn_business_reply(struct turn *turn, uint64_t call, const Cloister__BusinessResult *result) {
    Cloister__HostReply reply = CLOISTER__HOST_REPLY__INIT;
    Cloister__BusinessResult body = *result, less = CLOISTER__BUSINESS_RESULT__INIT;
    less.status = 502;
    less.code = (char *)"too_much";
    less.detail = (char *)"The answer is too long. Ask for less at once.";
    body.request = call;
    reply.call = call;
    reply.business = cloister__business_result__get_packed_size(&body) < REPLY_MOST ? &body : &less;
    host_reply(turn, &reply);
}
