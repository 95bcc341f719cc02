/* The key service's sockets: who may connect, which channel is whose, and bounds on all of it.
 *
 * Four kinds of channel: the supervisor's, the zygote's and root's (cloisterctl), accepted on
 * keys.sock and known by the uid of the peer; and one for each agent, which the zygote hands over
 * with the user, origin and connection that it is bound to for life. A bad message closes its
 * channel and nothing else. A peer that does not read its answers, or asks faster than turns do, is
 * not read from until it lets up. */
#ifndef CLOISTER_KEYS_CHANNELS_H
#define CLOISTER_KEYS_CHANNELS_H

#include <event2/event.h>

#include "ipc/metrics.h"
#include "supervisor/keys/answers.h"
#include "supervisor/keys/offers.h"

/* Agents' channels at once; the descriptor limit may allow fewer. */
#define CHANNELS_MAX 8192

struct channels;

struct channels_setup {
    struct event_base *base;
    const struct answers *answers;
    const struct offers *offers;
    int listener; /* a listening SOCK_SEQPACKET socket; stays the caller's */
    size_t max;   /* agents' channels */
    uid_t supervisor_uid, agent_uid;
    struct metrics *metrics; /* where answers are counted; NULL: nowhere */
};

/* 0, -ENOMEM or -EIO. Keeps a copy of the setup. */
int channels_new(const struct channels_setup *setup, struct channels **ret) MUST_CHECK;
/* Closes every channel. */
void channels_free(struct channels *channels);

#endif
