/* The walls. The zygote builds once what all agents share (identity, empty network, empty root,
 * compiled filters); each agent and turn then puts up its own in the order below. Every function
 * fails closed: -errno, and the caller ends the process.
 *
 *   zygote   walls_identity, walls_namespaces, walls_prepare, (probes,) walls_zygote
 *   agent    walls_capabilities, walls_limits, walls_forks, (dials,) walls_landlock, walls_filter
 *   turn     walls_turn
 *
 * A layer that the kernel does not offer is not the end: the probes (agent/probe.h) tell afterwards
 * whether the others give every property all the same. */
#ifndef CLOISTER_AGENT_WALLS_H
#define CLOISTER_AGENT_WALLS_H

#include "agent/filter.h"
#include "ipc/base.h"
#include "ipc/swap.h"

#define WALLS_ZONEINFO "/usr/share/zoneinfo"

/* Properties of the architecture's table, by the names of [runtime] accept_missing_walls. */
#define WALL_PROPERTIES(X)                                                                         \
    X(PROCESSES, "processes")                                                                      \
    X(NETWORK, "network")                                                                          \
    X(FILES, "files")                                                                              \
    X(PRIVILEGE, "privilege")                                                                      \
    X(LEFTOVERS, "leftovers")                                                                      \
    X(EXHAUSTION, "exhaustion")
#define WALL_ENUM(name, text) WALL_##name,
enum wall_property { WALL_PROPERTIES(WALL_ENUM) WALL_MAX };
#undef WALL_ENUM
const char *wall_name(enum wall_property property);

struct walls {
    struct filter zygote, agent, turn;
    int landlock_fd; /* ruleset, -1 where the kernel has none */
    int landlock_abi;
    bool namespaces;    /* the zygote is in its own; agents get a user namespace each */
    bool pid_namespace; /* and a PID namespace each */
    bool no_swap;       /* the machine has none, so nothing needs to be locked against it */
    bool may_swap;      /* there is some, locking fails, and the operator accepts it */
    bool no_filters;    /* the kernel has no seccomp, and the probes found the rest sufficient or
                           accepted */
};

/* Real, effective and saved uid all become the effective one (the program is set-user-ID). -EPERM
 * when that is root or the caller's own. */
int walls_identity(void) MUST_CHECK;
/* User, network, mount, IPC and UTS namespaces; an empty root with time zones, read-only; then no
 * capability and no way to get one. 0 also when some of them could not be had: `why` then says
 * which, and is empty otherwise. -EPERM and the like when the kernel refuses user namespaces:
 * nothing was changed then but no_new_privs, and `why` says so too. */
int walls_namespaces(char *why, size_t why_len) MUST_CHECK;
/* Compiles filters and the Landlock ruleset, after walls_namespaces. */
int walls_prepare(struct walls *ret, bool namespaces, char *why, size_t why_len) MUST_CHECK;

int walls_capabilities(void) MUST_CHECK;
int walls_limits(void) MUST_CHECK;
/* How many processes: without a user namespace of its own the kernel would count those of all
 * agents together, so there is no limit then. */
int walls_forks(const struct walls *walls) MUST_CHECK;
/* Fine, and without effect, where the kernel has no Landlock. Closes the ruleset. */
int walls_landlock(struct walls *walls) MUST_CHECK;
/* Its memory stays out of swap from then on. */
int walls_filter(const struct walls *walls) MUST_CHECK;
/* The zygote's own filter, for what it does from then on. */
int walls_zygote(const struct walls *walls) MUST_CHECK;
/* Ends with the agent, CPU limit, no fork; its memory stays out of swap. */
int walls_turn(const struct walls *walls) MUST_CHECK;

#endif
