/* Ways to get through a wall, one function each: really tried, true when it worked. They run in a
 * process that ends afterwards. */
#ifndef CLOISTER_AGENT_ATTEMPTS_H
#define CLOISTER_AGENT_ATTEMPTS_H

#include <sys/types.h>

#include "agent/walls.h"

struct attempt_target {
    pid_t zygote; /* a process outside */
    bool no_swap; /* the machine has none */
    bool no_core; /* its own limit says so */
};

struct attempt {
    enum wall_property property;
    const char *name;
    bool (*gets_through)(const struct attempt_target *target);
    const char *base; /* what stops it when no layer is raised; also the layer of `whole` */
    bool whole;       /* makes sense behind all layers only */
    bool as_turn;     /* tried behind the turn's filter too */
};
#define ATTEMPT_SWAP "leave secrets to swap"
extern const struct attempt attempts[];
extern const size_t attempts_count;

#endif
