/* The key that opens the sealed part of notices (outbox_seal.h): cloister-business tells it over
 * its socket to the user of cloister-notify alone. It is in memory only, so it is asked for at each
 * start, and again when cloister-business comes back. Loop thread. */
#ifndef CLOISTER_BUSINESS_NOTIFY_KEY_H
#define CLOISTER_BUSINESS_NOTIFY_KEY_H

#include <event2/event.h>
#include <sys/types.h>

#include "business/outbox_seal.h"
#include "ipc/config.h"

struct notify_key;

/* `there` is called each time that the key has come. `business`: the only user that it is taken
 * from. 0 or -errno. */
int notify_key_new(struct event_base *base, const struct config *config, uid_t business,
                   void (*there)(void *ctx), void *ctx, struct notify_key **ret) MUST_CHECK;
void notify_key_free(struct notify_key *key);
/* OUTBOX_KEY_LEN bytes; NULL: it has not come yet. */
const uint8_t *notify_key_bytes(const struct notify_key *key);

#endif
