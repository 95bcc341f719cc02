/* What guard.c (accepting, the gate) and guard_reply.c (answering) share: one connection. */
#ifndef CLOISTER_GATEWAY_GUARD_CONN_H
#define CLOISTER_GATEWAY_GUARD_CONN_H

#include <event2/bufferevent.h>
#include <sys/queue.h>

#include "gateway/guard.h"

enum conn_phase {
    CONN_NEW,       /* accepted, not yet looked at; evhttp's callbacks are on the bufferevent */
    CONN_HEAD,      /* gate's callbacks; waiting for a whole head */
    CONN_BODY,      /* gate's callbacks; head accepted, waiting for the body */
    CONN_REFUSING,  /* gate's callbacks; own reply in the output */
    CONN_LINGERING, /* gate's callbacks; reply sent, reading away what still comes */
    CONN_ANSWERING, /* evhttp's callbacks but for reading; request handed up */
    CONN_GONE,
};

struct conn {
    TAILQ_ENTRY(conn) next;
    struct guard *guard;
    struct bufferevent *bev; /* evhttp's; a reference of our own keeps it valid */
    struct event *timer,
        *pump; /* pump: tells the owner of drained output, outside libevent's own call */
    enum conn_phase phase;
    /* evhttp's callbacks, as they were before the gate took over */
    bufferevent_data_cb evhttp_read, evhttp_write;
    bufferevent_event_cb evhttp_event;
    void *evhttp_arg;
    struct in6_addr peer, address; /* address: blurred, what limits count by */
    uint64_t accepted;             /* clock_ms */
    size_t scanned, next_check, head_len, need, surplus, sent;
    struct evhttp_request *req; /* from CONN_ANSWERING until evhttp is done with it */
    struct evbuffer_cb_entry *input_cb, *output_cb;
    bool streaming, complete;
    void *data;
};
TAILQ_HEAD(conn_list, conn);

struct guard {
    struct event_base *base;
    const struct gateway_limits *limits;
    const struct guard_ops *ops;
    void *ctx;
    struct evhttp *http;
    struct conn_list conns;
    size_t count;
    struct conn *dispatching;
    struct evconnlistener *listeners[4];
    size_t listener_count;
    bool stopped, paused;
};

/* Puts the gate's callbacks on and waits `ms` for the phase to end. */
void conn_enter(struct conn *conn, enum conn_phase phase, uint64_t ms);
/* Takes the gate's own reply, already in the output, to its end. */
void conn_refuse_flush(struct conn *conn);
/* Takes a request over from evhttp. */
void conn_adopt(struct conn *conn, struct evhttp_request *req);
/* Unlinks, tells the owner, frees. The bufferevent lives on if evhttp holds it. */
void conn_free(struct conn *conn);
/* Lets evhttp free its connection, as if the peer had closed. */
void conn_hangup(struct conn *conn);
void conn_timer(struct conn *conn, uint64_t ms);

#endif
