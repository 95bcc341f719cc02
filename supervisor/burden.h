/* What processes do to the machine's processors, as the kernel tells anybody who asks. Nothing here
 * waits or logs. */
#ifndef CLOISTER_SUPERVISOR_BURDEN_H
#define CLOISTER_SUPERVISOR_BURDEN_H

#include <sys/types.h>

#include "ipc/base.h"

/* Microseconds that all threads of a process have computed; its children's are not in it. 0 or
 * -errno (-ESRCH: there is none). */
int burden_cpu(pid_t pid, uint64_t *ret_us) MUST_CHECK;
/* Set behind all others, to compute only when nobody else wants to (sched(7), SCHED_IDLE). */
bool burden_yields(pid_t pid);

#define BURDEN_CHILDREN 16
/* Up to BURDEN_CHILDREN children of a process of one thread. `proc_fd`: /proc. Their number, or
 * -errno: -ESRCH when it has ended, or a /proc does not show it. */
int burden_children(int proc_fd, pid_t pid, pid_t out[static BURDEN_CHILDREN]) MUST_CHECK;

/* Microseconds, since the machine was started, in which some process had to wait for a processor.
 * `fd`: /proc/pressure/cpu. False when it does not tell. */
bool burden_waited(int fd, uint64_t *ret_us);

#endif
