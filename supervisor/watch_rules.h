/* What an agent may take of the machine's processors, as rules over what cloisterd saw of it: the
 * kernel's own numbers, never the agent's word. Each stands alone so that a test build can take one
 * away. Pure. */
#ifndef CLOISTER_SUPERVISOR_WATCH_RULES_H
#define CLOISTER_SUPERVISOR_WATCH_RULES_H

#include "ipc/base.h"

/* One look at an agent. */
struct watch_facts {
    unsigned children;  /* processes below it */
    unsigned below;     /* processes below those */
    unsigned of_a_turn; /* different children since its last turn began */
    bool idle;          /* it has had no turn for longer than one takes to end */
    /* Of the child that has computed most and is not set behind others: so long, in microseconds;
     * and of the one that has computed most, whether it is or not. */
    uint64_t ahead_us, most_us;
    /* What the agent itself has computed beyond what its turns and the time explain. */
    uint64_t debt_us;
};

/* NULL, or what is wrong. */
const char *watch_wrong_processes(const struct watch_facts *facts);
const char *watch_wrong_computing(const struct watch_facts *facts);

/* The debt after `took_us` of computing in `ms` during which `turns` turns began. */
uint64_t watch_debt(uint64_t debt_us, uint64_t took_us, uint64_t ms, uint64_t turns);

#endif
