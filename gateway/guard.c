#include "gateway/guard_conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/proxies.h"

#define LINGER_MS   2000
#define SURPLUS_MAX (256u << 10) /* read away per connection before it is dropped */
#define REFUSE_MS   5000

static const struct strict_fault fault_crowded = {
    503, "too_many_connections",
    "This server has as many connections as it takes. Try again shortly."};
static const struct strict_fault fault_timeout = {
    408, "request_timeout", "The request did not arrive whole in time. Send it again, faster."};
static const struct strict_fault fault_large = {413, "payload_too_large",
                                                "The request body may have at most 65536 bytes."};

void conn_timer(struct conn *conn, uint64_t ms) {
    struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(conn->timer, &wait);
}

void conn_free(struct conn *conn) {
    struct guard *guard = conn->guard;
    if (conn->phase == CONN_GONE)
        return;
    conn->phase = CONN_GONE;
    TAILQ_REMOVE(&guard->conns, conn, next);
    guard->count--;
    if (guard->dispatching == conn)
        guard->dispatching = NULL;
    if (guard->paused && !guard->stopped && guard->count < guard->limits->connections) {
        guard->paused = false;
        for (size_t i = 0; i < guard->listener_count; i++)
            (void)evconnlistener_enable(guard->listeners[i]);
    }
    guard->ops->closed(guard->ctx, conn, conn->complete);
    event_free(conn->timer);
    event_free(conn->pump);
    (void)evbuffer_remove_cb_entry(bufferevent_get_input(conn->bev), conn->input_cb);
    (void)evbuffer_remove_cb_entry(bufferevent_get_output(conn->bev), conn->output_cb);
    (void)bufferevent_decref(conn->bev);
    free(conn);
}

void conn_hangup(struct conn *conn) {
    struct bufferevent *bev = conn->bev;
    bufferevent_event_cb event_cb = conn->evhttp_event;
    void *arg = conn->evhttp_arg;
    bool handed_up = conn->phase == CONN_ANSWERING;
    bufferevent_incref(bev);
    if (!handed_up)
        conn_free(conn);
    /* evhttp drops its side; of a request that was handed up its close callback frees the conn. */
    if (event_cb != NULL)
        event_cb(bev, BEV_EVENT_READING | BEV_EVENT_EOF, arg);
    (void)bufferevent_decref(bev);
}

void conn_abort(struct conn *conn) {
    if (conn->phase != CONN_GONE)
        conn_hangup(conn);
}

static void conn_fault(struct conn *conn, const struct strict_fault *fault) {
    conn->guard->ops->fault(conn->guard->ctx, conn, fault);
}

/* Hands the whole request to evhttp, which calls guard_request from inside. */
static void conn_dispatch(struct conn *conn) {
    struct guard *guard = conn->guard;
    struct bufferevent *bev = conn->bev;
    bufferevent_incref(bev);
    event_del(conn->timer);
    guard->dispatching = conn;
    conn->evhttp_read(bev, conn->evhttp_arg);
    if (guard->dispatching ==
        conn) { /* evhttp disliked what strict.c let pass: no reply of its own */
        guard->dispatching = NULL;
        conn_hangup(conn);
    }
    (void)bufferevent_decref(bev);
}

static void conn_want_body(struct conn *conn, const struct strict_head *head) {
    struct guard *guard = conn->guard;
    if (head->content_length > guard->limits->body) {
        conn_fault(conn, &fault_large);
        return;
    }
    conn->head_len = head->head_len;
    conn->need = head->head_len + (size_t)head->content_length;
    bool expected = head->expect_continue && head->content_length > 0;
    if (!guard->ops->head(guard->ctx, conn, head))
        return;
    conn->phase = CONN_BODY;
    if (evbuffer_get_length(bufferevent_get_input(conn->bev)) >= conn->need) {
        conn_dispatch(conn);
        return;
    }
    uint64_t used = clock_ms() - conn->accepted, all = guard->limits->request_ms;
    conn_timer(conn, used < all ? all - used : 1);
    if (expected) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        (void)evbuffer_add(bufferevent_get_output(conn->bev), go_on, sizeof(go_on) - 1);
        (void)bufferevent_enable(conn->bev, EV_WRITE);
    }
}

/* Whether a look at the head may tell something new: it has ended, is over the limit, or has
 * doubled since the last look (so that slow drips cost no quadratic work). */
static bool head_worth_a_look(struct conn *conn, struct evbuffer *input) {
    size_t len = evbuffer_get_length(input);
    struct evbuffer_ptr from;
    size_t back = conn->scanned > 3 ? conn->scanned - 3 : 0;
    if (evbuffer_ptr_set(input, &from, back, EVBUFFER_PTR_SET) < 0)
        return true;
    struct evbuffer_ptr found = evbuffer_search(input, "\r\n\r\n", 4, &from);
    conn->scanned = len;
    if (found.pos < 0 && len < conn->next_check && len <= STRICT_HEAD_MAX)
        return false;
    conn->next_check = len * 2;
    return true;
}

static void conn_read_head(struct conn *conn) {
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    if (!head_worth_a_look(conn, input))
        return;
    size_t len = evbuffer_get_length(input);
    const char *bytes = (const char *)evbuffer_pullup(input, (ev_ssize_t)len);
    struct strict_head head;
    const struct strict_fault *fault = NULL;
    if (bytes == NULL) {
        conn_hangup(conn);
        return;
    }
    switch (strict_parse(bytes, len, &head, &fault)) {
    case STRICT_MORE:
        break;
    case STRICT_BAD:
        conn_fault(conn, fault);
        break;
    case STRICT_OK:
        conn_want_body(conn, &head);
        break;
    }
}

/* Once the request is whole, or refused, what still comes is thrown away. */
static void conn_throw_away(struct conn *conn, struct evbuffer *input) {
    size_t len = evbuffer_get_length(input);
    conn->surplus += len;
    (void)evbuffer_drain(input, len);
}

static void gate_read(struct bufferevent *bev, void *ctx) {
    struct conn *conn = ctx;
    struct evbuffer *input = bufferevent_get_input(bev);
    switch (conn->phase) {
    case CONN_HEAD:
        conn_read_head(conn);
        break;
    case CONN_BODY:
        if (evbuffer_get_length(input) >= conn->need)
            conn_dispatch(conn);
        break;
    case CONN_REFUSING:
    case CONN_LINGERING:
        conn_throw_away(conn, input);
        if (conn->surplus > SURPLUS_MAX)
            conn_hangup(conn);
        break;
    case CONN_NEW:
    case CONN_ANSWERING:
    case CONN_GONE:
        break;
    }
}

/* The refusal is with the kernel. Closing at once could reset the connection before the client has
 * read it, so the sending half is closed first and the rest read away for a while. */
static void gate_write(struct bufferevent *bev, void *ctx) {
    struct conn *conn = ctx;
    if (conn->phase != CONN_REFUSING || evbuffer_get_length(bufferevent_get_output(bev)) > 0)
        return;
    conn->complete = true;
    conn->phase = CONN_LINGERING;
    (void)shutdown(bufferevent_getfd(bev), SHUT_WR);
    conn_timer(conn, LINGER_MS);
}

static void gate_event(struct bufferevent *bev, short what, void *ctx) {
    (void)bev;
    struct conn *conn = ctx;
    /* A client that shut down its sending half may still read the refusal. */
    if (conn->phase == CONN_REFUSING &&
        (what & (BEV_EVENT_EOF | BEV_EVENT_READING)) == (BEV_EVENT_EOF | BEV_EVENT_READING))
        return;
    conn_hangup(conn);
}

void conn_enter(struct conn *conn, enum conn_phase phase, uint64_t ms) {
    conn->phase = phase;
    bufferevent_setcb(conn->bev, gate_read, gate_write, gate_event, conn);
    (void)bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
    conn_timer(conn, ms);
}

void conn_refuse_flush(struct conn *conn) {
    conn_throw_away(conn, bufferevent_get_input(conn->bev));
    conn_enter(conn, CONN_REFUSING, REFUSE_MS);
}

static size_t same_address(const struct guard *guard, const struct conn *conn) {
    size_t n = 0;
    const struct conn *other;
    TAILQ_FOREACH(other, &guard->conns, next)
    n += memcmp(&other->address, &conn->address, sizeof(conn->address)) == 0;
    return n;
}

static void conn_read_address(struct conn *conn) {
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    if (getpeername(bufferevent_getfd(conn->bev), (struct sockaddr *)&peer, &len) < 0)
        return;
    if (peer.ss_family == AF_INET6) {
        conn->peer = ((struct sockaddr_in6 *)&peer)->sin6_addr;
    } else if (peer.ss_family == AF_INET) {
        conn->peer.s6_addr[10] = conn->peer.s6_addr[11] = 0xff;
        memcpy(conn->peer.s6_addr + 12, &((struct sockaddr_in *)&peer)->sin_addr, 4);
    }
    conn->address = conn->peer;
    address_blur(&conn->address);
}

/* The first look at an accepted connection, before the loop polls its socket. */
static void conn_start(struct conn *conn) {
    struct guard *guard = conn->guard;
    bufferevent_getcb(conn->bev, &conn->evhttp_read, &conn->evhttp_write, &conn->evhttp_event,
                      &conn->evhttp_arg);
    if (conn->evhttp_event == NULL) { /* evhttp gave the connection up while accepting */
        conn_free(conn);
        return;
    }
    conn_read_address(conn);
    bufferevent_setwatermark(conn->bev, EV_READ, 0, STRICT_HEAD_MAX + guard->limits->body + 1);
    bufferevent_set_timeouts(conn->bev, NULL, NULL); /* ours are absolute */
    conn_enter(conn, CONN_HEAD, guard->limits->head_ms);
    if (guard->stopped || guard->count > guard->limits->connections ||
        (same_address(guard, conn) > guard->limits->connections_per_address &&
         !guard->ops->crowd(guard->ctx, &conn->peer)))
        conn_fault(conn, &fault_crowded);
    /* Far over the limit: leave the rest in the kernel's queue for now. */
    if (guard->count > guard->limits->connections + 32 && !guard->paused) {
        guard->paused = true;
        for (size_t i = 0; i < guard->listener_count; i++)
            (void)evconnlistener_disable(guard->listeners[i]);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct conn *conn = ctx;
    bool spoke = evbuffer_get_length(bufferevent_get_input(conn->bev)) > 0;
    if (conn->phase == CONN_NEW)
        conn_start(conn);
    else if ((conn->phase == CONN_HEAD && spoke) || conn->phase == CONN_BODY)
        conn_fault(conn, &fault_timeout);
    else
        conn_hangup(conn); /* silent, slow to take a refusal, or a stalled reader */
}

/* Watches a connection whose request was handed up: throws input away whatever callbacks are set.
 */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *ctx) {
    struct conn *conn = ctx;
    if (conn->phase == CONN_ANSWERING && info->n_added > 0)
        conn_throw_away(conn, input);
}

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *ctx) {
    struct conn *conn = ctx;
    size_t waiting = evbuffer_get_length(output);
    conn->sent += info->n_deleted;
    if (conn->phase != CONN_ANSWERING)
        return;
    if (waiting == 0)
        event_del(conn->timer);
    else if (info->n_deleted > 0 || !evtimer_pending(conn->timer, NULL))
        conn_timer(conn, conn->guard->limits->stall_ms);
    if (info->n_deleted > 0 && conn->streaming)
        event_active(conn->pump, EV_WRITE, 0);
}

static void on_pump(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct conn *conn = ctx;
    if (conn->streaming)
        conn->guard->ops->drained(conn->guard->ctx, conn, conn_waiting(conn));
}

static struct bufferevent *on_accept(struct event_base *base, void *ctx) {
    struct guard *guard = ctx;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    struct conn *conn = calloc(1, sizeof(*conn));
    struct event *timer = conn == NULL ? NULL : event_new(base, -1, 0, on_timer, conn);
    struct event *pump = conn == NULL ? NULL : event_new(base, -1, 0, on_pump, conn);
    if (bev == NULL || timer == NULL || pump == NULL) {
        if (timer != NULL)
            event_free(timer);
        if (pump != NULL)
            event_free(pump);
        free(conn);
        if (bev != NULL)
            bufferevent_free(bev);
        return NULL; /* evhttp makes one of its own; guard_request drops its request */
    }
    bufferevent_incref(bev);
    *conn = (struct conn){
        .guard = guard, .bev = bev, .timer = timer, .pump = pump, .accepted = clock_ms()};
    conn->input_cb = evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn);
    conn->output_cb = evbuffer_add_cb(bufferevent_get_output(bev), on_output, conn);
    TAILQ_INSERT_TAIL(&guard->conns, conn, next);
    guard->count++;
    event_active(timer, EV_TIMEOUT, 0); /* runs before the loop polls again */
    return bev;
}

static void on_request(struct evhttp_request *req, void *ctx) {
    struct guard *guard = ctx;
    struct conn *conn = guard->dispatching;
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);
    if (conn == NULL || evhttp_connection_get_bufferevent(evcon) != conn->bev) {
        evhttp_send_error(req, 503, NULL);
        return;
    }
    guard->dispatching = NULL;
    conn_adopt(conn, req);
    struct evbuffer *body = evhttp_request_get_input_buffer(req);
    size_t len = evbuffer_get_length(body);
    guard->ops->request(guard->ctx, conn, evbuffer_pullup(body, -1), len);
}

int guard_new(struct event_base *base, const struct gateway_limits *limits,
              const struct guard_ops *ops, void *ctx, struct guard **ret) {
    struct guard *guard = calloc(1, sizeof(*guard));
    if (guard == NULL)
        return -ENOMEM;
    guard->base = base;
    guard->limits = limits;
    guard->ops = ops;
    guard->ctx = ctx;
    TAILQ_INIT(&guard->conns);
    guard->http = evhttp_new(base);
    if (guard->http == NULL) {
        free(guard);
        return -ENOMEM;
    }
    /* The gate has checked all this before; evhttp's own bounds are the second lock. */
    evhttp_set_max_headers_size(guard->http, STRICT_HEAD_MAX);
    evhttp_set_max_body_size(guard->http, (ev_ssize_t)limits->body);
    evhttp_set_allowed_methods(guard->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                                EVHTTP_REQ_DELETE);
    evhttp_set_bevcb(guard->http, on_accept, guard);
    evhttp_set_gencb(guard->http, on_request, guard);
    *ret = guard;
    return 0;
}

int guard_listen(struct guard *guard, int fd) {
    if (guard->listener_count == COUNT_OF(guard->listeners))
        return -ENOSPC;
    struct evconnlistener *listener = evconnlistener_new(
        guard->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (listener == NULL)
        return -ENOMEM;
    if (evhttp_bind_listener(guard->http, listener) == NULL) {
        evconnlistener_free(listener);
        return -ENOMEM;
    }
    guard->listeners[guard->listener_count++] = listener;
    return 0;
}

void guard_stop(struct guard *guard) {
    guard->stopped = true;
    for (size_t i = 0; i < guard->listener_count; i++)
        (void)evconnlistener_disable(guard->listeners[i]);
    struct conn *conn = TAILQ_FIRST(&guard->conns), *next;
    for (; conn != NULL; conn = next) {
        next = TAILQ_NEXT(conn, next);
        if (conn->phase == CONN_HEAD || conn->phase == CONN_BODY || conn->phase == CONN_LINGERING)
            conn_hangup(conn);
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
        conn_hangup(conn);
    evhttp_free(guard->http); /* and its listeners */
    free(guard);
}
