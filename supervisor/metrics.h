/* What cloisterd tells of metrics.def: its own numbers, and those that cloister-keys and
 * cloister-egress leave in their pages. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_METRICS_H
#define CLOISTER_SUPERVISOR_METRICS_H

#include "ipc/metrics.h"

struct daemon;

/* Everything as it stands now; `ctx` is the daemon. Counters of a program that does not run are 0
 * until it is back, as after a restart. */
void metrics_collect(void *ctx, struct metrics *ret);
#endif
