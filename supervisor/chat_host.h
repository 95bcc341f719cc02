/* The host calls of a chat's turn, on their way through the database. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_CHAT_HOST_H
#define CLOISTER_SUPERVISOR_CHAT_HOST_H

#include "supervisor/business_link.h"
#include "supervisor/store.h"
#include "supervisor/turns.h"

struct chat_host;

/* NULL when there is no memory. */
struct chat_host *chat_host_new(struct store *store, const char *user, const char *connection);
/* What its turn may ask of cloister-business, and as whom: stamped on each call from here, whatever
 * the turn says. `business`: the one that it may be about; "" any of the user's own. All are copied
 * but the link. */
void chat_host_business(struct chat_host *host, struct business_link *link, const char *origin,
                        const char *business);
/* The turn is over: answers that still come are dropped. NULL is fine. */
void chat_host_free(struct chat_host *host);
/* `turn` must live until chat_host_free. turns.c has checked the call. */
void chat_host_call(struct chat_host *host, struct turn *turn, const Cloister__HostCall *call);

#endif
