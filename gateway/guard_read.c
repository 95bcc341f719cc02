/* What comes in: nothing of a request is handed up before all of it is there. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "gateway/guard_conn.h"

#define SURPLUS_MAX (256u << 10) /* read away per connection before it is dropped */

static const struct strict_fault fault_large = {413, "payload_too_large",
                                                "The request body may have at most 65536 bytes."};

static bool has_word(struct slice list, const char *word) {
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= list.len; i++)
        if (strncasecmp(list.at + i, word, len) == 0)
            return true;
    return false;
}

/* RFC 9112 section 9.3: HTTP/1.1, and nobody says "close". */
static bool may_keep(const struct conn *conn, const struct strict_head *head) {
    const struct gateway_limits *limits = conn->guard->limits;
    if (limits->keep_ms == 0 || head->minor == 0 || conn->served + 1 >= limits->keep_requests)
        return false;
    for (size_t i = 0; i < head->header_count; i++)
        if (slice_is_nocase(head->headers[i].name, "connection") &&
            has_word(head->headers[i].value, "close"))
            return false;
    return true;
}

/* Whether a look at the head may tell something new: it has ended, is over the limit, or has
 * doubled since the last look (so that slow drips cost no quadratic work). */
static bool head_worth_a_look(struct conn *conn, const uint8_t *data, size_t len) {
    size_t back = conn->scanned > 3 ? conn->scanned - 3 : 0;
    bool ends = memmem(data + back, len - back, "\r\n\r\n", 4) != NULL;
    conn->scanned = len;
    if (!ends && len < conn->next_check && len <= STRICT_HEAD_MAX)
        return false;
    conn->next_check = len * 2;
    return true;
}

/* The head is good: is its owner content, and how much has to come? */
static void take_head(struct conn *conn, const struct strict_head *head, size_t len) {
    struct guard *guard = conn->guard;
    conn->minor = head->minor;
    if (head->content_length > guard->limits->body) {
        conn_fault(conn, &fault_large);
        return;
    }
    conn->head_len = head->head_len;
    conn->need = head->head_len + (size_t)head->content_length;
    conn->keep = may_keep(conn, head);
    if (!guard->ops->head(guard->ctx, conn, head))
        return;
    conn->phase = CONN_BODY;
    if (len >= conn->need)
        return;
    uint64_t used = clock_ms() - conn->accepted, all = guard->limits->request_ms;
    conn_timer(conn, used < all ? all - used : 1);
    if (head->expect_continue && head->content_length > 0) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        conn_put(conn, go_on, sizeof(go_on) - 1);
    }
}

static void look_at_head(struct conn *conn, const uint8_t *data, size_t len) {
    struct strict_head head;
    const struct strict_fault *fault = NULL;
    if (!head_worth_a_look(conn, data, len))
        return;
    switch (strict_parse((const char *)data, len, &head, &fault)) {
    case STRICT_MORE:
        break;
    case STRICT_BAD:
        conn_fault(conn, fault);
        break;
    case STRICT_OK:
        take_head(conn, &head, len);
        break;
    }
}

void conn_drop_input(struct conn *conn) {
    if (conn->in != NULL)
        explicit_bzero(conn->in, conn->in_len);
    free(conn->in);
    conn->in = NULL;
    conn->in_len = conn->in_cap = 0;
}

static int keep_input(struct conn *conn, const uint8_t *data, size_t len) {
    if (conn->in_len + len > conn->in_cap) {
        size_t cap = (conn->in_len + len) * 2;
        if (conn->phase == CONN_BODY && cap < conn->need)
            cap = conn->need;
        uint8_t *more = malloc(cap);
        if (more == NULL)
            return -ENOMEM;
        size_t had = conn->in_len;
        if (had > 0)
            memcpy(more, conn->in, had);
        conn_drop_input(conn);
        conn->in = more;
        conn->in_len = had;
        conn->in_cap = cap;
    }
    memcpy(conn->in + conn->in_len, data, len);
    conn->in_len += len;
    return 0;
}

/* A whole request. What was sent ahead behind it is thrown away with it. */
static void hand_up(struct conn *conn, const uint8_t *data, size_t len) {
    struct guard *guard = conn->guard;
    if (len > conn->need) {
        conn->keep = false;
        conn->surplus = len - conn->need;
    }
    conn_untimed(conn);
    conn->phase = CONN_ANSWERING;
    guard->ops->request(guard->ctx, conn, data + conn->head_len, conn->need - conn->head_len);
}

/* What came before and what came now, as far as there is a request in it. The conn may be gone
 * afterwards: then, or once it is whole, nobody needs its bytes. False: it needs them. */
static bool judge(struct conn *conn, const uint8_t *data, size_t len) {
    struct guard *guard = conn->guard;
    guard->reading = conn;
    if (conn->phase == CONN_HEAD)
        look_at_head(conn, data, len);
    if (guard->reading == conn && conn->phase == CONN_BODY && len >= conn->need)
        hand_up(conn, data, len);
    bool here = guard->reading == conn;
    guard->reading = NULL;
    if (here && (conn->phase == CONN_HEAD || conn->phase == CONN_BODY))
        return false;
    if (here && conn->broken)
        conn_free(conn);
    else if (here && conn->ended && conn_waiting(conn) == 0)
        conn_settle(conn);
    return true;
}

/* `fresh` bytes lie in the guard's own room. */
static void take_request_bytes(struct conn *conn, size_t fresh) {
    struct guard *guard = conn->guard;
    if (conn->idle) { /* its time begins with its first byte */
        conn->idle = false;
        conn->accepted = clock_ms();
        conn_timer(conn, guard->limits->head_ms);
    }
    bool first = conn->in == NULL;
    if (first && judge(conn, guard->input, fresh))
        return;
    if (keep_input(conn, guard->input, fresh) < 0) {
        conn_free(conn);
        return;
    }
    if (first)
        return;
    /* Its own while it is looked at: the conn may end in there. */
    uint8_t *whole = conn->in;
    size_t len = conn->in_len, cap = conn->in_cap;
    conn->in = NULL;
    conn->in_len = conn->in_cap = 0;
    if (judge(conn, whole, len)) {
        explicit_bzero(whole, len);
        free(whole);
        return;
    }
    conn->in = whole;
    conn->in_len = len;
    conn->in_cap = cap;
}

/* Nobody sends any more. A client that shut down its sending half may still read a refusal. */
static void take_end(struct conn *conn) {
    if (conn->phase == CONN_REFUSING)
        (void)event_del(conn->readable);
    else
        conn_free(conn);
}

void conn_on_readable(evutil_socket_t fd, short what, void *ctx) {
    struct conn *conn = ctx;
    struct guard *guard = conn->guard;
    (void)what;
    ssize_t n = recv(fd, guard->input, guard->room - conn->in_len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n < 0) {
        conn_free(conn);
        return;
    }
    if (n == 0) {
        take_end(conn);
        return;
    }
    switch (conn->phase) {
    case CONN_HEAD:
    case CONN_BODY:
        take_request_bytes(conn, (size_t)n);
        break;
    case CONN_ANSWERING: /* sent ahead */
        conn->surplus += (size_t)n;
        break;
    case CONN_REFUSING:
    case CONN_LINGERING:
        conn->surplus += (size_t)n;
        if (conn->surplus > SURPLUS_MAX)
            conn_free(conn);
        break;
    case CONN_GONE:
        break;
    }
    explicit_bzero(guard->input, (size_t)n);
}
