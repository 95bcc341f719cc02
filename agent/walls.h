/* The walls. The zygote builds once what all agents share (identity, empty network, empty root,
 * compiled filters); each agent and turn then puts up its own in the order below. Every function
 * fails closed: -errno, and the caller ends the process.
 *
 *   zygote   walls_identity, walls_namespaces, walls_prepare
 *   agent    walls_capabilities, walls_limits, (dials,) walls_landlock, walls_filter
 *   turn     walls_turn */
#ifndef CLOISTER_AGENT_WALLS_H
#define CLOISTER_AGENT_WALLS_H

#include "agent/filter.h"
#include "ipc/base.h"

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
    struct filter agent, turn;
    int landlock_fd; /* ruleset, -1 where the kernel has none */
    int landlock_abi;
    bool namespaces; /* the zygote is in its own; agents get a user and a PID namespace each */
};

/* Real, effective and saved uid all become the effective one (the program is set-user-ID). -EPERM
 * when that is root or the caller's own. */
int walls_identity(void) MUST_CHECK;
/* User, network, mount, IPC and UTS namespaces; an empty root with time zones, read-only; then no
 * capability and no way to get one. `why` gets a sentence. -EPERM and the like when the kernel does
 * not let an unprivileged process have namespaces: nothing was changed then. */
int walls_namespaces(char *why, size_t why_len) MUST_CHECK;
/* Compiles filters and the Landlock ruleset, after walls_namespaces. */
int walls_prepare(struct walls *ret, bool namespaces, char *why, size_t why_len) MUST_CHECK;

int walls_capabilities(void) MUST_CHECK;
int walls_limits(void) MUST_CHECK;
/* Fine, and without effect, where the kernel has no Landlock. Closes the ruleset. */
int walls_landlock(struct walls *walls) MUST_CHECK;
int walls_filter(const struct walls *walls) MUST_CHECK;
/* Ends with the agent, CPU limit, no fork. Also proves that memory can be locked. */
int walls_turn(const struct walls *walls) MUST_CHECK;

#endif
