/* Where a gateway connects to cloisterd: one peer at a time, known by its uid; its requests go to
 * the handlers by a table. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_GATEWAY_H
#define CLOISTER_SUPERVISOR_GATEWAY_H

#include <event2/event.h>
#include <sys/types.h>

#include "ipc/metrics.h"
#include "supervisor/api.h"
#include "supervisor/chat.h"
#include "supervisor/gateway_end.h"

struct gateway;

struct gateway_setup {
    const char *path;
    uid_t uid;            /* of the gateway's user; nobody else is heard */
    const char *instance; /* what its hello must say, since the endpoint is the origin */
    bool is_public;       /* "public": customers', who ask for chats alone; else the owners' */
    struct chats *chats;
    struct api *api;
    /* Puts the reasons why cloisterd is not ready into `reasons` (at most `max`, static words);
     * returns how many. */
    size_t (*unready)(void *ctx, const char **reasons, size_t max);
    void (*collect)(void *ctx, struct metrics *ret); /* METRICS_ASK */
    void *ctx;
};

/* 0 or -errno. */
int gateway_new(struct event_base *base, const struct gateway_setup *setup,
                struct gateway **ret) MUST_CHECK;
void gateway_free(struct gateway *gateway);
/* From now on requests get 503 "draining"; credit and cancel still work. Or again not. */
void gateway_set_draining(struct gateway *gateway, bool draining);
/* This process is about to end, and within `ms` another is expected in its place: the gateway is
 * told to hold new requests until then, instead of refusing them. For good. */
void gateway_hold(struct gateway *gateway, uint64_t ms);
bool gateway_connected(const struct gateway *gateway);
size_t gateway_open_requests(const struct gateway *gateway);

/* One whole message from the peer, as nng gives it. For tests. */
void gateway_receive(struct gateway *gateway, const uint8_t *data, size_t len);

#endif
