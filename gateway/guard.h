/* HTTP/1.1's connections. A request's bytes are kept until one whole request is there and strict.h
 * found it well-formed; only then it is handed up. There is no second parser. Nothing can be
 * smuggled behind one: either every reply says "Connection: close" (limits.keep_ms 0), or the next
 * request is judged from its first byte like the first, and only once the reply before it has left.
 * Who sends ahead (pipelining) gets the first reply with "Connection: close", or the end of the
 * connection.
 *
 * Closed here: absolute deadlines for head and body, bounds on connections (in all and per
 * address), head and body; disconnects noticed from the first byte on, also before the reply; input
 * thrown away once the request is whole; a reader that takes nothing for stall_ms is dropped. Loop
 * thread. */
#ifndef CLOISTER_GATEWAY_GUARD_H
#define CLOISTER_GATEWAY_GUARD_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <sys/uio.h>

#include "gateway/bounds.h"
#include "gateway/strict.h"

struct guard; /* one listener's worth of connections */
struct conn;  /* one connection, one request at a time */

#define REPLY_HEADERS_MAX 28
#define REPLY_PIECES_MAX  3
struct reply {
    unsigned status;
    struct {
        const char *name, *value;
    } headers[REPLY_HEADERS_MAX]; /* besides Content-Length, Date and Connection */
    size_t header_count;
    struct iovec pieces[REPLY_PIECES_MAX]; /* the body; the bytes are not kept */
    size_t piece_count;
};
/* Adds a header; the strings must live until the reply is sent. */
void reply_header(struct reply *reply, const char *name, const char *value);
/* The words of RFC 9110 for a status. */
const char *status_phrase(unsigned status);

struct guard_ops {
    /* The head is whole. Either conn_reply was called and false comes back, or the body is read
     * next. */
    bool (*head)(void *ctx, struct conn *conn, const struct strict_head *head);
    /* The request is whole; answer now or later with conn_reply or conn_stream_*. */
    void (*request)(void *ctx, struct conn *conn, const uint8_t *body, size_t len);
    /* Refused before or instead of `head`: must call conn_reply. */
    void (*fault)(void *ctx, struct conn *conn, const struct strict_fault *fault);
    /* Bytes have left for the client; `waiting` remain. Streams only. */
    void (*drained)(void *ctx, struct conn *conn, size_t waiting);
    /* The request is over, and often the connection: conn is invalid, or another's, afterwards.
     * `complete`: the reply was delivered whole to the kernel. Called once for every request. */
    void (*closed)(void *ctx, struct conn *conn, bool complete);
    /* Whether this peer stands for many: connections_per_address is not for it. */
    bool (*crowd)(void *ctx, const struct in6_addr *peer);
};

int guard_new(struct event_base *base, const struct gateway_limits *limits,
              const struct guard_ops *ops, void *ctx, struct guard **ret) MUST_CHECK;
/* Accepts from `fd`, a listening socket, and owns it from now on. 0 or -errno. */
int guard_listen(struct guard *guard, int fd) MUST_CHECK;
/* Stops accepting; who is connected may still send a request. */
void guard_shut(struct guard *guard);
/* Stops accepting and drops connections without a whole request. */
void guard_stop(struct guard *guard);
size_t guard_connections(const struct guard *guard);
void guard_free(struct guard *guard);

/* Who connected: v4 addresses are mapped, IPv6 ones have all their bits; all zero on a unix socket.
 */
const struct in6_addr *conn_peer(const struct conn *conn);
/* The caller's pointer. */
void conn_set_data(struct conn *conn, void *data);
void *conn_data(const struct conn *conn);

/* The whole reply, once. A HEAD request gets its length and no body. */
void conn_reply(struct conn *conn, const struct reply *reply, bool head_only);
/* A reply of unknown length: status and headers, pieces (drained from `data`), the end. */
void conn_stream_start(struct conn *conn, const struct reply *reply);
void conn_stream_send(struct conn *conn, struct evbuffer *data);
void conn_stream_end(struct conn *conn);
/* Bytes that the client has yet to take. */
size_t conn_waiting(const struct conn *conn);
/* Bytes the kernel took for this client so far. */
size_t conn_sent(const struct conn *conn);
/* Drops the connection now; `closed` is called before this returns. */
void conn_abort(struct conn *conn);

#endif
