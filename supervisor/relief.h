/* What cloisterd does when memory is short: parks the longest idle agents, some at a time, and at
 * the very edge starts no others until it is over. Logs when it begins and when it is over. Loop
 * thread. */
#ifndef CLOISTER_SUPERVISOR_RELIEF_H
#define CLOISTER_SUPERVISOR_RELIEF_H

#include "ipc/config.h"
#include "supervisor/pressure.h"
#include "supervisor/turns_operate.h"

struct relief;

/* `turns` must outlive it. 0 also where the kernel tells nothing of memory, after a warning. */
int relief_new(struct event_base *base, const struct config *config, struct turns *turns,
               struct relief **ret) MUST_CHECK;
void relief_free(struct relief *relief);

/* For status. */
struct pressure_reading relief_reading(const struct relief *relief);

#endif
