/* The registry: agents by (user, origin), their timers, their end. */
#include "supervisor/agents.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/process.h"
#include "supervisor/relay_rules.h"

void set_timer(struct event *timer, uint64_t wait_ms) {
    struct timeval t = {.tv_sec = (time_t)(wait_ms / 1000),
                        .tv_usec = (suseconds_t)(wait_ms % 1000 * 1000)};
    (void)event_add(timer, &t);
}

static int make_key(char out[static KEY_MAX + 1], const char *id, const char *origin) {
    int n = snprintf(out, KEY_MAX + 1, "%s:%s", id, origin);
    return n < 0 || n > KEY_MAX ? -EINVAL : n;
}

struct agent *agent_find(struct turns *turns, const char *key_id, const char *origin) {
    char key[KEY_MAX + 1];
    int n = make_key(key, key_id, origin);
    if (n < 0)
        return NULL;
    return hash_entry(hash_find(&turns->by_key, key, (size_t)n), struct agent, by_key);
}

static uint64_t time_left(uint64_t from, uint64_t wait, uint64_t now) {
    return from + wait > now ? from + wait - now : 0;
}

/* Room may be a while in coming, and a zygote that tries all walls on a busy machine as well; an
 * agent may not. */
static uint64_t start_limit(const struct agent *agent) {
    if (!agent->wanting)
        return SPAWN_WAIT_MS;
    return zygote_ready(agent->turns->zygote) ? agent->turns->setup.full_wait_ms : ZYGOTE_WAIT_MS;
}

void agent_arm(struct agent *agent) {
    const struct turns_setup *setup = &agent->turns->setup;
    uint64_t now = clock_ms(), wait = 0;
    if (agent->reaped) /* the timer waits for its last words */
        return;
    switch (agent->state) {
    case AGENT_STARTING:
        wait = time_left(agent->started_ms, start_limit(agent), now);
        break;
    case AGENT_IDLE: /* not even a ping: thousands of them must cost nothing */
        wait = time_left(agent->state_ms, setup->idle_park_ms, now);
        break;
    case AGENT_BUSY: /* one that was idle for long is asked at once whether it is there */
        wait = time_left(agent->ping_ms,
                         agent->pings != agent->pongs ? PONG_WAIT_MS : PING_EVERY_MS, now);
        break;
    case AGENT_ENDING:
        wait = SPAWN_WAIT_MS;
        break;
    case AGENT_STATE_MAX:
        break;
    }
    set_timer(agent->timer, wait);
}

static int send_ping(struct agent *agent) {
    Cloister__Ping ping = CLOISTER__PING__INIT;
    ping.sequence = ++agent->pings;
    agent->ping_ms = clock_ms();
    Cloister__Message message = MSG_OF(PING, ping, &ping);
    return agent_send(agent, &message);
}

static void check_life(struct agent *agent) {
    uint64_t now = clock_ms();
    bool waits = agent->pings != agent->pongs;
    bool over = waits && time_left(agent->ping_ms, PONG_WAIT_MS, now) == 0;
    const char *wrong = over ? relay_silent(agent) : NULL;
    if (wrong != NULL) {
        log_warn("agent %d %s; ending it", (int)agent->pid, wrong);
        agent_event(agent, AGENT_EVENT_FAULT, &failure_lost);
    } else if (!waits && time_left(agent->ping_ms, PING_EVERY_MS, now) == 0 &&
               send_ping(agent) < 0) {
        agent_event(agent, AGENT_EVENT_FAULT, &failure_lost);
    } else {
        agent_arm(agent);
    }
}

static void check_start(struct agent *agent) {
    struct turns *turns = agent->turns;
    if (time_left(agent->started_ms, start_limit(agent), clock_ms()) > 0) {
        agent_arm(agent);
    } else if (agent->wanting && zygote_ready(turns->zygote)) {
        agent_event(agent, AGENT_EVENT_STOP, turns->refusing ? &failure_memory : &failure_full);
    } else {
        turns->counters.spawn_failures++;
        log_warn("an agent was not ready in time");
        if (agent->asked)
            zygote_suspect(turns->zygote);
        agent->false_starts = FALSE_STARTS; /* they have waited long enough */
        agent_event(agent, AGENT_EVENT_FAULT, &failure_not_started);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct agent *agent = arg;
    if (agent->reaped) {
        agent_event(agent, AGENT_EVENT_EXITED, NULL);
        return;
    }
    switch (agent->state) {
    case AGENT_STARTING:
        check_start(agent);
        break;
    case AGENT_IDLE:
        if (!TAILQ_EMPTY(&agent->queue)) {
            turn_begin(agent);
        } else if (time_left(agent->state_ms, agent->turns->setup.idle_park_ms, clock_ms()) == 0) {
            agent_event(agent, AGENT_EVENT_PARK, NULL);
        } else {
            agent_arm(agent);
        }
        break;
    case AGENT_BUSY:
        check_life(agent);
        break;
    case AGENT_ENDING:
        if (agent->pidfd >= 0) {
            log_warn("agent %d has been killed and is still there", (int)agent->pid);
            (void)process_kill(agent->pidfd);
        } else if (agent->asked) { /* the kill waits for its pidfd */
            zygote_suspect(agent->turns->zygote);
        }
        agent_arm(agent);
        break;
    case AGENT_STATE_MAX:
        break;
    }
}

struct agent *agent_new(struct turns *turns, const char *user, const char *origin,
                        const char *connection) {
    struct agent *agent = calloc(1, sizeof(*agent));
    if (agent == NULL)
        return NULL;
    agent->turns = turns;
    agent->pidfd = -1;
    TAILQ_INIT(&agent->queue);
    SLIST_INIT(&agent->notes);
    (void)snprintf(agent->user, sizeof(agent->user), "%s", user);
    (void)snprintf(agent->origin, sizeof(agent->origin), "%.*s", (int)cell_origin(origin), origin);
    (void)snprintf(agent->connection, sizeof(agent->connection), "%s", connection);
    int n = make_key(agent->key, user[0] != '\0' ? user : connection, origin);
    agent->timer = evtimer_new(turns->base, on_timer, agent);
    if (n < 0 || agent->timer == NULL ||
        hash_add(&turns->by_key, &agent->by_key, agent->key, (size_t)n) < 0) {
        if (agent->timer != NULL)
            event_free(agent->timer);
        free(agent);
        return NULL;
    }
    agent->since_ms = wall_ms();
    agent->state = AGENT_STARTING;
    agent->state_ms = clock_ms();
    TAILQ_INSERT_TAIL(&turns->lists[AGENT_STARTING], agent, listed);
    turns->counts[AGENT_STARTING]++;
    spawn_want(agent);
    return agent;
}

void agent_tell_ended(struct agent *agent) {
    struct end_note *note = SLIST_FIRST(&agent->notes), *next;
    SLIST_INIT(&agent->notes); /* who is told may ask again */
    for (; note != NULL; note = next) {
        struct turns_ended *call = note->call;
        next = SLIST_NEXT(note, next);
        free(note);
        if (--call->left > 0)
            continue;
        call->ended(call->ctx);
        free(call);
    }
}

void agent_bury(struct agent *agent) {
    struct turns *turns = agent->turns;
    watch_leaves(turns->watch, agent);
    TAILQ_REMOVE(&turns->lists[agent->state], agent, listed);
    turns->counts[agent->state]--;
    hash_remove(&turns->by_key, &agent->by_key);
    (void)event_del(agent->timer);
    agent->state = AGENT_ENDING;
    agent->dead = true;
    /* libevent, or a caller further up, may still hold it in this round of the loop. */
    TAILQ_INSERT_TAIL(&turns->graves, agent, listed);
    set_timer(turns->burial, 0);
    agent_tell_ended(agent);
    if (turns->drained != NULL && turns->by_key.count == 0) {
        void (*drained)(void *) = take_ptr(turns->drained);
        (void)event_del(turns->drain_limit);
        drained(turns->drained_ctx);
    }
}

static void agent_free(struct agent *agent) {
    event_free(agent->timer);
    free(agent);
}

static void on_burial(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct turns *turns = arg;
    struct agent *agent;
    while ((agent = TAILQ_FIRST(&turns->graves)) != NULL) {
        TAILQ_REMOVE(&turns->graves, agent, listed);
        agent_free(agent);
    }
}

static void on_drain_limit(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct turns *turns = arg;
    turns_end_all(turns, &failure_draining);
}

int turns_new(struct event_base *base, struct zygote *zygote, const struct turns_setup *setup,
              struct turns **ret) {
    struct turns *turns = calloc(1, sizeof(*turns));
    if (turns == NULL)
        return -ENOMEM;
    turns->base = base;
    turns->zygote = zygote;
    turns->setup = *setup;
    for (size_t i = 0; i < AGENT_STATE_MAX; i++)
        TAILQ_INIT(&turns->lists[i]);
    TAILQ_INIT(&turns->graves);
    TAILQ_INIT(&turns->wanting);
    turns->rest = rest_new(setup->rest_ms);
    turns->early = early_new();
    int r = turns->rest != NULL && turns->early != NULL ? hash_init(&turns->by_key) : -ENOMEM;
    if (r == 0)
        r = hash_init(&turns->by_spawn);
    turns->burial = evtimer_new(base, on_burial, turns);
    turns->drain_limit = evtimer_new(base, on_drain_limit, turns);
    if (r == 0 && (turns->burial == NULL || turns->drain_limit == NULL))
        r = -ENOMEM;
    if (r == 0)
        r = spawn_start(turns);
    if (r == 0 && setup->watch_ms > 0)
        r = watch_new(base, turns, setup->watch_ms, agent_runs_away, &turns->watch);
    if (r < 0) {
        turns_free(turns);
        return r;
    }
    *ret = turns;
    return 0;
}

/* Without callbacks: everything that could be called is being torn down too. */
static void destroy(struct agent *agent) {
    struct turn *turn;
    if (agent->running != NULL)
        TAILQ_INSERT_HEAD(&agent->queue, agent->running, queued);
    while ((turn = TAILQ_FIRST(&agent->queue)) != NULL) {
        TAILQ_REMOVE(&agent->queue, turn, queued);
        turn_free(turn);
    }
    struct end_note *note;
    while ((note = SLIST_FIRST(&agent->notes)) != NULL) {
        SLIST_REMOVE_HEAD(&agent->notes, next);
        if (--note->call->left == 0)
            free(note->call);
        free(note);
    }
    if (agent->pidfd >= 0) {
        (void)process_kill(agent->pidfd);
        (void)process_reap_now(agent->pidfd);
    }
    spawn_forget(agent);
    agent_free(agent);
}

void turns_free(struct turns *turns) {
    if (turns == NULL)
        return;
    zygote_watch(turns->zygote, NULL, NULL);
    watch_free(take_ptr(turns->watch));
    for (size_t i = 0; i < AGENT_STATE_MAX; i++)
        for (struct agent *agent = TAILQ_FIRST(&turns->lists[i]), *next; agent != NULL;
             agent = next) {
            next = TAILQ_NEXT(agent, listed);
            destroy(agent);
        }
    if (turns->burial != NULL) {
        on_burial(-1, 0, turns);
        event_free(turns->burial);
    }
    if (turns->strays != NULL)
        event_free(turns->strays);
    if (turns->drain_limit != NULL)
        event_free(turns->drain_limit);
    hash_done(&turns->by_key);
    hash_done(&turns->by_spawn);
    rest_free(turns->rest);
    early_free(turns->early);
    free(turns);
}
