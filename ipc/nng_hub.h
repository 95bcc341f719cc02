/* Wakes a libevent loop from nng's threads: one eventfd per event_base, shared by all its
 * endpoints, so that thousands of them cost no descriptor each. Internal to nng_end.c. */
#ifndef CLOISTER_IPC_NNG_HUB_H
#define CLOISTER_IPC_NNG_HUB_H

#include <event2/event.h>
#include <sys/queue.h>

#include "ipc/base.h"

struct nng_hub;

/* Embedded in what wants to be run on the loop; `run` may cancel and free the entry. */
struct nng_hub_entry {
    TAILQ_ENTRY(nng_hub_entry) link;
    void (*run)(struct nng_hub_entry *entry);
    bool queued;
};

/* The hub of `base`, made when there is none. Loop thread. 0, -ENOMEM or -errno. */
int nng_hub_get(struct event_base *base, struct nng_hub **ret) MUST_CHECK;
/* Gives one nng_hub_get back. Loop thread; also from within `run`. */
void nng_hub_put(struct nng_hub *hub);
/* Has `entry` run once, soon. Any thread; posting twice before it runs is one run. */
void nng_hub_post(struct nng_hub *hub, struct nng_hub_entry *entry);
/* After this the entry does not run. Loop thread. */
void nng_hub_cancel(struct nng_hub *hub, struct nng_hub_entry *entry);

#endif
