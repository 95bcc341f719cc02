/* Looks after agents that take more of the processors than is theirs: one that was taken over may
 * fork and compute as its limits allow, which the others feel. When some process of the machine has
 * had to wait for a processor (Documentation/accounting/psi.rst), and every ten seconds in any
 * case, agents' own clocks are read (clock_getcpuclockid(3)): of those that have a turn or have had
 * one lately, and of as many others as can be done in 2 ms, by turns. Of those that have run or
 * have a turn their children are looked at, too: from the agent's control group where it has one of
 * its own, else from /proc (proc_pid_task(5)), where a service manager may hide them. One that
 * breaks watch_rules.h is ended as for any other breach: its user is told, and it rests. Costs an
 * idle agent nothing, and cloisterd a timer. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_WATCH_H
#define CLOISTER_SUPERVISOR_WATCH_H

#include <event2/event.h>
#include <sys/types.h>

#include "ipc/base.h"

struct watch;
struct turns;
struct agent;

/* What is remembered of an agent between looks; zeroes for a process that has just begun. */
struct watched {
    uint64_t cpu_us, ms; /* its own clock, and ours, at the last look; `ms` 0: none yet */
    uint64_t debt_us;    /* watch_rules.h */
    uint64_t turns;      /* that had begun by then */
    pid_t children[2];   /* different ones since the last turn began */
    unsigned of_a_turn;  /* how many those are, and others */
    bool settled;        /* idle without children at the last look: look again when it has run */
};

/* Looks every `every_ms`, four times as often while processes wait. `wrong` ends the agent. 0 or
 * -errno. */
int watch_new(struct event_base *base, struct turns *turns, uint64_t every_ms,
              void (*wrong)(struct agent *agent, const char *what), struct watch **ret) MUST_CHECK;
void watch_free(struct watch *watch);
/* Before an agent leaves the list of its state. `watch` may be NULL. */
void watch_leaves(struct watch *watch, const struct agent *agent);

#endif
