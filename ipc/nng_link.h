/* One connection of a nng_end: listens or dials once, takes one peer, frames PAIR0 messages over
 * nng's own ipc:// streams. A new connection is a new link, so nothing queued for one peer can
 * reach the next.
 *
 * Why streams and not nng's pair sockets: in nng 1.5.2 a pair socket whose pipe is closed between
 * two reads of a burst loses an internal operation, and its only reaper thread then waits for it
 * for ever (a peer that sends 200 messages and hangs up while we send did it within 25 tries). A
 * hostile agent must not be able to do that to cloisterd. The bytes on the wire are the same.
 *
 * Functions are for the loop's thread; nng's threads only queue and post the hub entry. */
#ifndef CLOISTER_IPC_NNG_LINK_H
#define CLOISTER_IPC_NNG_LINK_H

#include <sys/queue.h>
#include <sys/types.h>

#include "ipc/nng_hub.h"

struct nng_link;

struct nng_item {
    STAILQ_ENTRY(nng_item) link;
    uint8_t header[9];
    size_t len, sent; /* `sent` counts header and data */
    uint8_t data[];
};
/* Wipes and frees. NULL is fine. */
void nng_item_free(struct nng_item *item);

/* Starts listening at `path` with `mode`, or dialling it (`mode` 0, one try). A peer of another
 * user than `only` (unless NNG_LINK_ANYBODY) is turned away and takes nobody's place. 0 or -errno.
 */
#define NNG_LINK_ANYBODY ((uid_t)-1)
int nng_link_open(struct nng_hub *hub, struct nng_hub_entry *entry, const char *path, mode_t mode,
                  uid_t only, struct nng_link **ret) MUST_CHECK;
/* Ends the connection at once and waits for nng's callbacks to be done. NULL is fine. */
void nng_link_close(struct nng_link *link);
/* Stops listening and removes the name; the connection stays. */
void nng_link_unlisten(struct nng_link *link);

/* True once, when a peer has connected and greeted. */
bool nng_link_came(struct nng_link *link, pid_t *ret_pid, uid_t *ret_uid);
/* True when the peer is gone, or no connection could be made. */
bool nng_link_went(struct nng_link *link);
/* True when there was a peer at all, greeted or not. */
bool nng_link_connected(struct nng_link *link);
/* The next message, or NULL. The caller frees it. */
struct nng_item *nng_link_take(struct nng_link *link);
bool nng_link_empty(struct nng_link *link);
/* 0, -ENOBUFS when more than `cap` bytes would wait, -ENOMEM. */
int nng_link_send(struct nng_link *link, const uint8_t *data, size_t len, size_t cap) MUST_CHECK;

#endif
