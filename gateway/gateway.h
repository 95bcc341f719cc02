/* The gateway: what its handlers share, and its life from listeners to drained. Loop thread. */
#ifndef CLOISTER_GATEWAY_GATEWAY_H
#define CLOISTER_GATEWAY_GATEWAY_H

#include <event2/event.h>

#include "gateway/frontends.h"
#include "gateway/guard.h"
#include "gateway/bounds.h"
#include "gateway/proxies.h"
#include "gateway/tallies.h"
#include "gateway/upstream.h"
#include "ipc/config.h"
#include "ipc/metrics.h"

#define ORIGINS_MAX 32

/* Who it serves: owners and their frontends, or everybody. Each is a process and a user of its own.
 */
enum gateway_instance { INSTANCE_OWNER, INSTANCE_PUBLIC };

struct front_cache;
struct front_notes;

struct gateway {
    struct event_base *base;
    const struct config *config;
    enum gateway_instance instance;
    struct gateway_limits limits;
    const char *public_url;
    bool secure_cookies;     /* public_url is https */
    bool can_sign_in;        /* it is that, or this machine's own */
    char public_origin[256]; /* of public_url, as browsers write it */
    char home_url[520];      /* public_url with one '/' at its end */
    char page_policy[1024];  /* Content-Security-Policy of pages */
    struct proxies proxies;
    struct guard *door, *operators;
    struct upstream *upstream;
    struct upstream *business; /* of the public instance; NULL elsewhere */
    struct front_notes *notes; /* of what was answered here, for the operational log; the same */
    struct front_cache *cache; /* answers of cloister-business that are still good; the same */
    struct hosts *hosts;       /* names that the public instance answers to; the same */
    struct frontends *frontends;
    uint64_t frontends_stamp;
    struct tallies tallies; /* behind its limits */
    char *origins[ORIGINS_MAX];
    size_t origin_count;
    struct metrics metrics; /* what this program tells of metrics.def */
    uint64_t started_ms;    /* wall clock */
    size_t streams_open;
    size_t calls; /* requests not yet over */
    struct event *reload, *drain_deadline;
    bool draining, cut_off;
    uint64_t grace_until; /* draining: requests that are being sent are still taken; 0: no more */
};

/* What is opened before the process is confined. Listening sockets, -1 where there is none; the
 * memory of its limits' counts, NULL: they end with the process. */
struct gateway_sockets {
    int door, operators;
    const struct kept *tallies;
};

/* Loads frontends, dials cloisterd, starts listening on `sockets` (owned from now on). -errno with
 * a sentence in `why`. `config` must live longer. */
int gateway_new(struct event_base *base, const struct config *config,
                enum gateway_instance instance, const struct gateway_limits *limits,
                const struct gateway_sockets *sockets, struct gateway **ret, char *why,
                size_t why_len) MUST_CHECK;
/* Reads the frontends again now (SIGHUP). */
void gateway_reload(struct gateway *gateway);
/* Stops accepting; ends the loop when the last request is over, or after limits.drain_ms. */
void gateway_drain(struct gateway *gateway);
void gateway_free(struct gateway *gateway);

/* For dispatch.c: what is called when a request is over. */
void gateway_call_ended(struct gateway *gateway);

#endif
