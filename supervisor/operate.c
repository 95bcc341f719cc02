/* Ending agents on purpose, draining, and what operators may see. */
#include <errno.h>
#include <string.h>

#include "supervisor/agents.h"

static const char *const user_origins[] = {"owner",      "customer", "customer.1", "customer.2",
                                           "customer.3", "front",    "scheduler"};

static int wait_for(struct agent *agent, struct turns_ended *call) {
    struct end_note *note = malloc(sizeof(*note));
    if (note == NULL)
        return -ENOMEM;
    note->call = call;
    call->left++;
    SLIST_INSERT_HEAD(&agent->notes, note, next);
    return 0;
}

void turns_end_user(struct turns *turns, const char *user, void (*ended)(void *ctx), void *ctx) {
    const struct turns_hooks *hooks = &turns->setup.hooks;
    if (hooks->user_ended != NULL)
        hooks->user_ended(hooks->ctx, user);
    early_forget(turns->early, user);
    struct turns_ended *call = calloc(1, sizeof(*call));
    if (call != NULL) {
        *call = (struct turns_ended){ended, ctx, 1};
        for (size_t i = 0; i < COUNT_OF(user_origins); i++) {
            struct agent *agent = agent_find(turns, user, user_origins[i]);
            /* Without memory for the note it is ended all the same, only not waited for. */
            if (agent == NULL)
                continue;
            (void)!wait_for(agent, call);
            agent_event(agent, AGENT_EVENT_STOP, &failure_disconnected);
        }
        if (--call->left > 0)
            return;
        free(call);
    }
    ended(ctx);
}

struct agent *agent_longest_idle(struct turns *turns) {
    struct agent *agent;
    TAILQ_FOREACH(agent, &turns->lists[AGENT_IDLE], listed)
    if (TAILQ_EMPTY(&agent->queue))
        return agent;
    return NULL;
}

unsigned turns_relieve(struct turns *turns, unsigned most) {
    unsigned n = 0;
    struct agent *agent;
    for (; n < most && (agent = agent_longest_idle(turns)) != NULL; n++)
        agent_event(agent, AGENT_EVENT_PARK, NULL);
    turns->counters.relieved += n;
    return n;
}

void turns_refuse(struct turns *turns, bool refuse) {
    turns->refusing = refuse;
    if (!refuse)
        spawn_next(turns);
}

void turns_end_all(struct turns *turns, const struct turn_failure *why) {
    for (size_t i = 0; i < AGENT_STATE_MAX; i++)
        for (struct agent *agent = TAILQ_FIRST(&turns->lists[i]), *next; agent != NULL;
             agent = next) {
            next = TAILQ_NEXT(agent, listed);
            agent_event(agent, AGENT_EVENT_STOP, why);
        }
}

void turns_drain(struct turns *turns, void (*drained)(void *ctx), void *ctx) {
    turns->draining = true;
    turns->drained = drained;
    turns->drained_ctx = ctx;
    struct agent *agent;
    while ((agent = TAILQ_FIRST(&turns->lists[AGENT_IDLE])) != NULL)
        agent_event(agent, AGENT_EVENT_PARK, NULL);
    if (turns->by_key.count == 0) {
        turns->drained = NULL;
        drained(ctx);
        return;
    }
    set_timer(turns->drain_limit, turns->setup.drain_ms);
}

void turns_hurry(struct turns *turns, uint64_t ms) {
    if (turns->drained != NULL)
        set_timer(turns->drain_limit, ms);
}

void turns_undrain(struct turns *turns) {
    turns->draining = false;
    turns->drained = NULL;
    (void)event_del(turns->drain_limit);
}

static size_t queued_now(const struct turns *turns) {
    const struct agent *agent;
    size_t n = 0;
    for (size_t i = 0; i < AGENT_STATE_MAX; i++)
        TAILQ_FOREACH(agent, &turns->lists[i], listed)
    n += agent->queue_len;
    return n;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void turns_status(const struct turns *turns, struct turns_status *ret) {
    *ret = (struct turns_status){.counters = turns->counters,
                                 .starting = turns->counts[AGENT_STARTING],
                                 .idle = turns->counts[AGENT_IDLE],
                                 .busy = turns->counts[AGENT_BUSY],
                                 .ending = turns->counts[AGENT_ENDING],
                                 .waiting = turns->wanting_count,
                                 .refusing = turns->refusing,
                                 .draining = turns->draining,
                                 .queued = queued_now(turns)};
    uint32_t sorted[LATENCIES];
    size_t n = turns->latencies < LATENCIES ? (size_t)turns->latencies : LATENCIES;
    if (n == 0)
        return;
    memcpy(sorted, turns->latency_us, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_value);
    ret->spawn_p50_us = sorted[n / 2];
    ret->spawn_p99_us = sorted[n * 99 / 100];
}

static void show(const struct agent *agent, void (*each)(void *ctx, const struct agent_view *view),
                 void *ctx) {
    struct agent_view view = {.user = agent->user,
                              .origin = agent->origin,
                              .state = agent_state_name(agent->state),
                              .pid = agent->pid,
                              .since_ms = agent->since_ms,
                              .idle_ms =
                                  agent->state == AGENT_IDLE ? clock_ms() - agent->state_ms : 0,
                              .turns = agent->turns_done,
                              .queued = agent->queue_len};
    each(ctx, &view);
}

void turns_each(const struct turns *turns, const char *user,
                void (*each)(void *ctx, const struct agent_view *view), void *ctx) {
    const struct agent *agent;
    for (size_t i = 0; user == NULL && i < AGENT_STATE_MAX; i++)
        TAILQ_FOREACH(agent, &turns->lists[i], listed)
    show(agent, each, ctx);
    for (size_t i = 0; user != NULL && i < COUNT_OF(user_origins); i++) {
        agent = agent_find((struct turns *)turns, user, user_origins[i]);
        if (agent != NULL)
            show(agent, each, ctx);
    }
}

static int act_on_user(struct turns *turns, const char *user, enum agent_event event) {
    int n = 0;
    for (size_t i = 0; i < COUNT_OF(user_origins); i++) {
        struct agent *agent = agent_find(turns, user, user_origins[i]);
        if (agent == NULL)
            continue;
        agent_event(agent, event, &failure_stopped);
        n++;
    }
    return n > 0 ? n : -ENOENT;
}

int turns_park_user(struct turns *turns, const char *user) {
    return act_on_user(turns, user, AGENT_EVENT_PARK);
}

int turns_stop_user(struct turns *turns, const char *user) {
    return act_on_user(turns, user, AGENT_EVENT_STOP);
}

void turns_renew(struct turns *turns, unsigned model_provider) {
    static const enum agent_state states[] = {AGENT_STARTING, AGENT_BUSY};
    struct agent *agent;
    turns->setup.model_provider = model_provider;
    zygote_renew(turns->zygote);
    for (size_t i = 0; i < COUNT_OF(states); i++)
        TAILQ_FOREACH(agent, &turns->lists[states[i]], listed)
    agent->outdated = !agent->wanting;
    while ((agent = TAILQ_FIRST(&turns->lists[AGENT_IDLE])) != NULL)
        agent_event(agent, AGENT_EVENT_PARK, NULL);
}

void turns_set_limits(struct turns *turns, uint64_t max, uint64_t idle_park_ms,
                      unsigned queued_per_user) {
    struct agent *agent;
    turns->setup.max = max;
    turns->setup.idle_park_ms = idle_park_ms;
    turns->setup.queued_per_user = queued_per_user;
    TAILQ_FOREACH(agent, &turns->lists[AGENT_IDLE], listed)
    agent_arm(agent);
    while (turns->live > turns->counts[AGENT_ENDING] &&
           turns->live - turns->counts[AGENT_ENDING] > max &&
           (agent = agent_longest_idle(turns)) != NULL)
        agent_event(agent, AGENT_EVENT_PARK, NULL);
    spawn_next(turns);
}
