#include "gateway/guard_conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/proxies.h"

#define LINGER_MS 2000

static const struct strict_fault fault_crowded = {
    503, "too_many_connections",
    "This server has as many connections as it takes. Try again shortly."};
static const struct strict_fault fault_timeout = {
    408, "request_timeout", "The request did not arrive whole in time. Send it again, faster."};

/* ---- time ---- */

/* A timer that fires too early is set again; so most requests set none. */
void conn_timer(struct conn *conn, uint64_t ms) {
    conn->deadline = clock_ms() + ms;
    if (conn->timer_at != 0 && conn->timer_at <= conn->deadline)
        return;
    struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    conn->timer_at = conn->deadline;
    (void)event_add(conn->timer, &wait);
}

void conn_untimed(struct conn *conn) {
    conn->deadline = 0;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct conn *conn = ctx;
    uint64_t now = clock_ms();
    conn->timer_at = 0;
    if (conn->deadline == 0)
        return;
    if (now < conn->deadline)
        conn_timer(conn, conn->deadline - now);
    else if ((conn->phase == CONN_HEAD && conn->in_len > 0) || conn->phase == CONN_BODY)
        conn_fault(conn, &fault_timeout);
    else
        conn_free(conn); /* silent, slow to take a refusal, or a stalled reader */
}

/* ---- the end ---- */

static void listeners_enable(struct guard *guard, bool enable) {
    for (size_t i = 0; i < guard->listener_count; i++)
        (void)(enable ? evconnlistener_enable(guard->listeners[i])
                      : evconnlistener_disable(guard->listeners[i]));
}

static void event_drop(struct event *event) {
    if (event != NULL)
        event_free(event);
}

/* What was made of it; nobody has been told of it. */
static void conn_discard(struct conn *conn) {
    event_drop(conn->readable);
    event_drop(conn->writable);
    event_drop(conn->timer);
    event_drop(conn->soon);
    if (conn->out != NULL)
        evbuffer_free(conn->out);
    conn_drop_input(conn);
    (void)close(conn->fd);
    free(conn);
}

void conn_free(struct conn *conn) {
    struct guard *guard = conn->guard;
    if (conn->phase == CONN_GONE)
        return;
    conn->phase = CONN_GONE;
    TAILQ_REMOVE(&guard->conns, conn, next);
    guard->count--;
    guard->waiting -= conn->counted;
    if (guard->reading == conn)
        guard->reading = NULL;
    if (guard->paused && !guard->shut && guard->count <= guard->limits->connections + 16) {
        guard->paused = false;
        listeners_enable(guard, true);
    }
    guard->ops->closed(guard->ctx, conn, conn->complete);
    conn_discard(conn);
}

void conn_abort(struct conn *conn) {
    conn_free(conn);
}

void conn_fault(struct conn *conn, const struct strict_fault *fault) {
    conn->guard->ops->fault(conn->guard->ctx, conn, fault);
}

static void conn_again(struct conn *conn) {
    struct guard *guard = conn->guard;
    guard->ops->closed(guard->ctx, conn, true);
    conn->data = NULL;
    conn->streaming = conn->chunked = conn->ended = conn->complete = conn->keep = false;
    conn->scanned = conn->next_check = conn->head_len = conn->need = conn->surplus = conn->sent = 0;
    conn->served++;
    conn->idle = true;
    conn->phase = CONN_HEAD;
    conn_timer(conn, guard->limits->keep_ms);
}

/* A refusal is with the kernel. Closing at once could reset the connection before the client has
 * read it, so the sending half is closed first and the rest read away for a while. */
void conn_settle(struct conn *conn) {
    conn->complete = true;
    if (conn->phase == CONN_REFUSING) {
        conn->phase = CONN_LINGERING;
        (void)shutdown(conn->fd, SHUT_WR);
        conn_timer(conn, LINGER_MS);
    } else if (conn->keep && conn->surplus == 0 && !conn->guard->stopped) {
        conn_again(conn);
    } else {
        conn_free(conn);
    }
}

/* ---- the beginning ---- */

static size_t same_address(const struct guard *guard, const struct conn *conn) {
    size_t n = 0;
    const struct conn *other;
    TAILQ_FOREACH(other, &guard->conns, next)
    n += memcmp(&other->address, &conn->address, sizeof(conn->address)) == 0;
    return n;
}

static void conn_read_address(struct conn *conn, const struct sockaddr *peer) {
    if (peer->sa_family == AF_INET6) {
        conn->peer = ((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    } else if (peer->sa_family == AF_INET) {
        conn->peer.s6_addr[10] = conn->peer.s6_addr[11] = 0xff;
        memcpy(conn->peer.s6_addr + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
               4);
    }
    conn->address = conn->peer;
    address_blur(&conn->address);
}

/* Who is idle gives way to who comes. */
static void shed_idle(struct guard *guard) {
    struct conn *conn;
    TAILQ_FOREACH(conn, &guard->conns, next)
    if (conn->phase == CONN_HEAD && conn->idle) {
        conn_free(conn);
        return;
    }
}

/* Owns `fd`. NULL: out of memory. */
static struct conn *conn_new(struct guard *guard, int fd) {
    struct conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL) {
        (void)close(fd);
        return NULL;
    }
    *conn = (struct conn){.guard = guard, .fd = fd, .minor = 1, .accepted = clock_ms()};
    conn->readable = event_new(guard->base, fd, EV_READ | EV_PERSIST, conn_on_readable, conn);
    conn->writable = event_new(guard->base, fd, EV_WRITE, conn_on_writable, conn);
    conn->timer = event_new(guard->base, -1, 0, on_timer, conn);
    conn->soon = event_new(guard->base, -1, 0, conn_on_soon, conn);
    if (conn->readable != NULL && conn->writable != NULL && conn->timer != NULL &&
        conn->soon != NULL && event_add(conn->readable, NULL) == 0)
        return conn;
    conn_discard(conn);
    return NULL;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                      int len, void *ctx) {
    struct guard *guard = ctx;
    struct conn *conn = conn_new(guard, fd);
    (void)listener;
    (void)len;
    if (conn == NULL)
        return;
    conn_read_address(conn, peer);
    TAILQ_INSERT_TAIL(&guard->conns, conn, next);
    guard->count++;
    conn_timer(conn, guard->limits->head_ms);
    if (guard->count > guard->limits->connections)
        shed_idle(guard);
    /* Far over the limit: leave the rest in the kernel's queue for now. */
    if (guard->count > guard->limits->connections + 32 && !guard->paused) {
        guard->paused = true;
        listeners_enable(guard, false);
    }
    if (guard->stopped || guard->count > guard->limits->connections ||
        (same_address(guard, conn) > guard->limits->connections_per_address &&
         !guard->ops->crowd(guard->ctx, &conn->peer)))
        conn_fault(conn, &fault_crowded);
}

/* ---- all of it ---- */

int guard_new(struct event_base *base, const struct gateway_limits *limits,
              const struct guard_ops *ops, void *ctx, struct guard **ret) {
    size_t room = STRICT_HEAD_MAX + limits->body + 1;
    struct guard *guard = calloc(1, sizeof(*guard) + room);
    if (guard == NULL)
        return -ENOMEM;
    guard->base = base;
    guard->limits = limits;
    guard->ops = ops;
    guard->ctx = ctx;
    guard->room = room;
    TAILQ_INIT(&guard->conns);
    *ret = guard;
    return 0;
}

int guard_listen(struct guard *guard, int fd) {
    if (guard->listener_count == COUNT_OF(guard->listeners))
        return -ENOSPC;
    struct evconnlistener *listener = evconnlistener_new(
        guard->base, on_accept, guard, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (listener == NULL)
        return -ENOMEM;
    guard->listeners[guard->listener_count++] = listener;
    return 0;
}

void guard_shut(struct guard *guard) {
    guard->shut = true;
    listeners_enable(guard, false);
}

void guard_stop(struct guard *guard) {
    guard_shut(guard);
    guard->stopped = true;
    struct conn *conn = TAILQ_FIRST(&guard->conns), *next;
    for (; conn != NULL; conn = next) {
        next = TAILQ_NEXT(conn, next);
        if (conn->phase == CONN_HEAD || conn->phase == CONN_BODY || conn->phase == CONN_LINGERING)
            conn_free(conn);
    }
}

size_t guard_connections(const struct guard *guard) {
    return guard->count;
}

void guard_free(struct guard *guard) {
    if (guard == NULL)
        return;
    struct conn *conn;
    while ((conn = TAILQ_FIRST(&guard->conns)) != NULL)
        conn_free(conn);
    for (size_t i = 0; i < guard->listener_count; i++)
        evconnlistener_free(guard->listeners[i]);
    free(guard);
}
