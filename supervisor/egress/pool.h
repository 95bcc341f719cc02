/* Connected sockets kept ready for destinations that were used lately, so that a turn pays no TCP
 * round trip. Only where a round trip costs something: a server on this machine gets no idle
 * connections. Sockets are handed out in the order they were connected, and a dial takes over a
 * connection attempt that is under way, so no idle connection ever stands before one in use in a
 * server's accept queue. A socket that a turn had never comes back. Single-threaded. */
#ifndef CLOISTER_EGRESS_POOL_H
#define CLOISTER_EGRESS_POOL_H

#include "supervisor/egress/attempt.h"

struct pool;
struct pool_request;

/* 0 or -ENOMEM. */
int pool_new(struct event_base *base, struct resolver *resolver, const struct allow *allow,
             struct pool **ret) MUST_CHECK;
void pool_free(struct pool *pool);

/* A ready socket, checked to be open and silent, or -1: then use pool_request_new. */
int pool_take(struct pool *pool, const struct destination *d);
/* Connects for one caller; `done` as in attempt.h. NULL: out of memory. */
struct pool_request *pool_request_new(struct pool *pool, const struct destination *d,
                                      attempt_fn done, void *ctx);
/* `done` is not called any more; the connection, once made, is kept for another or closed. */
void pool_request_cancel(struct pool_request *request);

#endif
