#include "supervisor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "ipc/log.h"
#include "supervisor/agents.h"
#include "supervisor/burden.h"
#include "supervisor/process.h"
#include "supervisor/watch_rules.h"

#define BUSY_TIMES   4    /* as often while processes wait */
#define BUSY_PERCENT 5    /* of the time, some process waited for a processor */
#define CALM_LOOKS   10   /* on a machine that is not busy, so many timers make one look */
#define SETTLE_MS    5000 /* from its last turn to the end of that turn's process */
#define SWEEP_US     8000 /* of processor time for one look at those that run or have just run */
#define LAP_US       2000 /* and at the others, who wait: the rest comes with the next look */
#define RECENT_TIMES 15   /* timers since it got idle: looked at at least once more, however calm */
#define WRONG_MAX    16   /* the rest comes with the next look */

struct watch {
    struct turns *turns;
    struct event *timer;
    void (*wrong)(struct agent *agent, const char *what);
    struct agent *next; /* of those who wait, the first that has not been looked at; NULL: begin */
    uint64_t every_ms;
    uint64_t waited_us, looked_us; /* at the last timer */
    unsigned timers;               /* since the last look */
    int proc_fd, pressure_fd;
    bool blind; /* /proc does not show agents, which has been said */
};

static uint64_t time_us(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* ---- one agent ---- */

/* How many different children there were since the agent's last turn began: that turn's process and
 * the one before it, if all is well. Those that come and go between two looks are not seen, but
 * whoever makes them computes, which is. */
static void note_children(struct watched *watched, const pid_t *children, int n) {
    for (int i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = 0; k < COUNT_OF(watched->children); k++)
            known = known || watched->children[k] == children[i];
        if (known)
            continue;
        watched->children[watched->of_a_turn % COUNT_OF(watched->children)] = children[i];
        watched->of_a_turn++;
    }
}

/* The group does not tell whose child each is: an agent has one, and that has none. */
static int others_in_group(const struct watch *watch, const struct agent *agent,
                           pid_t out[static BURDEN_CHILDREN]) {
    const struct cgroups *cgroups = zygote_cgroups(watch->turns->zygote);
    int n =
        cgroups == NULL ? -ENOENT : cgroups_processes(cgroups, agent->spawn, out, BURDEN_CHILDREN);
    int others = 0;
    bool there = false;
    for (int i = 0; i < n; i++) {
        there = there || out[i] == agent->pid;
        if (out[i] != agent->pid)
            out[others++] = out[i];
    }
    return n < 0 ? n : there ? others : -ENOENT;
}

static int children_of(const struct watch *watch, const struct agent *agent,
                       pid_t out[static BURDEN_CHILDREN]) {
    int n = others_in_group(watch, agent, out);
    return n >= 0 ? n : burden_children(watch->proc_fd, agent->pid, out);
}

static void look_at_children(struct watch *watch, struct agent *agent, struct watch_facts *facts) {
    pid_t children[BURDEN_CHILDREN], below[BURDEN_CHILDREN];
    int n = children_of(watch, agent, children);
    if (n < 0 && !watch->blind && process_alive(agent->pidfd)) {
        watch->blind = true;
        log_info("agents have no control groups and /proc does not show their processes "
                 "(ProtectProc=), so that only their own clocks are watched");
    }
    if (n <= 0)
        return;
    facts->children = (unsigned)n;
    note_children(&agent->watched, children, n);
    facts->of_a_turn = agent->watched.of_a_turn;
    for (int i = 0; i < n; i++) {
        uint64_t us;
        int m = burden_children(watch->proc_fd, children[i], below);
        facts->below += m > 0 ? (unsigned)m : 0;
        if (burden_cpu(children[i], &us) < 0)
            continue;
        if (us > facts->most_us)
            facts->most_us = us;
        if (us > facts->ahead_us && !burden_yields(children[i]))
            facts->ahead_us = us;
    }
}

/* A child's number may have become another's between two of the above calls. */
static bool still_wrong(struct watch *watch, struct agent *agent, struct watch_facts *facts) {
    struct watch_facts again = *facts;
    again.children = again.below = 0;
    again.ahead_us = again.most_us = 0;
    look_at_children(watch, agent, &again);
    *facts = again;
    return watch_wrong_processes(facts) != NULL || watch_wrong_computing(facts) != NULL;
}

static bool settled(const struct agent *agent, uint64_t now) {
    return agent->state == AGENT_IDLE && now - agent->state_ms > SETTLE_MS;
}

/* What is wrong with it, or NULL. */
static const char *look_at(struct watch *watch, struct agent *agent) {
    struct watched *watched = &agent->watched;
    uint64_t cpu_us, now = clock_ms();
    if (agent->pid <= 0 || agent->reaped || burden_cpu(agent->pid, &cpu_us) < 0)
        return NULL;
    if (watched->settled && agent->state == AGENT_IDLE && cpu_us == watched->cpu_us) {
        watched->ms = now;
        return NULL;
    }
    struct watch_facts facts = {.idle = settled(agent, now)};
    if (watched->turns != agent->turns_done)
        watched->of_a_turn = 0;
    if (watched->ms != 0)
        watched->debt_us = watch_debt(watched->debt_us, cpu_us - watched->cpu_us, now - watched->ms,
                                      agent->turns_done - watched->turns);
    facts.debt_us = watched->debt_us;
    watched->cpu_us = cpu_us;
    watched->ms = now;
    watched->turns = agent->turns_done;
    look_at_children(watch, agent, &facts);
    watched->settled = facts.idle && facts.children == 0;
    const char *wrong = watch_wrong_processes(&facts);
    if (wrong == NULL)
        wrong = watch_wrong_computing(&facts);
    return wrong != NULL && still_wrong(watch, agent, &facts) ? wrong : NULL;
}

/* ---- all of them ---- */

struct look {
    struct agent *found[WRONG_MAX];
    const char *what[WRONG_MAX];
    size_t n;
    uint64_t now, end_us;
};

/* False: not this one any more. */
static bool look_on(struct watch *watch, struct look *look, struct agent *agent) {
    if (look->n == WRONG_MAX || time_us(CLOCK_THREAD_CPUTIME_ID) > look->end_us)
        return false;
    const char *what = look_at(watch, agent);
    if (what != NULL) {
        look->what[look->n] = what;
        look->found[look->n++] = agent;
    }
    return true;
}

static bool recent(const struct watch *watch, const struct look *look, const struct agent *agent) {
    return look->now - agent->state_ms <= watch->every_ms * RECENT_TIMES;
}

/* Those that have had a turn for longest come first; then who has had one last. */
static void look_at_active(struct watch *watch, struct look *look) {
    struct agent_list *lists = watch->turns->lists;
    struct agent *agent;
    look->end_us = time_us(CLOCK_THREAD_CPUTIME_ID) + SWEEP_US;
    TAILQ_FOREACH(agent, &lists[AGENT_BUSY], listed)
    if (!look_on(watch, look, agent))
        return;
    TAILQ_FOREACH_REVERSE(agent, &lists[AGENT_IDLE], agent_list, listed)
    if (!recent(watch, look, agent) || !look_on(watch, look, agent))
        return;
}

/* Thousands may wait, and turns wait for this: a part of them each time, all of them by turns. */
static void look_at_waiting(struct watch *watch, struct look *look) {
    struct agent *agent = watch->next;
    if (agent == NULL)
        agent = TAILQ_FIRST(&watch->turns->lists[AGENT_IDLE]);
    look->end_us = time_us(CLOCK_THREAD_CPUTIME_ID) + LAP_US;
    while (agent != NULL && !recent(watch, look, agent) && look_on(watch, look, agent))
        agent = TAILQ_NEXT(agent, listed);
    watch->next = agent == NULL || recent(watch, look, agent) ? NULL : agent;
}

/* Those in the wrong are ended afterwards, which changes the lists; an agent's memory outlives this
 * round of the loop. */
static void look_at_all(struct watch *watch) {
    struct look look = {.now = clock_ms()};
    look_at_active(watch, &look);
    look_at_waiting(watch, &look);
    for (size_t i = 0; i < look.n; i++)
        watch->wrong(look.found[i], look.what[i]);
}

void watch_leaves(struct watch *watch, const struct agent *agent) {
    if (watch != NULL && watch->next == agent)
        watch->next = TAILQ_NEXT(agent, listed);
}

/* True also when the machine does not tell. */
static bool machine_busy(struct watch *watch) {
    uint64_t waited_us, now_us = time_us(CLOCK_MONOTONIC);
    if (!burden_waited(watch->pressure_fd, &waited_us))
        return true;
    uint64_t waited = waited_us - watch->waited_us, passed = now_us - watch->looked_us;
    watch->waited_us = waited_us;
    watch->looked_us = now_us;
    return waited * 100 >= passed * BUSY_PERCENT;
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct watch *watch = arg;
    bool busy = machine_busy(watch);
    if (busy || ++watch->timers >= CALM_LOOKS) {
        watch->timers = 0;
        look_at_all(watch);
    }
    set_timer(watch->timer, busy ? watch->every_ms / BUSY_TIMES : watch->every_ms);
}

int watch_new(struct event_base *base, struct turns *turns, uint64_t every_ms,
              void (*wrong)(struct agent *agent, const char *what), struct watch **ret) {
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return -ENOMEM;
    watch->turns = turns;
    watch->every_ms = every_ms;
    watch->wrong = wrong;
    watch->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    watch->pressure_fd = open("/proc/pressure/cpu", O_RDONLY | O_CLOEXEC);
    watch->timer = evtimer_new(base, on_timer, watch);
    if (watch->timer == NULL) {
        watch_free(watch);
        return -ENOMEM;
    }
    (void)machine_busy(watch); /* where counting begins */
    set_timer(watch->timer, every_ms);
    *ret = watch;
    return 0;
}

void watch_free(struct watch *watch) {
    if (watch == NULL)
        return;
    if (watch->timer != NULL)
        event_free(watch->timer);
    if (watch->proc_fd >= 0)
        (void)close(watch->proc_fd);
    if (watch->pressure_fd >= 0)
        (void)close(watch->pressure_fd);
    free(watch);
}
