/* An agent: the process of one user and origin. Puts its walls up, says hello, then relays turns.
 */
#ifndef CLOISTER_AGENT_AGENT_H
#define CLOISTER_AGENT_AGENT_H

#include "agent/turn.h"
#include "agent/walls.h"

struct agent_setup {
    int keys_fd, egress_fd; /* this agent's channels, bound to its user and origin */
    int log_fd;             /* its own log pipe: to become its fd 2 */
    int agents_dir_fd;      /* where `socket` is dialled */
    const char *socket;
    struct walls *walls;
    const struct turn_world *world;
    const struct resume *resume; /* TLS sessions from one turn to the next: the agent's own */
};

/* Runs in the process that the zygote just cloned; never returns. */
void agent_main(const struct agent_setup *setup) NORETURN;

#endif
