/* Who may talk to egress: the zygote connects and binds a channel for each agent it makes; an agent
 * makes a channel for each turn; a turn dials. cloister-notify connects once for each delivery, and
 * dials by a list of its own. A bad message ends the channel it came on, nothing
 * else. Process code: logs. Single-threaded. */
#ifndef CLOISTER_EGRESS_CHANNELS_H
#define CLOISTER_EGRESS_CHANNELS_H

#include "supervisor/egress/turn_channel.h"

struct channels;

/* Whose connections are served how. Nothing of it is owned. */
struct channels_party {
    uid_t uid;
    const struct allow *allow;
    struct pool *pool;
};

/* Serves the listening socket (which it does not own) to the zygote, a peer of the agents' uid, and
 * to cloister-notify, whose party is NULL where there is no such user. 0 or -errno. */
int channels_new(struct event_base *base, int listener, const struct channels_party *agents,
                 const struct channels_party *notify, struct channels **ret) MUST_CHECK;
/* Revokes every connection of every turn. */
void channels_free(struct channels *channels);

#endif
