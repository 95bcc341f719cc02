/* The zygote: warm, without secrets, single-threaded for life. Makes agents when cloisterd asks. */
#ifndef CLOISTER_AGENT_ZYGOTE_H
#define CLOISTER_AGENT_ZYGOTE_H

#include "agent/turn.h"
#include "agent/walls.h"

/* Heritage from cloisterd (posix_spawn): besides stdin, which is /dev/null, and stderr, a log
 * pipe of its own; agents get another each. */
#define ZYGOTE_SUPERVISOR_FD 3 /* SOCK_SEQPACKET to cloisterd */
#define ZYGOTE_AGENTS_FD     4 /* directory of the agents' sockets */

struct zygote {
    int keys_fd, egress_fd; /* SOCK_SEQPACKET, announced as zygote by this process's uid */
    struct walls walls;
    const struct turn_world *world;
};

/* Makes a process as agents are made (their namespaces, a pidfd). `parented`: the caller's parent
 * becomes its parent. Returns as fork does, or -errno. */
pid_t zygote_clone(const struct walls *walls, bool parented, int *ret_pidfd) MUST_CHECK;
/* The same, parented, born into the cgroup v2 whose directory `cgroup_fd` is. -ENOSYS, -EPERM and
 * the like where that cannot be. */
pid_t zygote_clone_into(const struct walls *walls, int cgroup_fd, int *ret_pidfd) MUST_CHECK;

/* Answers SPAWN until cloisterd, keys or egress hangs up. Returns the exit status. */
int zygote_serve(struct zygote *zygote);

#endif
