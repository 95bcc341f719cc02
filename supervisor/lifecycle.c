#include "supervisor/lifecycle.h"

#include <string.h>

#include "ipc/log.h"
#include "supervisor/agents.h"
#include "supervisor/process.h"

static const char *const state_names[AGENT_STATE_MAX] = {
#define X(state, name) [AGENT_##state] = name,
    AGENT_STATES(X)
#undef X
};

const char *agent_state_name(enum agent_state state) {
    return state_names[state];
}

void agent_change_state(struct agent *agent, enum agent_state state) {
    struct turns *turns = agent->turns;
    watch_leaves(turns->watch, agent);
    TAILQ_REMOVE(&turns->lists[agent->state], agent, listed);
    turns->counts[agent->state]--;
    agent->state = state;
    agent->state_ms = clock_ms();
    TAILQ_INSERT_TAIL(&turns->lists[state], agent, listed);
    turns->counts[state]++;
    agent_arm(agent);
}

static void tell(const struct agent *agent, enum event_word word, const struct turn_failure *why) {
    events_note(agent->turns->setup.events, word, .user = agent->user, .origin = agent->origin,
                .pid = agent->pid, .code = why == NULL ? NULL : why->code);
}

/* A connect cell has one purpose; others stay warm unless someone wants them gone. */
static bool stays(const struct agent *agent) {
    return !agent->park && !agent->outdated && !agent->turns->draining &&
           strcmp(agent->origin, "connect") != 0;
}

/* Towards its end: from here on its turns are told, not run. Without a process there is nothing to
 * wait for; when the zygote still owes its pidfd, the kill follows when that comes. */
static void end_process(struct agent *agent) {
    spawn_unwant(agent);
    agent_change_state(agent, AGENT_ENDING);
    if (agent->pidfd >= 0)
        (void)process_kill(agent->pidfd);
}

static void finish_if_gone(struct agent *agent) {
    if (!agent->dead && agent->state == AGENT_ENDING && !agent->counted)
        agent_event(agent, AGENT_EVENT_EXITED, NULL);
}

static void act_ignore(struct agent *agent, const struct turn_failure *why) {
    (void)agent, (void)why;
}

static void act_impossible(struct agent *agent, const struct turn_failure *why) {
    (void)why;
    panic("an agent that is %s got an event of another state", agent_state_name(agent->state));
}

/* A user with more to ask goes behind those who wait for room: its next turn gets another process.
 * So does the next turn of an agent that would run it by old settings. */
static bool yields(const struct agent *agent) {
    return agent->outdated || (agent->state == AGENT_BUSY && spawn_full(agent->turns));
}

static void act_settle(struct agent *agent, const struct turn_failure *why) {
    bool more = !TAILQ_EMPTY(&agent->queue);
    if (more && !agent->reaped && !yields(agent)) {
        turn_begin(agent);
    } else if ((more && agent->reaped) || (!more && stays(agent))) {
        agent_change_state(agent, AGENT_IDLE);
        spawn_next(agent->turns); /* somebody may wait for just that */
    } else {
        tell(agent, stays(agent) || agent->park ? EVENT_AGENT_PARKED : EVENT_AGENT_ENDED, NULL);
        end_process(agent);
        finish_if_gone(agent);
    }
    (void)why;
}

/* Not here and now: whoever submits must have its turn in hand before it hears of it. */
static void act_run_soon(struct agent *agent, const struct turn_failure *why) {
    (void)why;
    event_active(agent->timer, EV_TIMEOUT, 0);
}

/* Whether its turns are to be told of a process that ended before it took one: what it needed may
 * just be restarting, and the next one may find it. */
static bool never_starts(struct agent *agent) {
    return agent->state == AGENT_STARTING && ++agent->false_starts >= FALSE_STARTS;
}

static void act_lose(struct agent *agent, const struct turn_failure *why) {
    bool told = never_starts(agent);
    agent->turns->counters.lost++;
    tell(agent, EVENT_AGENT_LOST, why);
    end_process(agent);
    if (agent->running != NULL)
        turn_end_failed(agent->running, why);
    if (told)
        agent_fail_queue(agent, why);
    finish_if_gone(agent);
}

static void act_stop(struct agent *agent, const struct turn_failure *why) {
    if (why == &failure_full || why == &failure_memory)
        agent->turns->counters.refused += agent->queue_len;
    tell(agent, EVENT_AGENT_ENDED, why);
    end_process(agent);
    if (agent->running != NULL)
        turn_end_failed(agent->running, why);
    agent_fail_queue(agent, why);
    finish_if_gone(agent);
}

static void act_stop_waiting(struct agent *agent, const struct turn_failure *why) {
    agent_fail_queue(agent, why);
}

static void act_park(struct agent *agent, const struct turn_failure *why) {
    (void)why;
    agent->turns->counters.parked++;
    tell(agent, EVENT_AGENT_PARKED, NULL);
    end_process(agent);
    finish_if_gone(agent);
}

static void act_park_later(struct agent *agent, const struct turn_failure *why) {
    (void)why;
    agent->park = true;
}

/* Its process is gone. What waits in its queue gets another one. */
static void act_exited(struct agent *agent, const struct turn_failure *why) {
    const struct turn_failure *told = why != NULL                      ? why
                                      : agent->state == AGENT_STARTING ? &failure_not_started
                                                                       : &failure_lost;
    bool tell_all = never_starts(agent);
    struct turns *turns = agent->turns;
    if (agent->state != AGENT_ENDING) {
        turns->counters.lost++;
        tell(agent, EVENT_AGENT_LOST, told);
    }
    agent_change_state(agent, AGENT_ENDING);
    spawn_forget(agent);
    if (agent->running != NULL)
        turn_end_failed(agent->running, told);
    if (tell_all)
        agent_fail_queue(agent, told);
    if (agent->dead)
        return;
    if (TAILQ_EMPTY(&agent->queue)) {
        agent_bury(agent);
    } else {
        agent_change_state(agent, AGENT_STARTING);
        spawn_want(agent);
        agent_tell_ended(agent); /* last: they may end the next one as well */
    }
    spawn_next(turns);
}

typedef void action(struct agent *agent, const struct turn_failure *why);

static action *const actions[AGENT_STATE_MAX][AGENT_EVENT_MAX] = {
    [AGENT_STARTING] = {[AGENT_EVENT_READY] = act_settle,
                        [AGENT_EVENT_SUBMITTED] = act_ignore,
                        [AGENT_EVENT_TURN_OVER] = act_impossible,
                        [AGENT_EVENT_FAULT] = act_lose,
                        [AGENT_EVENT_PARK] = act_park_later,
                        [AGENT_EVENT_STOP] = act_stop,
                        [AGENT_EVENT_EXITED] = act_exited},
    [AGENT_IDLE] = {[AGENT_EVENT_READY] = act_impossible,
                    [AGENT_EVENT_SUBMITTED] = act_run_soon,
                    [AGENT_EVENT_TURN_OVER] = act_impossible,
                    [AGENT_EVENT_FAULT] = act_lose,
                    [AGENT_EVENT_PARK] = act_park,
                    [AGENT_EVENT_STOP] = act_stop,
                    [AGENT_EVENT_EXITED] = act_exited},
    [AGENT_BUSY] = {[AGENT_EVENT_READY] = act_impossible,
                    [AGENT_EVENT_SUBMITTED] = act_ignore,
                    [AGENT_EVENT_TURN_OVER] = act_settle,
                    [AGENT_EVENT_FAULT] = act_lose,
                    [AGENT_EVENT_PARK] = act_park_later,
                    [AGENT_EVENT_STOP] = act_stop,
                    [AGENT_EVENT_EXITED] = act_exited},
    [AGENT_ENDING] = {[AGENT_EVENT_READY] = act_ignore,
                      [AGENT_EVENT_SUBMITTED] = act_ignore,
                      [AGENT_EVENT_TURN_OVER] = act_ignore,
                      [AGENT_EVENT_FAULT] = act_ignore,
                      [AGENT_EVENT_PARK] = act_ignore,
                      [AGENT_EVENT_STOP] = act_stop_waiting,
                      [AGENT_EVENT_EXITED] = act_exited},
};

void agent_event(struct agent *agent, enum agent_event event, const struct turn_failure *why) {
    if (!agent->dead)
        actions[agent->state][event](agent, why);
}
