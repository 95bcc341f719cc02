/* A cgroup for each agent, where the service manager gave cloisterd a part of the v2 tree of its
 * own (systemd: Delegate= in a unit with User=). What an agent and its turns use together is
 * bounded there whatever they do, and processor time is shared by user, not by process.
 *
 *   <unit>/supervisor      cloisterd (v2 wants processes in leaves alone)
 *   <unit>/agents/zygote   the zygote
 *   <unit>/agents/a<n>     the agent of spawn n, born there (CLONE_INTO_CGROUP)
 *
 * Rule's source: Documentation/admin-guide/cgroup-v2.rst, "Delegation". The zygote may put what it
 * clones into groups below agents/, since cgroup.procs is writable there for the group that it
 * shares with cloisterd; nothing else. Nothing here logs. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_CGROUP_H
#define CLOISTER_SUPERVISOR_CGROUP_H

#include <sys/types.h>

#include "ipc/base.h"

/* Of an agent with its turns. One process's private memory ends at 256 MiB already
 * (agent/walls.c). */
#define CGROUP_MEMORY_BYTES (UINT64_C(320) << 20)
#define CGROUP_PROCESSES    8

struct cgroups;

/* Moves the calling process into its part; after the change of user, which must own it. -ENOTSUP:
 * nothing is delegated here (no v2, no unit), *ret is NULL and nothing was changed; another -errno:
 * it is, but cannot be used. `why` then says so in a sentence. */
int cgroups_new(struct cgroups **ret, char *why, size_t why_len) MUST_CHECK;
void cgroups_free(struct cgroups *cgroups);
/* What is bounded: "cgroup(cpu,memory,pids)"; "cgroup" when no controller was to be had. */
const char *cgroups_layer(const struct cgroups *cgroups);

/* The zygote, once it runs. */
int cgroups_adopt_zygote(struct cgroups *cgroups, pid_t pid) MUST_CHECK;
/* A group for the agent of spawn `number`: a descriptor to hand to the zygote, the caller's. */
int cgroups_make(struct cgroups *cgroups, uint64_t number, int *ret_fd) MUST_CHECK;
/* Puts a process there that was not born there. */
int cgroups_move(struct cgroups *cgroups, uint64_t number, pid_t pid) MUST_CHECK;
/* As cgroup_read.h has it, of that agent's group; -ENOENT as well: it has none. */
int cgroups_processes(const struct cgroups *cgroups, uint64_t number, pid_t *out,
                      size_t cap) MUST_CHECK;
int cgroups_oom_kills(const struct cgroups *cgroups, uint64_t number, uint64_t *ret) MUST_CHECK;
/* When the agent has ended. One that still has processes is removed with a later one. */
void cgroups_remove(struct cgroups *cgroups, uint64_t number);

#endif
