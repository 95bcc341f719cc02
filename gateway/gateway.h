/* The gateway: what its handlers share, and its life from listeners to drained. Loop thread. */
#ifndef CLOISTER_GATEWAY_GATEWAY_H
#define CLOISTER_GATEWAY_GATEWAY_H

#include <event2/event.h>

#include "gateway/bucket.h"
#include "gateway/frontends.h"
#include "gateway/guard.h"
#include "gateway/bounds.h"
#include "gateway/proxies.h"
#include "gateway/throttle.h"
#include "gateway/upstream.h"
#include "ipc/config.h"

#define ORIGINS_MAX 32

/* Counters since the start; metrics.c prints them. */
struct gateway_counts {
    uint64_t requests,
        status_class[6]; /* by the status' first digit; [0]: client gone, no answer */
    uint64_t bytes_out, streams, cancelled;
    uint64_t bad_keys, limited, malformed;
    uint64_t started_ms; /* wall clock */
};

struct gateway {
    struct event_base *base;
    const struct config *config;
    struct gateway_limits limits;
    const char *public_url;
    bool secure_cookies;     /* public_url is https */
    bool can_sign_in;        /* it is that, or this machine's own */
    char public_origin[256]; /* of public_url, as browsers write it */
    char home_url[520];      /* public_url with one '/' at its end */
    char page_policy[1024];  /* Content-Security-Policy of pages */
    struct proxies proxies;
    struct guard *owner, *operators;
    struct upstream *upstream;
    struct frontends *frontends;
    uint64_t frontends_stamp;
    struct buckets *by_address, *by_bad_key, *by_frontend, *by_sign_in;
    struct throttle *failures; /* sign-ins that came to nothing */
    char *origins[ORIGINS_MAX];
    size_t origin_count;
    struct gateway_counts counts;
    size_t calls; /* requests not yet over */
    struct event *reload, *drain_deadline;
    bool draining, cut_off;
};

/* Listening sockets, opened before the process is confined; -1 where there is none. */
struct gateway_sockets {
    int owner, operators;
};

/* Loads frontends, dials cloisterd, starts listening on `sockets` (owned from now on). -errno with
 * a sentence in `why`. `config` must live longer. */
int gateway_new(struct event_base *base, const struct config *config,
                const struct gateway_limits *limits, const struct gateway_sockets *sockets,
                struct gateway **ret, char *why, size_t why_len) MUST_CHECK;
/* Reads the frontends again now (SIGHUP). */
void gateway_reload(struct gateway *gateway);
/* Stops accepting; ends the loop when the last request is over, or after limits.drain_ms. */
void gateway_drain(struct gateway *gateway);
void gateway_free(struct gateway *gateway);

/* For dispatch.c: what is called when a request is over. */
void gateway_call_ended(struct gateway *gateway);

#endif
