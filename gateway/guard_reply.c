/* What goes out. The kernel gets it at once; what it does not take waits in `out`. */
#include "gateway/guard_conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define HEAD_ROOM  2048 /* most heads fit */
#define REFUSE_MS  5000
#define STALLS_MAX 4 /* so many times stall_ms one reply may take in all */

void reply_header(struct reply *reply, const char *name, const char *value) {
    if (reply->header_count < REPLY_HEADERS_MAX) {
        reply->headers[reply->header_count].name = name;
        reply->headers[reply->header_count++].value = value;
    }
}

const char *status_phrase(unsigned status) {
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < COUNT_OF(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return status >= 500 ? "Server Error" : status >= 400 ? "Client Error" : "OK";
}

const struct in6_addr *conn_peer(const struct conn *conn) {
    return &conn->peer;
}

void conn_set_data(struct conn *conn, void *data) {
    conn->data = data;
}

void *conn_data(const struct conn *conn) {
    return conn->data;
}

size_t conn_waiting(const struct conn *conn) {
    return conn->out == NULL ? 0 : evbuffer_get_length(conn->out);
}

size_t conn_sent(const struct conn *conn) {
    return conn->sent;
}

/* ---- bytes ---- */

/* The connection ends, but not inside its owner's call. */
static void conn_break(struct conn *conn) {
    conn->broken = true;
    event_active(conn->soon, EV_TIMEOUT, 0);
}

/* What waits here is bounded, whoever it is for: the last straw's reader is hung up on. */
static void conn_count(struct conn *conn) {
    size_t waiting = conn_waiting(conn);
    conn->guard->waiting += waiting - conn->counted;
    if (waiting > conn->counted && conn->guard->waiting > conn->guard->limits->waiting)
        conn_break(conn);
    conn->counted = waiting;
}

/* A reply that is no stream also has an end, by when the slowest reader has it. */
static uint64_t patience(struct conn *conn) {
    uint64_t now = clock_ms(), stall_ms = conn->guard->limits->stall_ms;
    if (conn->streaming)
        return stall_ms;
    if (conn->out_until == 0)
        conn->out_until = now + stall_ms * STALLS_MAX;
    uint64_t left = conn->out_until > now ? conn->out_until - now : 1;
    return left < stall_ms ? left : stall_ms;
}

/* The rest waits until the client takes it, not for ever; `moved`: it took something. */
static void conn_wait(struct conn *conn, bool moved) {
    (void)event_add(conn->writable, NULL);
    if (conn->phase == CONN_ANSWERING && (moved || conn->deadline == 0))
        conn_timer(conn, patience(conn));
}

/* What of `pieces` the kernel takes now; negative: it never will. */
static ssize_t send_now(struct conn *conn, struct iovec *pieces, size_t count) {
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    ssize_t n;
    do
        n = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    conn->sent += (size_t)n;
    return n;
}

static void conn_put_pieces(struct conn *conn, struct iovec *pieces, size_t count) {
    ssize_t gone = conn->broken || conn_waiting(conn) > 0 ? 0 : send_now(conn, pieces, count);
    if (conn->out == NULL && gone >= 0)
        conn->out = evbuffer_new();
    for (size_t i = 0; i < count && gone >= 0; i++) {
        size_t skip = (size_t)gone < pieces[i].iov_len ? (size_t)gone : pieces[i].iov_len;
        gone -= (ssize_t)skip;
        if (skip < pieces[i].iov_len &&
            (conn->out == NULL || evbuffer_add(conn->out, (uint8_t *)pieces[i].iov_base + skip,
                                               pieces[i].iov_len - skip) < 0))
            gone = -ENOMEM;
    }
    conn_count(conn);
    if (gone < 0)
        conn_break(conn);
    else if (conn_waiting(conn) > 0)
        conn_wait(conn, false);
}

void conn_put(struct conn *conn, const void *data, size_t len) {
    struct iovec piece = {(void *)(uintptr_t)data, len};
    conn_put_pieces(conn, &piece, 1);
}

/* As much of what waits as goes; negative: the client is gone. */
static ssize_t flush(struct conn *conn) {
    ssize_t n = conn_waiting(conn) == 0 ? 0 : evbuffer_write(conn->out, conn->fd);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return -errno;
    if (n > 0)
        conn->sent += (size_t)n;
    conn_count(conn);
    if (conn_waiting(conn) > 0) {
        conn_wait(conn, n > 0);
        return n > 0 ? n : 0;
    }
    conn->out_until = 0;
    if (conn->phase == CONN_ANSWERING)
        conn_untimed(conn);
    return n > 0 ? n : 0;
}

void conn_on_writable(evutil_socket_t fd, short what, void *ctx) {
    struct conn *conn = ctx;
    (void)fd;
    (void)what;
    ssize_t n = flush(conn);
    if (n < 0 || conn->broken)
        conn_free(conn);
    else if (conn->ended && conn_waiting(conn) == 0)
        conn_settle(conn);
    else if (n > 0 && conn->streaming)
        event_active(conn->soon, EV_WRITE, 0);
}

void conn_on_soon(evutil_socket_t fd, short what, void *ctx) {
    struct conn *conn = ctx;
    (void)fd;
    (void)what;
    if (conn->broken)
        conn_free(conn);
    else if (conn->ended && conn_waiting(conn) == 0 && !conn->complete)
        conn_settle(conn);
    else if (conn->streaming)
        conn->guard->ops->drained(conn->guard->ctx, conn, conn_waiting(conn));
}

/* The reply is whole. Whoever is reading this connection's request settles it when that is over. */
static void conn_end(struct conn *conn) {
    conn->streaming = false;
    conn->ended = true;
    if (conn->guard->reading != conn)
        event_active(conn->soon, EV_TIMEOUT, 0);
}

/* ---- heads ---- */

/* RFC 9110 section 5.6.7; it changes once a second. */
static const char *date_now(struct guard *guard) {
    int64_t now = wall_ms() / 1000;
    struct tm parts;
    if (now != guard->date_s) {
        time_t seconds = (time_t)now;
        guard->date_s = now;
        (void)strftime(guard->date, sizeof(guard->date), "%a, %d %b %Y %H:%M:%S GMT",
                       gmtime_r(&seconds, &parts));
    }
    return guard->date;
}

/* Nobody's words begin a header of their own. */
static bool header_fits(const char *value) {
    return strpbrk(value, "\r\n") == NULL;
}

static size_t head_size(const struct reply *reply) {
    size_t need = 160 + GUARD_DATE_SIZE; /* what every head has, with the longest phrase */
    for (size_t i = 0; i < reply->header_count; i++)
        need += strlen(reply->headers[i].name) + strlen(reply->headers[i].value) + 4;
    return need;
}

/* `length` is a line of its own, or "". Its end. */
static char *head_write(struct conn *conn, const struct reply *reply, const char *length,
                        char *at) {
    at += sprintf(at, "HTTP/1.%u %u ", conn->minor, reply->status);
    at = stpcpy(stpcpy(at, status_phrase(reply->status)), "\r\nDate: ");
    at = stpcpy(stpcpy(at, date_now(conn->guard)), "\r\n");
    if (!conn->keep)
        at = stpcpy(at, "Connection: close\r\n");
    for (size_t i = 0; i < reply->header_count; i++) {
        if (!header_fits(reply->headers[i].value))
            continue;
        at = stpcpy(stpcpy(at, reply->headers[i].name), ": ");
        at = stpcpy(stpcpy(at, reply->headers[i].value), "\r\n");
    }
    return stpcpy(stpcpy(at, length), "\r\n");
}

/* Head and pieces in one go. */
static void put_reply(struct conn *conn, const struct reply *reply, const char *length, bool bare) {
    char room[HEAD_ROOM];
    size_t need = head_size(reply);
    char *head = need <= sizeof(room) ? room : malloc(need);
    struct iovec pieces[1 + REPLY_PIECES_MAX];
    size_t count = 1;
    if (head == NULL) {
        conn_break(conn);
        return;
    }
    size_t len = (size_t)(head_write(conn, reply, length, head) - head);
    pieces[0] = (struct iovec){head, len};
    for (size_t i = 0; i < reply->piece_count && !bare; i++)
        pieces[count++] = reply->pieces[i];
    conn_put_pieces(conn, pieces, count);
    explicit_bzero(head, len); /* a grant, a cookie */
    if (head != room)
        free(head);
}

/* RFC 9110 section 8.6: a 304 would have to say the length of what it does not send. */
static bool has_length(const struct reply *reply) {
    return reply->status != 204 && reply->status != 304;
}

static bool keeps(const struct conn *conn) {
    return conn->keep && conn->surplus == 0 && !conn->guard->shut;
}

/* Whether a reply may begin. Before a request is whole it is a refusal, and the last. */
static bool may_reply(struct conn *conn) {
    if (conn->ended || conn->streaming)
        return false;
    if (conn->phase == CONN_ANSWERING) {
        conn->keep = keeps(conn);
        return true;
    }
    if (conn->phase != CONN_HEAD && conn->phase != CONN_BODY)
        return false;
    conn->keep = false;
    conn->phase = CONN_REFUSING;
    conn_drop_input(conn);
    conn_timer(conn, REFUSE_MS);
    return true;
}

void conn_reply(struct conn *conn, const struct reply *reply, bool head_only) {
    char length[48] = "";
    size_t len = 0;
    if (!may_reply(conn))
        return;
    for (size_t i = 0; i < reply->piece_count; i++)
        len += reply->pieces[i].iov_len;
    if (has_length(reply))
        (void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n", len);
    put_reply(conn, reply, length, head_only || !has_length(reply));
    conn_end(conn);
}

/* ---- streams ---- */

void conn_stream_start(struct conn *conn, const struct reply *reply) {
    if (conn->phase != CONN_ANSWERING || !may_reply(conn))
        return;
    conn->chunked = conn->minor > 0;
    conn->keep = conn->keep && conn->chunked;
    put_reply(conn, reply, conn->chunked ? "Transfer-Encoding: chunked\r\n" : "", true);
    conn->streaming = true;
}

void conn_stream_send(struct conn *conn, struct evbuffer *data) {
    size_t len = evbuffer_get_length(data);
    if (!conn->streaming || conn->broken || len == 0)
        return;
    if (conn->out == NULL)
        conn->out = evbuffer_new();
    bool fits = conn->out != NULL &&
                (!conn->chunked || evbuffer_add_printf(conn->out, "%zx\r\n", len) >= 0) &&
                evbuffer_add_buffer(conn->out, data) == 0 &&
                (!conn->chunked || evbuffer_add(conn->out, "\r\n", 2) == 0);
    conn_count(conn);
    if (!fits)
        conn_break(conn);
    else if (!event_pending(conn->writable, EV_WRITE, NULL))
        event_active(conn->writable, EV_WRITE, 0); /* what comes in one go leaves in one go */
}

void conn_stream_end(struct conn *conn) {
    static const char last[] = "0\r\n\r\n";
    if (!conn->streaming)
        return;
    if (conn->chunked)
        conn_put(conn, last, sizeof(last) - 1);
    conn_end(conn);
}
