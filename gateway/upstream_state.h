/* Inside of upstream.c and upstream_hold.c. Loop thread. */
#ifndef CLOISTER_GATEWAY_UPSTREAM_STATE_H
#define CLOISTER_GATEWAY_UPSTREAM_STATE_H

#include <sys/queue.h>

#include "gateway/upstream.h"
#include "ipc/sp_end.h"

#define ASKS_MAX 8192
#define TABLE    1024 /* lists, by number */

struct ask {
    LIST_ENTRY(ask) next;
    TAILQ_ENTRY(ask) waiting; /* while it is held */
    uint64_t number;
    upstream_answer *answer;
    void *ctx;
    struct event *timer;
    struct upstream *upstream;
    uint8_t *data; /* until the first answer: it may have to be sent again; NULL: it may not */
    size_t len;
    bool held;
    bool chat;
    bool again; /* sent twice it does what it does once: a lost link is no reason to give up */
};
LIST_HEAD(ask_list, ask);
TAILQ_HEAD(held_list, ask);

struct upstream {
    struct event_base *base;
    struct sp_end *end;
    const char *instance;
    const char *peer_name; /* for the log */
    bool business;         /* cloister-business: it is ready as soon as it is there */
    upstream_changed *changed;
    void *changed_ctx;
    struct msg_peer peer;
    struct upstream_limits limits;
    bool connected;
    bool open;     /* connected, and cloisterd was found ready: requests are sent at once */
    bool told;     /* by the one that is connected: it is about to end */
    uint64_t last; /* number */
    size_t asks;
    struct ask_list table[TABLE];
    /* What is held, oldest first. Until `hold_until` (0: nothing is); then it is given up. */
    struct held_list held;
    size_t held_count, held_bytes;
    uint64_t hold_until, probe_until;
    struct event *hold_timer, *probe_timer;
    uint8_t out[MESSAGE_MAX];
};

/* upstream.c */
int upstream_send(struct upstream *upstream, const uint8_t *data, size_t len) MUST_CHECK;
void ask_end(struct ask *ask, enum upstream_end end);

/* upstream_hold.c: requests are held while cloisterd is away for a moment: at the start, when the
 * link was lost, when it says that it is about to end. */
int hold_new(struct upstream *upstream) MUST_CHECK;
void hold_free(struct upstream *upstream);
/* From now on, for `ms` at most. */
void hold_begin(struct upstream *upstream, uint64_t ms);
/* Whether `len` more bytes are to be held rather than refused. */
bool hold_has_room(const struct upstream *upstream, size_t len);
/* The ask is sent later. It has data. */
void hold_add(struct ask *ask);
void hold_remove(struct ask *ask);
/* A link is up: asks cloisterd whether it is ready, and then sends what is held. */
void hold_probe(struct upstream *upstream);

#endif
