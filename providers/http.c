/* The loop: egress, TLS, libcurl and the caller's own descriptor in one poll. */
#include <ctype.h>
#include <errno.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "providers/connect_shim.h"
#include "providers/http_internal.h"

int http_new(int egress_fd, struct http **ret) {
    if (!connect_shim_active())
        return -ENOSYS;
    /* A fork made with clone3, in a process-id namespace of its own, may look to OpenSSL like the
     * process it came from: seed anew whatever it thinks. */
    if (RAND_poll() != 1 || curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
        return -ENOMEM;
    struct http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return -ENOMEM;
    http->watch_fd = -1;
    http->multi = curl_multi_init();
    int r = http->multi == NULL ? -ENOMEM : dialer_new(egress_fd, &http->dialer);
    if (r < 0) {
        http_free(http);
        return r;
    }
    (void)curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 4L * CONNS_MAX);
    *ret = http;
    return 0;
}

void http_free(struct http *http) {
    if (http == NULL)
        return;
    while (http->transfers != NULL)
        http_finish(http->transfers);
    for (struct conn *conn = http->conns; conn != NULL; conn = conn->next)
        conn_kill(conn, -ECANCELED, "the turn is over");
    if (http->multi != NULL)
        (void)curl_multi_cleanup(http->multi); /* closes what it kept, through conn_curl_closed */
    conns_reap(http);
    dialer_free(http->dialer);
    free(http);
    curl_global_cleanup();
}

void http_watch(struct http *http, int fd, int (*ready)(void *ctx), void *ctx) {
    http->watch_fd = fd;
    http->watch_ready = ready;
    http->watch_ctx = ctx;
}

void http_prepare(struct http *http, const char *url_text, const struct http_trust *trust) {
    struct url url;
    int ignored;
    if (url_parse(url_text, &url) < 0 || (url.tls && trust == NULL) ||
        conn_find(http, &url, trust) != NULL || !conns_have_room(http))
        return;
    (void)conn_new(http, &url, trust, &ignored);
}

/* ---- starting a transfer ---- */

static bool token_valid(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && strchr("!#$%&'*+-.^_`|~", text[i]) == NULL)
            return false;
    return len > 0;
}

/* Nothing that could end the line and begin another. */
static bool header_valid(const char *line) {
    const char *colon = strchr(line, ':');
    if (colon == NULL || !token_valid(line, (size_t)(colon - line)) || colon[1] == '\0' ||
        strncasecmp(line, "Host:", 5) == 0)
        return false;
    for (const char *c = colon; *c != '\0'; c++)
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return false;
    return true;
}

static int header_put(struct http_transfer *t, const char *line) {
    struct curl_slist *longer = curl_slist_append(t->headers_out, line);
    if (longer == NULL)
        return -ENOMEM;
    t->headers_out = longer;
    return 0;
}

static int put_headers(struct http_transfer *t, const struct http_request *request) {
    char host[URL_HOST_MAX + 24];
    bool v6 = strchr(t->url.host, ':') != NULL, has_type = false;
    int n = snprintf(host, sizeof(host), "Host: %s%s%s", v6 ? "[" : "", t->url.host, v6 ? "]" : "");
    if (t->url.port != (t->url.tls ? 443 : 80))
        (void)snprintf(host + n, sizeof(host) - (size_t)n, ":%u", (unsigned)t->url.port);
    int r = header_put(t, host);
    if (r == 0)
        r = header_put(t, "Expect:"); /* no waiting for "100 Continue" */
    for (const char *const *line = request->headers; r == 0 && line != NULL && *line != NULL;
         line++) {
        has_type = has_type || strncasecmp(*line, "Content-Type:", 13) == 0;
        r = header_valid(*line) ? header_put(t, *line) : -EINVAL;
    }
    if (r == 0 && request->body != NULL && !has_type)
        r = header_put(t, "Content-Type:"); /* libcurl would claim a form */
    return r;
}

static int transfer_fill(struct http_transfer *t, const struct http_request *request) {
    if (!token_valid(request->method, strlen(request->method)) ||
        strlen(request->method) >= sizeof(t->method))
        return -EINVAL;
    strcpy(t->method, request->method);
    t->url_text = strdup(request->url);
    if (t->url_text == NULL)
        return -ENOMEM;
    int r = url_parse(t->url_text, &t->url);
    if (r == 0 && t->url.tls && request->trust == NULL)
        r = -EINVAL;
    if (r == 0)
        r = put_headers(t, request);
    if (r == 0 && request->body != NULL)
        r = text_add(&t->body_out, request->body, request->body_len);
    return r;
}

int http_start(struct http *http, const struct http_request *request, struct http_transfer **ret) {
    struct http_transfer *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    t->http = http;
    t->next = http->transfers;
    http->transfers = t;
    t->trust = request->trust;
    t->max_body = request->max_body > 0 ? request->max_body : BODY_DEFAULT;
    t->connect_ms = request->connect_ms > 0 ? request->connect_ms : CONNECT_DEFAULT;
    t->idle_ms = request->idle_ms > 0 ? request->idle_ms : IDLE_DEFAULT;
    t->on_body = request->on_body;
    t->ctx = request->ctx;
    t->started = clock_ms();
    t->limit = request->deadline;
    if (request->total_ms > 0 && (t->limit == 0 || t->started + request->total_ms < t->limit))
        t->limit = t->started + request->total_ms;
    int r = transfer_fill(t, request);
    if (r < 0) {
        http_finish(t);
        return r;
    }
    *ret = t;
    return 0;
}

void http_finish(struct http_transfer *t) {
    if (t == NULL)
        return;
    transfer_end(t, -ECANCELED, "given up");
    for (struct http_transfer **at = &t->http->transfers; *at != NULL; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    if (t->url_text != NULL)
        explicit_bzero(t->url_text, strlen(t->url_text));
    free(t->url_text);
    slist_wipe(t->headers_out);
    text_wipe(&t->body_out);
    text_wipe(&t->headers);
    text_wipe(&t->body);
    free(t);
}

/* ---- the loop ---- */

/* Gives a waiting transfer a connection; without room it waits for one to be free. */
static void transfer_assign(struct http_transfer *t) {
    struct conn *conn = t->retried ? NULL : conn_find(t->http, &t->url, t->trust);
    if (conn == NULL) {
        int error;
        if (!conns_have_room(t->http))
            return;
        conn = conn_new(t->http, &t->url, t->trust, &error);
        if (conn == NULL) {
            transfer_end(t, error, error == -EPIPE ? "egress is not there" : "out of memory");
            return;
        }
        t->started = clock_ms();
    }
    conn->user = t;
    t->conn = conn;
}

/* A connection that died before the request: perhaps it had stood ready for too long. */
static void transfer_lost_conn(struct http_transfer *t) {
    struct conn *conn = t->conn;
    conn->user = NULL;
    t->conn = NULL;
    if (conn->error == -ECONNRESET && !t->retried) {
        t->retried = true;
        return;
    }
    transfer_end(t, conn->error, conn->why);
}

static void transfer_step(struct http_transfer *t) {
    if (t->state != TRANSFER_WAITING)
        return;
    if (t->conn != NULL && t->conn->state == CONN_DEAD)
        transfer_lost_conn(t);
    if (t->state == TRANSFER_WAITING && t->conn == NULL)
        transfer_assign(t);
    if (t->state == TRANSFER_WAITING && t->conn != NULL && t->conn->state == CONN_READY) {
        int r = transfer_run(t);
        if (r < 0)
            transfer_end(t, r, "out of memory");
    }
}

static void take_verdicts(struct http *http) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(http->multi, &left)) != NULL;) {
        struct http_transfer *t = NULL;
        CURLcode code = m->data.result;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        if (t != NULL)
            transfer_curl_done(t, code);
    }
}

/* When the transfer runs out of time, and what to say then. */
static uint64_t transfer_limit(const struct http_transfer *t, const char **why) {
    uint64_t limit = UINT64_MAX;
    if (t->state == TRANSFER_WAITING && t->conn != NULL) {
        limit = t->started + t->connect_ms;
        *why = "no connection to the server within the time allowed";
    } else if (t->state == TRANSFER_RUNNING) {
        limit = t->activity + t->idle_ms;
        *why = "the server fell silent";
    }
    if (t->limit != 0 && t->limit < limit) {
        limit = t->limit;
        *why = "the answer took longer than the time allowed";
    }
    return limit;
}

/* Ends what is out of time; returns ms until the next limit. */
static int check_time(struct http *http, int timeout_ms) {
    uint64_t now = clock_ms(), next = now + (uint64_t)timeout_ms;
    for (struct http_transfer *t = http->transfers; t != NULL; t = t->next) {
        const char *why = "";
        if (t->state == TRANSFER_DONE)
            continue;
        uint64_t limit = transfer_limit(t, &why);
        if (limit <= now)
            transfer_end(t, -ETIMEDOUT, why);
        else if (limit < next)
            next = limit;
    }
    return (int)(next - now);
}

static void progress(struct http *http) {
    int running;
    dialer_process(http->dialer);
    for (struct conn *conn = http->conns; conn != NULL; conn = conn->next)
        conn_step(conn);
    for (struct http_transfer *t = http->transfers; t != NULL; t = t->next)
        transfer_step(t);
    (void)curl_multi_perform(http->multi, &running);
    for (struct conn *conn = http->conns; conn != NULL; conn = conn->next)
        conn_step(conn); /* what libcurl just wrote leaves at once */
    for (struct http_transfer *t = http->transfers; t != NULL; t = t->next)
        transfer_note_sent(t);
    take_verdicts(http);
    for (struct http_transfer *t = http->transfers; t != NULL; t = t->next)
        transfer_step(t); /* a retry, or one that waited for room */
    conns_reap(http);
}

static void add_poll(struct curl_waitfd *set, unsigned *n, int fd, short events) {
    if (fd < 0 || events == 0)
        return;
    short want = (short)((events & POLLIN ? CURL_WAIT_POLLIN : 0) |
                         (events & POLLOUT ? CURL_WAIT_POLLOUT : 0));
    set[(*n)++] = (struct curl_waitfd){.fd = fd, .events = want};
}

static int wait_for_something(struct http *http, int timeout_ms) {
    struct curl_waitfd set[2 + 2 * CONNS_MAX + 2];
    unsigned n = 0;
    add_poll(set, &n, http->watch_fd, POLLIN);
    bool watching = n > 0;
    add_poll(set, &n, dialer_poll_fd(http->dialer), POLLIN);
    for (struct conn *conn = http->conns; conn != NULL && n + 2 <= COUNT_OF(set);
         conn = conn->next) {
        if (conn->tls == NULL || (conn->state != CONN_HANDSHAKE && !conn->curl_owns))
            continue;
        struct tls_interest want = tls_interest(conn->tls);
        add_poll(set, &n, want.net_fd, want.net);
        add_poll(set, &n, want.local_fd, want.local);
    }
    (void)curl_multi_poll(http->multi, set, n, timeout_ms, NULL);
    if (!watching || set[0].revents == 0)
        return 0;
    return http->watch_ready(http->watch_ctx);
}

int http_step(struct http *http, int timeout_ms) {
    progress(http);
    int r = wait_for_something(http, check_time(http, timeout_ms));
    progress(http);
    return r < 0 ? r : 0;
}

int http_wait(struct http *http, struct http_transfer *transfer) {
    for (;;) {
        progress(http);
        int timeout_ms = check_time(http, 60000);
        if (transfer->state == TRANSFER_DONE)
            return transfer->error;
        int r = wait_for_something(http, timeout_ms);
        if (r < 0)
            return r;
    }
}

/* ---- what came ---- */

bool http_done(const struct http_transfer *t) {
    return t->state == TRANSFER_DONE;
}

bool http_sent(const struct http_transfer *t) {
    return t->sent;
}

int http_status(const struct http_transfer *t) {
    return t->status;
}

const char *http_body(const struct http_transfer *t, size_t *ret_len) {
    if (ret_len != NULL)
        *ret_len = t->body.len;
    return t->body.bytes != NULL ? t->body.bytes : "";
}

const char *http_header(const struct http_transfer *t, const char *name) {
    size_t name_len = strlen(name);
    const char *end = t->headers.bytes + t->headers.len;
    for (const char *line = t->headers.bytes; line != NULL && line < end;
         line += strlen(line) + 1) {
        if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
            continue;
        const char *value = line + name_len + 1;
        return value + strspn(value, " \t");
    }
    return NULL;
}

const char *http_why(const struct http_transfer *t) {
    return t->why != NULL ? t->why : "";
}
