#include "supervisor/watch_rules.h"

/* A turn: the next begins when its process has been reaped, which may be after its last word. */
#define CHILDREN_MAX  1
#define OF_A_TURN_MAX 2
/* agent/runner.h: from 200 ms on, looked at every 100 ms. Half a second is more than a busy machine
 * makes of that. */
#define AHEAD_US 500000
/* agent/walls.c: a turn's limit is 10 s, after which it has one more for its last word. */
#define MOST_US 13000000
/* An agent forks, relays and waits: 1 ms for a turn, nothing without one. */
#define DEBT_US      250000
#define TURN_US      25000
#define SHARE_OF_1MS 50 /* microseconds: a twentieth of a processor */

const char *watch_wrong_processes(const struct watch_facts *facts) {
    if (facts->children > CHILDREN_MAX || facts->below > 0)
        return "more processes than a turn";
    if (facts->of_a_turn > OF_A_TURN_MAX)
        return "one process after the other for a single turn";
    return facts->idle && facts->children > 0 ? "a process without a turn" : NULL;
}

const char *watch_wrong_computing(const struct watch_facts *facts) {
    if (facts->ahead_us > AHEAD_US)
        return "a turn that computes and is not set behind others";
    if (facts->most_us > MOST_US)
        return "a turn that computes beyond its limit";
    return facts->debt_us > DEBT_US ? "it computes where an agent only relays" : NULL;
}

uint64_t watch_debt(uint64_t debt_us, uint64_t took_us, uint64_t ms, uint64_t turns) {
    uint64_t owed = debt_us + took_us, explained = ms * SHARE_OF_1MS + turns * TURN_US;
    return owed > explained ? owed - explained : 0;
}
