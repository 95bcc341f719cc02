/* Memory that must not reach a disk: whether the machine can swap at all, and locking against it.
 */
#ifndef CLOISTER_IPC_SWAP_H
#define CLOISTER_IPC_SWAP_H

#include "ipc/config.h"

/* True when no swap is in use; false when there is some, or it cannot be told (no /proc). */
bool swap_absent(void);
/* No swap, or [runtime] accept_missing_walls says that "leftovers" may be missing. */
bool swap_harmless(const struct config *config);
/* Locks all that this process has and will have, page by page as it is touched (mlockall(2),
 * MCL_ONFAULT), so nothing grows by it. Ends with fork and exec. RLIMIT_MEMLOCK must allow the
 * whole address space: past it, later allocations would fail. 0 or -errno. */
int swap_lock_out(void) MUST_CHECK;

#endif
