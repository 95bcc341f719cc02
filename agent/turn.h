/* A turn: one request of one user, in a process of its own that ends with it. The agent forks it,
 * puts the turn's walls up and calls turn_run; everything a turn has is in turn_setup. */
#ifndef CLOISTER_AGENT_TURN_H
#define CLOISTER_AGENT_TURN_H

#include "ipc/base.h"
#include "ipc/config.h"
#include "ipc/message.h"

/* Settings and parsed CA stores: made once, in the zygote, before any wall and without any secret.
 */
struct turn_world;

struct turn_setup {
    int agent_fd;  /* SOCK_SEQPACKET to the agent: TURN_* and HOST_CALL out; cancel, credit, replies
                      in */
    int keys_fd;   /* SOCK_SEQPACKET, bound to this user and origin by the zygote */
    int egress_fd; /* SOCK_SEQPACKET, made for this turn */
    const Cloister__TurnStart *start;
    uint64_t deadline; /* clock_ms() by which the turn must have ended */
    const struct turn_world *world;
    const struct resume *resume; /* TLS sessions that earlier turns left; or NULL */
};

/* Runs in the zygote with the file system still there: reads configuration, parses CA files, warms
 * libcurl, OpenSSL, libsodium and the zone database so that children share the pages. Opens no
 * descriptor that stays open. 0 or -errno with a sentence in `why`. */
int turn_world_new(const struct config *config, struct turn_world **ret, char *why,
                   size_t why_len) MUST_CHECK;

/* Runs the turn to its end: sends exactly one TURN_DONE or TURN_ERROR, wipes its secrets, returns
 * the exit status (0). Runs behind the walls; may not fork, exec or open anything but zoneinfo. */
int turn_run(const struct turn_setup *setup);

#endif
