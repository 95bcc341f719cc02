#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "providers/connect_shim.h"
#include "providers/http_internal.h"
#include "providers/trust.h"

static bool conn_matches(const struct conn *conn, const struct url *url,
                         const struct http_trust *trust) {
    return conn->tls_scheme == url->tls && conn->port == url->port &&
           strcmp(conn->host, url->host) == 0 && (!url->tls || conn->trust == trust);
}

static bool conn_idle_alive(struct conn *conn) {
    if (conn->tls != NULL)
        return tls_idle_alive(conn->tls);
    struct pollfd poll_now = {.fd = conn->curl_fd, .events = POLLIN};
    return poll(&poll_now, 1, 0) == 0; /* an end, or words nobody asked for */
}

struct conn *conn_find(struct http *http, const struct url *url, const struct http_trust *trust) {
    struct conn *under_way = NULL;
    for (struct conn *conn = http->conns; conn != NULL; conn = conn->next) {
        if (conn->user != NULL || conn->state == CONN_DEAD || !conn_matches(conn, url, trust))
            continue;
        if (conn->state != CONN_READY)
            under_way = conn;
        else if (conn_idle_alive(conn))
            return conn;
        else
            conn_kill(conn, -ECONNRESET, "the connection broke");
    }
    return under_way;
}

bool conns_have_room(struct http *http) {
    size_t count = 0;
    struct conn *idle = NULL;
    for (struct conn *conn = http->conns; conn != NULL; conn = conn->next) {
        if (conn->state == CONN_DEAD)
            continue;
        count++;
        if (conn->state == CONN_READY && conn->user == NULL)
            idle = conn;
    }
    if (count < CONNS_MAX)
        return true;
    if (idle == NULL)
        return false;
    conn_kill(idle, -ECONNRESET, "closed to make room");
    return true;
}

void conn_keep_session(struct conn *conn) {
    struct resume_session session = {.port = conn->port};
    if (conn->tls == NULL)
        return;
    session.len = (uint16_t)tls_take_session(conn->tls, session.bytes, sizeof(session.bytes));
    if (session.len == 0)
        return;
    session.trust = conn->trust->number;
    (void)snprintf(session.host, sizeof(session.host), "%s", conn->host);
    (void)!resume_put(&conn->http->made, &session, clock_ms());
    explicit_bzero(&session, sizeof(session));
}

void conn_kill(struct conn *conn, int error, const char *why) {
    if (conn->state == CONN_DEAD)
        return;
    if (conn->state == CONN_DIALLING)
        dialer_cancel(conn->http->dialer, conn->call);
    conn->state = CONN_DEAD;
    conn->error = error;
    conn->why = why;
    if (conn->tls != NULL) {
        conn->orderly = conn_orderly(conn);
        conn->stream_error = conn_stream_error(conn, &conn->stream_why);
        conn->sent_before_end = conn_sent(conn);
        conn_keep_session(conn);
        tls_free(take_ptr(conn->tls));
    }
    if (conn->curl_fd >= 0 && !conn->curl_owns) {
        (void)shutdown(conn->curl_fd, SHUT_RDWR);
        (void)close(conn->curl_fd);
        conn->curl_fd = -1;
    } else if (conn->curl_fd >= 0) {
        (void)shutdown(conn->curl_fd, SHUT_RDWR); /* libcurl sees the end and closes */
    }
}

static void conn_ready(struct conn *conn, int curl_fd) {
    conn->curl_fd = curl_fd;
    conn->state = CONN_READY;
}

/* TLS is established: from here on libcurl's end is a local socket. */
static void conn_secured(struct conn *conn) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        conn_kill(conn, -errno, "no descriptor left for a connection");
        return;
    }
    int r = tls_attach(conn->tls, ends[1]);
    if (r < 0) {
        (void)close(ends[0]);
        conn_kill(conn, r, "out of memory");
        return;
    }
    conn_ready(conn, ends[0]);
}

static void conn_handshake(struct conn *conn) {
    int r = tls_handshake(conn->tls);
    if (r == 0) {
        conn_secured(conn);
    } else if (r != -EAGAIN && conn->resuming && r != -EKEYREJECTED) {
        conn->http->resume = NULL; /* perhaps for what was offered: once more, without it */
        conn_kill(conn, -ECONNRESET, tls_why(conn->tls));
    } else if (r != -EAGAIN) {
        conn_kill(conn, r, tls_why(conn->tls));
    }
}

static void dial_failed(struct conn *conn, int error) {
    if (error == EACCES)
        conn_kill(conn, -EACCES, "egress does not allow this host");
    else if (error == ETIMEDOUT)
        conn_kill(conn, -ETIMEDOUT, "the server did not answer the dial in time");
    else if (error == EPIPE)
        conn_kill(conn, -EPIPE, "egress is not there");
    else if (error == EDQUOT)
        conn_kill(conn, -ECONNREFUSED, "too many connections for one turn");
    else if (error == ENOENT)
        conn_kill(conn, -ECONNREFUSED, "the server's name does not resolve");
    else
        conn_kill(conn, -ECONNREFUSED, "the server cannot be reached");
}

static void conn_dialled(void *ctx, int fd, int error) {
    struct conn *conn = ctx;
    SCOPE_FD int owned = fd;
    if (error != 0 || fd < 0) {
        dial_failed(conn, error);
        return;
    }
    int r = fd_nonblock(fd);
    if (r < 0) {
        conn_kill(conn, r, "the connection cannot be used");
        return;
    }
    if (!conn->tls_scheme) {
        conn_ready(conn, take_fd(&owned));
        return;
    }
    const struct resume_session *resume =
        resume_find(conn->http->resume, conn->host, conn->port, conn->trust->number, clock_ms());
    conn->resuming = resume != NULL;
    r = tls_new(conn->trust, take_fd(&owned), conn->host, resume, &conn->tls);
    if (r < 0) {
        conn_kill(conn, r, "TLS cannot be set up for this host");
        return;
    }
    conn->state = CONN_HANDSHAKE;
    conn_handshake(conn);
}

struct conn *conn_new(struct http *http, const struct url *url, const struct http_trust *trust,
                      int *ret_error) {
    struct conn *conn = calloc(1, sizeof(*conn));
    *ret_error = -ENOMEM;
    if (conn == NULL)
        return NULL;
    conn->http = http;
    conn->state = CONN_DIALLING;
    conn->tls_scheme = url->tls;
    memcpy(conn->host, url->host, sizeof(conn->host));
    conn->port = url->port;
    conn->trust = trust;
    conn->curl_fd = -1;
    conn->started = clock_ms();
    int r = dialer_start(http->dialer, conn->host, conn->port, conn_dialled, conn, &conn->call);
    if (r < 0) {
        *ret_error = r;
        free(conn);
        return NULL;
    }
    conn->number = ++http->last_number;
    conn->next = http->conns;
    http->conns = conn;
    return conn;
}

void conn_step(struct conn *conn) {
    if (conn->state < CONN_READY && conn->user == NULL &&
        clock_ms() - conn->started > CONNECT_DEFAULT) {
        conn_kill(conn, -ETIMEDOUT, "no connection to the server within the time allowed");
        return;
    }
    if (conn->state == CONN_HANDSHAKE)
        conn_handshake(conn);
    else if (conn->state == CONN_READY && conn->tls != NULL && conn->curl_owns)
        tls_pump(conn->tls); /* a failure reaches the transfer as the end of its stream */
}

bool conn_orderly(const struct conn *conn) {
    return !conn->tls_scheme || (conn->tls != NULL ? tls_closed(conn->tls) : conn->orderly);
}

int conn_stream_error(const struct conn *conn, const char **ret_why) {
    if (conn->tls == NULL) {
        *ret_why = conn->stream_why;
        return conn->stream_error;
    }
    *ret_why = tls_why(conn->tls);
    return tls_error(conn->tls);
}

uint64_t conn_sent(const struct conn *conn) {
    return conn->tls != NULL ? tls_sent(conn->tls) : conn->sent_before_end;
}

void conns_reap(struct http *http) {
    for (struct conn **at = &http->conns; *at != NULL;) {
        struct conn *conn = *at;
        if (conn->state != CONN_DEAD || conn->user != NULL || conn->curl_fd >= 0) {
            at = &conn->next;
            continue;
        }
        *at = conn->next;
        free(conn);
    }
}

curl_socket_t conn_curl_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    (void)address;
    struct conn *conn = ctx;
    if (conn->state != CONN_READY || conn->curl_fd < 0 || conn->curl_owns)
        return CURL_SOCKET_BAD; /* once: libcurl's own second try must not find another stream */
    if (!connect_shim_adopt(conn->curl_fd))
        return CURL_SOCKET_BAD;
    conn->curl_owns = true;
    return conn->curl_fd;
}

int conn_curl_closed(void *ctx, curl_socket_t fd) {
    struct conn *conn = ctx;
    uint8_t byte;
    connect_shim_forget(fd);
    /* libcurl gives up a stream that has not ended when what came over it is nonsense. */
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    conn->had_not_ended = n > 0 || (n < 0 && errno == EAGAIN);
    if (fd == conn->curl_fd) {
        conn->curl_fd = -1;
        conn->curl_owns = false;
    }
    (void)shutdown(fd,
                   SHUT_RDWR); /* egress holds a copy: close alone would not end the connection */
    (void)close(fd);
    conn_kill(conn, -ECONNRESET, "the connection broke");
    return 0;
}
