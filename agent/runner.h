/* The one turn that an agent runs at a time: forks it with a channel of its own, ends it, reaps it.
 * Nothing here waits but runner_kill, and that for a SIGKILL. */
#ifndef CLOISTER_AGENT_RUNNER_H
#define CLOISTER_AGENT_RUNNER_H

#include "agent/agent.h"

struct runner {
    char id[80];      /* of the turn; "" when none runs */
    int channel;      /* SEQPACKET to the turn, non-blocking; -1 */
    int pidfd;        /* -1 */
    uint64_t kill_at; /* clock_ms(): SIGKILL then; 0: never */
    bool finished;    /* its TURN_DONE or TURN_ERROR was relayed */
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
/* Reaps when the process has ended: true, with its signal and exit status. */
bool runner_reap(struct runner *runner, int *ret_signal, int *ret_status);

#endif
