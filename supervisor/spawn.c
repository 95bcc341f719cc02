/* From a wish for an agent to a process whose pidfd, peer pid and hello agree, and back to nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "ipc/log.h"
#include "supervisor/agents.h"
#include "supervisor/process.h"

#define STRAYS_AFTER_MS (SPAWN_WAIT_MS + 1000)

static uint64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void spawn_want(struct agent *agent) {
    struct turns *turns = agent->turns;
    agent->started_ms = clock_ms();
    agent->begun_us = now_us();
    agent->since_ms = wall_ms();
    agent->hello = agent->park = agent->hung_up = agent->outdated = false;
    agent->pings = agent->pongs = agent->turns_done = agent->oom_kills = 0;
    agent->pid = agent->peer_pid = 0;
    agent->wanting = true;
    TAILQ_INSERT_TAIL(&turns->wanting, agent, wants);
    turns->wanting_count++;
    agent_arm(agent);
}

void spawn_unwant(struct agent *agent) {
    if (!agent->wanting)
        return;
    TAILQ_REMOVE(&agent->turns->wanting, agent, wants);
    agent->turns->wanting_count--;
    agent->wanting = false;
}

void spawn_forget(struct agent *agent) {
    struct turns *turns = agent->turns;
    spawn_unwant(agent);
    if (agent->end != NULL)
        nng_end_close(take_ptr(agent->end));
    if (agent->log != NULL)
        log_pipe_drain(agent->log);
    log_pipe_free(take_ptr(agent->log));
    if (agent->exited != NULL)
        event_free(take_ptr(agent->exited));
    if (agent->pidfd >= 0)
        (void)close(take_fd(&agent->pidfd));
    if (agent->spawn != 0) {
        hash_remove(&turns->by_spawn, &agent->by_spawn);
        zygote_forget(turns->zygote, agent->spawn);
    }
    if (agent->counted)
        turns->live--;
    agent->spawn = 0;
    agent->pid = 0;
    agent->asked = agent->counted = agent->reaped = false;
}

static void on_line(void *ctx, enum log_level level, const char *text) {
    const struct agent *agent = ctx;
    log_line(level, "agent %d: %s", (int)agent->pid, text);
}

static void on_log_closed(void *ctx) {
    struct agent *agent = ctx;
    agent->turns->counters.logs_closed++;
    log_warn("agent %d (spawn %llu, user %s, %s) wrote too many lines to the log; nothing more of "
             "it is read",
             (int)agent->pid, (unsigned long long)agent->spawn,
             agent->user[0] != '\0' ? agent->user : "none yet", agent->origin);
}

/* -EAGAIN: the zygote cannot take it now. */
static int ask(struct agent *agent) {
    struct turns *turns = agent->turns;
    char path[108]; /* sun_path */
    id_random(agent->socket);
    int n = snprintf(path, sizeof(path), "%s/%s", turns->setup.agents_dir, agent->socket);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -ENAMETOOLONG;
    int r = nng_end_listen_for(turns->base, path, 0666, true, turns->setup.agent_uid,
                               &agent_end_ops, agent, &agent->end);
    if (r < 0)
        return r;
    agent->peer = (struct msg_peer){ROLE_AGENT | ROLE_TURN, ROLE_SUPERVISOR, PHASE_START, {0}};
    agent->spawn = ++turns->last_spawn;
    r = hash_add(&turns->by_spawn, &agent->by_spawn, &agent->spawn, sizeof(agent->spawn));
    if (r < 0) {
        agent->spawn = 0;
        return r;
    }
    Cloister__Spawn spawn = CLOISTER__SPAWN__INIT;
    spawn.spawn = agent->spawn;
    spawn.user = agent->user;
    spawn.origin = agent->origin;
    spawn.connection = agent->connection;
    spawn.socket = agent->socket;
    r = log_pipe_new_agent(turns->base, &turns->log_share, on_line, on_log_closed, agent,
                           &agent->log);
    if (r == 0)
        r = zygote_spawn(turns->zygote, &spawn, log_pipe_fd(agent->log));
    if (r < 0)
        return r;
    log_pipe_handed(agent->log);
    agent->asked = agent->counted = true;
    agent->started_ms = clock_ms(); /* what it waited for room is not the zygote's */
    agent_arm(agent);
    turns->live++;
    turns->counters.spawns++;
    return 0;
}

bool spawn_full(const struct turns *turns) {
    return turns->wanting_count > 0 && turns->live >= turns->setup.max &&
           zygote_ready(turns->zygote);
}

bool spawn_admits(const struct turns *turns) {
    size_t go = turns->counts[AGENT_ENDING] + turns->counts[AGENT_IDLE];
    return turns->live + turns->wanting_count < turns->setup.max + go + turns->setup.full_waiting;
}

/* agents.max is a number of processes, not of users: whoever is idle longest goes. Each that ends
 * comes back to spawn_next. */
static void make_room(struct turns *turns) {
    struct agent *agent;
    while (turns->counts[AGENT_ENDING] < turns->wanting_count &&
           (agent = agent_longest_idle(turns)) != NULL)
        agent_event(agent, AGENT_EVENT_PARK, NULL);
}

static void start_wanting(struct turns *turns) {
    struct agent *agent;
    while (zygote_ready(turns->zygote) && !turns->refusing &&
           (agent = TAILQ_FIRST(&turns->wanting)) != NULL) {
        if (TAILQ_EMPTY(&agent->queue) && !agent->early) { /* who asked has gone */
            agent_event(agent, AGENT_EVENT_STOP, NULL);
            continue;
        }
        if (turns->live >= turns->setup.max) {
            make_room(turns);
            return;
        }
        int r = ask(agent);
        if (r == 0) {
            spawn_unwant(agent);
            continue;
        }
        bool later = r == -EAGAIN;
        if (!later) {
            log_error("cannot start an agent: %s", strerror(-r));
            agent->started_ms = 0; /* its timer tells its turns, on the next round of the loop */
            set_timer(agent->timer, 0);
        }
        spawn_forget(agent); /* also takes it off the list */
        if (!later)
            continue;
        agent->wanting = true;
        TAILQ_INSERT_HEAD(&turns->wanting, agent, wants);
        turns->wanting_count++;
        return;
    }
}

void spawn_next(struct turns *turns) {
    if (turns->spawning)
        return;
    turns->spawning = true;
    start_wanting(turns);
    turns->spawning = false;
}

static void on_exited(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct agent *agent = arg;
    char how[64];
    int signal = 0;
    if (!process_reap_signal(agent->pidfd, how, sizeof(how), &signal))
        return;
    struct about about = agent->hung_about;
    if (!agent->hung_up)
        agent_about(agent, &about);
    LOG_ABOUT(.request = about.request, .user = agent->user, .trace = about.trace);
    if (agent->state != AGENT_ENDING || agent->hung_up) {
        bool memory = count_death(agent, PROCESS_AGENT, signal);
        log_warn("agent %d (%s) ended while %s: %s%s", (int)agent->pid, agent->origin,
                 agent->hung_up ? "hanging up" : agent_state_name(agent->state), how,
                 memory ? ", for it had used up its memory" : "");
    }
    agent->reaped = true;
    event_free(take_ptr(agent->exited));
    if (agent->state == AGENT_ENDING || agent->peer_pid == 0)
        agent_event(agent, AGENT_EVENT_EXITED, NULL);
    else /* what it still said is on its way through nng; its hanging up comes behind that */
        set_timer(agent->timer, LAST_WORDS_MS);
}

static void record_latency(struct agent *agent) {
    struct turns *turns = agent->turns;
    uint64_t took = now_us() - agent->begun_us;
    turns->latency_us[turns->latencies++ % LATENCIES] =
        took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    count_ready(agent, took);
    events_note(turns->setup.events, EVENT_AGENT_STARTED, .user = agent->user,
                .origin = agent->origin, .pid = agent->pid, .took_us = took);
}

void spawn_check_ready(struct agent *agent) {
    if (agent->state != AGENT_STARTING || agent->pidfd < 0 || agent->peer_pid == 0 || !agent->hello)
        return;
    if (agent->reaped || !process_alive(agent->pidfd))
        return; /* on_exited is about to come */
    if (agent->peer_pid != agent->pid) {
        log_error("agent %d: someone else (%d) answered in its place; ending it", (int)agent->pid,
                  (int)agent->peer_pid);
        agent->turns->counters.breaches++;
        events_note(agent->turns->setup.events, EVENT_AGENT_BREACH, .user = agent->user,
                    .origin = agent->origin, .pid = agent->pid);
        agent_event(agent, AGENT_EVENT_FAULT, &failure_not_started);
        return;
    }
    agent->peer.phase = PHASE_READY;
    agent->ping_ms = clock_ms();
    agent->false_starts = 0;
    record_latency(agent);
    agent_event(agent, AGENT_EVENT_READY, NULL);
}

static void have_process(struct agent *agent, pid_t pid, int pidfd) {
    agent->pid = pid;
    agent->pidfd = pidfd;
    agent->watched = (struct watched){0};
    agent->exited = event_new(agent->turns->base, pidfd, EV_READ | EV_PERSIST, on_exited, agent);
    if (agent->exited == NULL || event_add(agent->exited, NULL) < 0)
        fatal("cannot watch an agent: out of memory");
    if (agent->state == AGENT_ENDING)
        (void)process_kill(pidfd);
    else
        spawn_check_ready(agent);
}

static void on_spawned(void *ctx, uint64_t number, pid_t pid, int pidfd, int error) {
    struct turns *turns = ctx;
    struct agent *agent =
        hash_entry(hash_find(&turns->by_spawn, &number, sizeof(number)), struct agent, by_spawn);
    if (agent == NULL || !agent->asked) {
        log_error("the zygote answered a request that was not made");
        if (pidfd >= 0) {
            (void)process_kill(pidfd);
            (void)process_reap_now(pidfd);
            (void)close(pidfd);
        }
        return;
    }
    agent->asked = false;
    if (error == 0) {
        have_process(agent, pid, pidfd);
        return;
    }
    turns->counters.spawn_failures++;
    log_error("the zygote cannot start an agent: %s", strerror(error));
    agent_event(agent, AGENT_EVENT_EXITED, &failure_not_started);
}

static void on_zygote_ready(void *ctx) {
    struct turns *turns = ctx;
    spawn_next(turns);
    if (turns->setup.hooks.zygote_ready != NULL)
        turns->setup.hooks.zygote_ready(turns->setup.hooks.ctx);
}

/* What the dead zygote still owed. An agent that has connected already is our child, like any
 * other; one that has not will find nobody to talk to and ends by itself: reaped as a stray. */
static void lost_spawn(struct agent *agent) {
    agent->asked = false;
    int pidfd = agent->peer_pid != 0 ? process_adopt(agent->peer_pid) : -ESRCH;
    if (pidfd >= 0) {
        have_process(agent, agent->peer_pid, pidfd);
        return;
    }
    set_timer(agent->turns->strays, STRAYS_AFTER_MS);
    if (agent->state == AGENT_ENDING) {
        agent_event(agent, AGENT_EVENT_EXITED, NULL);
        return;
    }
    uint64_t started = agent->started_ms;
    spawn_forget(agent);
    spawn_want(agent);
    agent->started_ms = started;
    agent_arm(agent);
}

static void on_zygote_lost(void *ctx) {
    struct turns *turns = ctx;
    static const enum agent_state may_wait[] = {AGENT_STARTING, AGENT_ENDING};
    for (size_t i = 0; i < COUNT_OF(may_wait); i++)
        for (struct agent *agent = TAILQ_FIRST(&turns->lists[may_wait[i]]), *next; agent != NULL;
             agent = next) {
            next = TAILQ_NEXT(agent, listed);
            if (agent->asked)
                lost_spawn(agent);
        }
}

static bool is_ours(const struct turns *turns, pid_t pid) {
    const struct agent *agent;
    for (size_t i = 0; i < AGENT_STATE_MAX; i++)
        TAILQ_FOREACH(agent, &turns->lists[i], listed)
    if (agent->pid == pid)
        return true;
    struct zygote_status zygote;
    zygote_status(turns->zygote, &zygote);
    return zygote.pid == pid;
}

/* Ended children that nobody has a pidfd of. Rare, so looking through all agents is fine. */
static void on_strays(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct turns *turns = arg;
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | __WALL | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
            return;
        if (is_ours(turns, info.si_pid)) { /* its own event is about to come; look again later */
            set_timer(turns->strays, STRAYS_AFTER_MS);
            return;
        }
        (void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | __WALL | WNOHANG);
        log_info("reaped %d, which a dead zygote left", (int)info.si_pid);
    }
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    struct agent *agent = ctx;
    if (agent->state != AGENT_STARTING || agent->peer_pid != 0 ||
        uid != agent->turns->setup.agent_uid || (agent->pidfd >= 0 && pid != agent->pid)) {
        log_error("a stranger (pid %d, uid %u) connected to an agent's socket; dropped", (int)pid,
                  (unsigned)uid);
        return false;
    }
    agent->peer_pid = pid;
    return true;
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    relay_message(ctx, data, len);
}

static void on_down(void *ctx) {
    struct agent *agent = ctx;
    if (agent->peer_pid == 0)
        return;                                           /* the stranger above */
    if (!agent->reaped && agent->state != AGENT_ENDING) { /* how, is told when it is reaped */
        agent->hung_up = true;
        agent_about(agent, &agent->hung_about);
    }
    agent_event(agent, agent->reaped ? AGENT_EVENT_EXITED : AGENT_EVENT_FAULT,
                agent->state == AGENT_STARTING ? &failure_not_started : &failure_lost);
}

const struct nng_end_ops agent_end_ops = {on_up, on_message, on_down};

static const struct zygote_ops zygote_events = {on_zygote_ready, on_spawned, on_zygote_lost};

int spawn_start(struct turns *turns) {
    turns->strays = evtimer_new(turns->base, on_strays, turns);
    if (turns->strays == NULL)
        return -ENOMEM;
    zygote_watch(turns->zygote, &zygote_events, turns);
    return 0;
}
