/* What guard.c (accepting, ending), guard_read.c (judging what comes) and guard_reply.c (answering)
 * share: one connection. */
#ifndef CLOISTER_GATEWAY_GUARD_CONN_H
#define CLOISTER_GATEWAY_GUARD_CONN_H

#include <sys/queue.h>

#include "gateway/guard.h"

enum conn_phase {
    CONN_HEAD,      /* waiting for a whole head */
    CONN_BODY,      /* head accepted, waiting for the body */
    CONN_ANSWERING, /* request handed up */
    CONN_REFUSING,  /* refused before it was whole; the reply waits to leave */
    CONN_LINGERING, /* reply sent, reading away what still comes */
    CONN_GONE,
};

struct conn {
    TAILQ_ENTRY(conn) next;
    struct guard *guard;
    int fd;
    struct event *readable, *writable, *timer;
    struct event
        *soon; /* for what must not happen inside its owner's call; before the loop polls */
    uint64_t deadline,
        timer_at; /* clock_ms: the phase's end, 0: none; when `timer` fires, 0: not */
    enum conn_phase phase;
    struct in6_addr peer, address; /* address: blurred, what limits count by */
    uint64_t accepted;             /* clock_ms */
    uint8_t *in;                   /* of a request that came in several pieces; NULL: nothing */
    size_t in_len, in_cap, scanned, next_check, head_len, need, surplus, sent;
    struct evbuffer *out; /* what the kernel did not take at once; NULL: never any */
    size_t counted;       /* of that, in the guard's `waiting` */
    uint64_t out_until;   /* clock_ms: by then a reply that is no stream has left; 0: none waits */
    unsigned minor;       /* HTTP/1.<minor> */
    bool streaming, chunked;
    bool ended;    /* the reply is whole, here or with the kernel */
    bool complete; /* with the kernel */
    bool broken;   /* nothing can be sent any more */
    bool keep;     /* another request may come after this one */
    bool idle;     /* CONN_HEAD: nothing of that one is there yet */
    size_t served; /* requests before this one */
    void *data;
};
TAILQ_HEAD(conn_list, conn);

#define GUARD_DATE_SIZE 40

struct guard {
    struct event_base *base;
    const struct gateway_limits *limits;
    const struct guard_ops *ops;
    void *ctx;
    struct conn_list conns;
    size_t count, waiting; /* connections; bytes for slow readers, of all of them */
    struct conn *reading;  /* whose input is being handed up; it settles itself when that is over */
    struct evconnlistener *listeners[4];
    size_t listener_count;
    bool shut, stopped, paused;
    int64_t date_s; /* of */
    char date[GUARD_DATE_SIZE];
    size_t room;
    uint8_t input[]; /* `room` bytes: what was just read, of one connection; wiped after it */
};

/* ---- guard.c ---- */

/* The phase ends in `ms`; conn_untimed: it has no end. */
void conn_timer(struct conn *conn, uint64_t ms);
void conn_untimed(struct conn *conn);
/* Tells the owner, closes, frees. */
void conn_free(struct conn *conn);
/* The owner gets a fault to answer. */
void conn_fault(struct conn *conn, const struct strict_fault *fault);
/* The reply has left whole: the next request's turn, or the end. May free. */
void conn_settle(struct conn *conn);

/* ---- guard_read.c ---- */

void conn_on_readable(evutil_socket_t fd, short what, void *ctx);
/* What came of a request and waits for the rest of it. */
void conn_drop_input(struct conn *conn);

/* ---- guard_reply.c ---- */

void conn_on_writable(evutil_socket_t fd, short what, void *ctx);
void conn_on_soon(evutil_socket_t fd, short what, void *ctx);
/* Bytes of ours, outside any reply. */
void conn_put(struct conn *conn, const void *data, size_t len);

#endif
