/* What the kernel tells of a control group v2 (Documentation/admin-guide/cgroup-v2.rst), from the
 * group's directory. Nothing here waits or logs. */
#ifndef CLOISTER_SUPERVISOR_CGROUP_READ_H
#define CLOISTER_SUPERVISOR_CGROUP_READ_H

#include <sys/types.h>

#include "ipc/base.h"

/* Up to `cap` of the processes that live in the group (cgroup.procs), as this process's PID
 * namespace counts them; one that has ended and was not waited for is none. Their number or -errno.
 */
int cgroup_processes(int group, pid_t *out, size_t cap) MUST_CHECK;
/* How many processes of the group the kernel has ended because it had used up its memory
 * (memory.events). 0 or -errno (-ENOENT: it has no memory controller). */
int cgroup_oom_kills(int group, uint64_t *ret) MUST_CHECK;

#endif
