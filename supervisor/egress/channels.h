/* Who may talk to egress: the zygote connects and binds a channel for each agent it makes; an agent
 * makes a channel for each turn; a turn dials. A bad message ends the channel it came on, nothing
 * else. Process code: logs. Single-threaded. */
#ifndef CLOISTER_EGRESS_CHANNELS_H
#define CLOISTER_EGRESS_CHANNELS_H

#include "supervisor/egress/turn_channel.h"

struct channels;

/* Serves the listening socket (which it does not own) to peers of `uid` alone. 0 or -errno. */
int channels_new(struct event_base *base, int listener, uid_t uid, const struct allow *allow,
                 struct pool *pool, struct channels **ret) MUST_CHECK;
/* Revokes every connection of every turn. */
void channels_free(struct channels *channels);

#endif
