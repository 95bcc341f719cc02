/* The one turn that an agent runs at a time: forks it with a channel of its own, ends it, reaps it.
 * Nothing here waits but runner_kill, and that for a SIGKILL. */
#ifndef CLOISTER_AGENT_RUNNER_H
#define CLOISTER_AGENT_RUNNER_H

#include "agent/agent.h"
#include "ipc/about.h"

struct runner {
    char id[80];        /* of the turn; "" when none runs */
    struct about about; /* the request that it answers */
    int channel;        /* SEQPACKET to the turn, non-blocking; -1 */
    int pidfd;          /* -1 */
    pid_t pid;          /* while pidfd is open */
    uint64_t began;     /* clock_ms() */
    uint64_t kill_at;   /* clock_ms(): SIGKILL then; 0: never */
    uint64_t look_at;   /* clock_ms(): runner_look is due */
    uint64_t used_us;   /* what it had computed at the last look */
    bool yields;        /* it computes only when nobody else wants to */
    bool stands;        /* stopped, and goes on at the next look */
    bool finished;      /* its TURN_DONE or TURN_ERROR was relayed */
};

#define RUNNER_NONE                                                                                \
    { .channel = -1, .pidfd = -1 }

/* Forks the turn that `start` asks for. `keep_out` are the agent's own descriptors, which the turn
 * closes. 0, -EINVAL for a bad request, or -errno (-EPIPE: egress is gone). */
int runner_start(struct runner *runner, const struct agent_setup *setup,
                 const Cloister__TurnStart *start) MUST_CHECK;
static inline bool runner_runs(const struct runner *runner) {
    return runner->pidfd >= 0;
}
/* SIGKILL at the earlier of now + `grace_ms` and what was set before. */
void runner_kill_within(struct runner *runner, uint64_t grace_ms);
void runner_kill(struct runner *runner);
/* A turn waits for others nearly all its life; one that has computed for longer than any honest one
 * does is set behind every other process of the machine (sched(7), SCHED_IDLE), so that what it
 * burns is nobody's; and as long as it goes on computing it stands still (SIGSTOP) three quarters
 * of the time, since processors that share a core, its caches or its clock are slower beside it
 * even so. To be called when `look_at` has come, while it runs. */
void runner_look(struct runner *runner);
/* Reaps when the process has ended: true, with its signal and exit status. */
bool runner_reap(struct runner *runner, int *ret_signal, int *ret_status);

#endif
