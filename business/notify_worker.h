/* Deliveries under way: a process for each (notify_deliver.h), at most WORKERS_MAX. A slow server
 * holds up its own delivery alone, and what one has read ends with it. Loop thread. */
#ifndef CLOISTER_BUSINESS_NOTIFY_WORKER_H
#define CLOISTER_BUSINESS_NOTIFY_WORKER_H

#include <event2/event.h>

#include "business/notify_deliver.h"

#define WORKERS_MAX 8

struct workers;

/* How it went: the reports that came (a process that died gave none, or one of two). */
typedef void (*worker_done)(void *ctx, struct notice *notice, const struct delivery_report *reports,
                            size_t n);

/* `settings` must live on. 0 or -ENOMEM. */
int workers_new(struct event_base *base, const struct notify_settings *settings, worker_done done,
                void *ctx, struct workers **ret) MUST_CHECK;
/* Ends those that run; their notices come again after their lease. */
void workers_free(struct workers *workers);

size_t workers_idle(const struct workers *workers);
/* Takes the notice's payload over until `done`. 0 or -errno: nothing was begun. */
int workers_start(struct workers *workers, const struct notice *notice) MUST_CHECK;

#endif
