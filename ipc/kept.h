/* Memory of a program that outlives its process, whatever ends that: a memfd which the service
 * manager holds from the start (sd_notify(3), FDSTORE=1) and hands to the next process. In RAM
 * alone, gone with the machine or when the program is stopped and not started again at once. Of
 * fixed size, sealed against another, so that nobody's truncation is our SIGBUS.
 *
 * Whoever uses it must be able to live with what a process left that died in the middle of a write.
 * Before confinement, which refuses memfd_create. */
#ifndef CLOISTER_IPC_KEPT_H
#define CLOISTER_IPC_KEPT_H

#include "ipc/base.h"

struct kept {
    void *at; /* never unmapped; as aligned as malloc's */
    size_t size;
    bool found; /* a process before this one wrote there; else it is all zeroes */
};

/* `size` bytes under `name`, a static string. What another `layout` or size was used for is let go.
 * Without a manager, who would hold it, it is as good as any other memory. 0 or -errno. */
int kept_open(const char *name, uint64_t layout, size_t size, struct kept *ret) MUST_CHECK;
/* What a next process needs is there now. One that comes before that finds nothing, however it was
 * left: it begins with zeroes of its own. */
void kept_ready(const struct kept *kept);

#endif
