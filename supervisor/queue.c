/* A user's turns: waiting, begun, ended. */
#include <errno.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/agents.h"

#define CANCEL_GRACE_MS 2000
#define CREDIT_MAX      (1u << 20)

#define FAILED(name, ...) const struct turn_failure failure_##name = {__VA_ARGS__}
FAILED(lost, 502, "agent_lost", "The agent stopped before it had finished. Ask again.", true);
FAILED(not_started, 502, "agent_lost", "The agent could not be started. Ask again.", true);
FAILED(disconnected, 409, "disconnected", "The calendar was disconnected.");
FAILED(stopped, 502, "agent_lost", "The agent was stopped by the operator. Ask again.", true);
FAILED(timeout, 504, "turn_timeout", "The answer took too long.", true);
FAILED(draining, 503, "draining", "The service is about to stop. Ask again shortly.", true, false,
       5000);
FAILED(full, 503, "full", "All agents are in use. Ask again shortly.", true, false, 5000);
FAILED(busy, 429, "busy", "Earlier requests of this user are still being answered.", true, false,
       2000);
FAILED(memory, 503, "full", "The service is short of memory. Ask again shortly.", true, false,
       5000);

int agent_send(struct agent *agent, Cloister__Message *message) {
    if (agent->end == NULL)
        return -ENOTCONN;
    size_t size = cloister__message__get_packed_size(message) + 16;
    uint8_t *data = malloc(size);
    if (data == NULL)
        return -ENOMEM;
    ssize_t len = msg_encode(message, data, size);
    int r = len < 0 ? (int)len : nng_end_send(agent->end, data, (size_t)len);
    explicit_bzero(data, size);
    free(data);
    return r;
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

void turn_end_done(struct turn *turn, const Cloister__TurnDone *done) {
    detach(turn);
    if (turn->ops != NULL)
        turn->ops->done(turn->ctx, done);
    turn_free(turn);
}

void turn_end_failed(struct turn *turn, const struct turn_failure *failure) {
    struct turn_failure told = *(failure != NULL ? failure : &failure_lost);
    detach(turn);
    turn->agent->turns->counters.failures++;
    told.unknown_writes = turn->running && turn->wrote;
    if (turn->ops != NULL)
        turn->ops->failed(turn->ctx, &told);
    turn_free(turn);
}

void turn_end_error(struct turn *turn, const Cloister__TurnError *error) {
    if (turn->timed_out) { /* its own words are about the cancel, not about why */
        turn_end_failed(turn, &failure_timeout);
        return;
    }
    detach(turn);
    turn->agent->turns->counters.failures++;
    if (turn->ops != NULL)
        turn->ops->error(turn->ctx, error);
    turn_free(turn);
}

void agent_fail_queue(struct agent *agent, const struct turn_failure *why) {
    /* What a callback submits anew is not part of this. */
    for (unsigned n = agent->queue_len; n > 0 && !TAILQ_EMPTY(&agent->queue); n--)
        turn_end_failed(TAILQ_FIRST(&agent->queue), why);
}

static void send_or_lose(struct agent *agent, Cloister__Message *message) {
    int r = agent_send(agent, message);
    if (r == 0 || r == -ENOTCONN) /* its end is on the way */
        return;
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
    if (!turn->running) {
        turn_end_failed(turn, &failure_timeout);
    } else if (turn->timed_out || turn->cancelled) {
        log_warn("agent %d did not end its turn when told to; ending the agent",
                 (int)turn->agent->pid);
        agent_event(turn->agent, AGENT_EVENT_FAULT,
                    turn->timed_out ? &failure_timeout : &failure_lost);
    } else {
        turn->timed_out = true;
        send_cancel(turn);
    }
}

void turn_begin(struct agent *agent) {
    struct turn *turn = TAILQ_FIRST(&agent->queue);
    TAILQ_REMOVE(&agent->queue, turn, queued);
    agent->queue_len--;
    agent->running = turn;
    turn->running = true;
    agent_change_state(agent, AGENT_BUSY);
    agent->peer.phase = PHASE_TURN;
    agent->turns->counters.turns++;
    agent->turns_done++;
    uint64_t now = clock_ms();
    Cloister__TurnStart *start = turn->start->turn_start;
    start->deadline_ms = turn->deadline > now ? turn->deadline - now : 1;
    start->credit = (uint32_t)turn->credit;
    int r = agent_send(agent, turn->start);
    msg_free(take_ptr(turn->start));
    if (r < 0) {
        log_warn("agent %d cannot be sent a turn: %s", (int)agent->pid, strerror(-r));
        agent_event(agent, AGENT_EVENT_FAULT, &failure_lost);
    } else if (turn->ops != NULL) {
        turn->ops->started(turn->ctx, turn->id);
    }
}

/* A deep copy in memory that is wiped, checked against its cap like everything that is sent. */
static int copy_start(struct turn *turn, const Cloister__TurnStart *start, const char *user,
                      const char *origin) {
    Cloister__TurnStart filled = *start;
    filled.turn = turn->id;
    filled.user = (char *)user;
    filled.origin = (char *)origin;
    Cloister__Message message = MSG_OF(TURN_START, turn_start, &filled);
    size_t size =
        cloister__message__get_packed_size(&message) + 32; /* deadline and credit grow it */
    SCOPE_FREE uint8_t *data = malloc(size);
    if (data == NULL)
        return -ENOMEM;
    struct msg_peer self = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
    ssize_t len = msg_encode(&message, data, size);
    int r = len < 0 ? (int)len : msg_decode(&self, data, (size_t)len, 0, &turn->start);
    explicit_bzero(data, size);
    return r;
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
    turn->credit = start->credit < CREDIT_MAX ? start->credit : CREDIT_MAX;
    turn->deadline = clock_ms() + turns->setup.turn_timeout_ms;
    turn->timer = evtimer_new(turns->base, on_turn_timer, turn);
    if (turn->timer == NULL || copy_start(turn, start, user, origin) < 0) {
        turn_free(turn);
        return NULL;
    }
    return turn;
}

/* Room for one more process, if need be by parking the agent that has been idle longest. */
static bool make_room(struct turns *turns) {
    uint64_t wanted =
        (uint64_t)turns->live - turns->counts[AGENT_ENDING] + turns->wanting_count + 1;
    if (turns->live < turns->counts[AGENT_ENDING] || wanted <= turns->setup.max)
        return true;
    struct agent *agent;
    TAILQ_FOREACH(agent, &turns->lists[AGENT_IDLE], listed)
    if (TAILQ_EMPTY(&agent->queue)) {
        agent_event(agent, AGENT_EVENT_PARK, NULL);
        return true;
    }
    return false;
}

static struct agent *need_agent(struct turns *turns, const char *user, const char *origin,
                                const char *connection, struct turn_failure *ret_failure) {
    struct agent *agent = agent_find(turns, user[0] != '\0' ? user : connection, origin);
    /* One may run, whether it has begun yet or not; the bound is for those behind it. */
    if (agent != NULL &&
        agent->queue_len >= turns->setup.queued_per_user + (agent->running == NULL ? 1u : 0u)) {
        *ret_failure = failure_busy;
        return NULL;
    }
    if (agent != NULL)
        return agent;
    if (!make_room(turns)) {
        *ret_failure = failure_full;
        return NULL;
    }
    agent = agent_new(turns, user, origin, connection);
    if (agent == NULL)
        *ret_failure = failure_memory;
    return agent;
}

struct turn *turns_submit(struct turns *turns, const char *user, const char *origin,
                          const char *connection, const Cloister__TurnStart *start,
                          const struct turn_ops *ops, void *ctx, struct turn_failure *ret_failure) {
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

void turn_cancel(struct turn *turn) {
    turn->ops = NULL;
    if (!turn->running) {
        detach(turn);
        turn_free(turn);
    } else if (!turn->timed_out && !turn->cancelled) {
        turn->cancelled = true;
        send_cancel(turn);
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

void turn_host_reply(struct turn *turn, uint64_t call, int error, const char *detail) {
    Cloister__HostReply reply = CLOISTER__HOST_REPLY__INIT;
    reply.turn = turn->id;
    reply.call = call;
    reply.error = error < 0 ? -error : error;
    reply.detail = (char *)(detail != NULL ? detail : "");
    if (turn->host_calls > 0)
        turn->host_calls--;
    Cloister__Message message = MSG_OF(HOST_REPLY, host_reply, &reply);
    send_or_lose(turn->agent, &message);
}
