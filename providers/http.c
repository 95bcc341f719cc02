/* The loop: egress, TLS, libcurl and the caller's own descriptor in one poll. */
#include <errno.h>
#include <openssl/rand.h>
#include <poll.h>
#include <string.h>

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
    explicit_bzero(&http->made, sizeof(http->made));
    free(http);
    curl_global_cleanup();
}

void http_resume(struct http *http, const struct resume *resume) {
    http->resume = resume;
}

bool http_sessions(struct http *http, struct resume *ret) {
    bool any = false;
    for (struct conn *conn = http->conns; conn != NULL; conn = conn->next)
        conn_keep_session(conn);
    *ret = http->made;
    explicit_bzero(&http->made, sizeof(http->made));
    for (size_t i = 0; i < RESUME_HOSTS; i++)
        any = any || ret->sessions[i].len > 0;
    return any;
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
    http->stirred = true;
    (void)conn_new(http, &url, trust, &ignored);
}

void http_prepare_later(struct http *http, const char *url, const struct http_trust *trust) {
    http->later_url = url;
    http->later_trust = trust;
}

/* ---- the loop ---- */

/* Some request is on its way, and none still has bytes to send. */
static bool all_sent(const struct http *http) {
    bool any = false;
    for (const struct http_transfer *t = http->transfers; t != NULL; t = t->next) {
        if (t->state != TRANSFER_DONE && !http_sent(t))
            return false;
        any = any || http_sent(t);
    }
    return any;
}

static void prepare_if_due(struct http *http) {
    const char *url = http->later_url;
    if (url == NULL || !all_sent(http))
        return;
    http->later_url = NULL;
    http_prepare(http, url, http->later_trust);
}

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
    http->stirred = false;
    dialer_process(http->dialer);
    for (struct conn *conn = http->conns; conn != NULL; conn = conn->next)
        conn_step(conn);
    for (struct http_transfer *t = http->transfers; t != NULL; t = t->next)
        transfer_step(t);
    (void)curl_multi_perform(http->multi, &running);
    for (struct conn *conn = http->conns; conn != NULL; conn = conn->next) {
        if (conn->tls != NULL && conn->user != NULL)
            tls_ready(conn->tls, false, true);
        conn_step(conn); /* what libcurl just wrote leaves at once */
    }
    for (struct http_transfer *t = http->transfers; t != NULL; t = t->next)
        transfer_note_sent(t);
    take_verdicts(http);
    for (struct http_transfer *t = http->transfers; t != NULL; t = t->next)
        transfer_step(t); /* a retry, or one that waited for room */
    prepare_if_due(http);
    conns_reap(http);
}

struct waiting {
    struct curl_waitfd set[2 + 2 * CONNS_MAX + 2];
    struct conn *conns[2 + 2 * CONNS_MAX + 2]; /* whose TLS it is; NULL: nobody's */
    bool local[2 + 2 * CONNS_MAX + 2];
    unsigned n;
};

static void add_poll(struct waiting *w, int fd, short events, struct conn *conn, bool local) {
    if (fd < 0 || events == 0)
        return;
    short want = (short)((events & POLLIN ? CURL_WAIT_POLLIN : 0) |
                         (events & POLLOUT ? CURL_WAIT_POLLOUT : 0));
    w->set[w->n] = (struct curl_waitfd){.fd = fd, .events = want};
    w->conns[w->n] = conn;
    w->local[w->n++] = local;
}

/* True when some connection need not wait at all. */
static bool add_conns(struct waiting *w, struct http *http) {
    bool busy = false;
    for (struct conn *conn = http->conns; conn != NULL && w->n + 2 <= COUNT_OF(w->set);
         conn = conn->next) {
        if (conn->tls == NULL || (conn->state != CONN_HANDSHAKE && !conn->curl_owns))
            continue;
        struct tls_interest want = tls_interest(conn->tls);
        add_poll(w, want.net_fd, want.net, conn, false);
        add_poll(w, want.local_fd, want.local, conn, true);
        busy = busy || tls_busy(conn->tls);
    }
    return busy;
}

/* libcurl hands on no error or hang-up of a descriptor that was to be written to: when none of
 * those that it names is a connection's, any may be. */
static void tell_conns(const struct waiting *w, int ready) {
    bool told = false;
    for (unsigned i = 0; i < w->n; i++) {
        if (w->set[i].revents == 0)
            continue;
        told = true;
        if (w->conns[i] != NULL)
            tls_ready(w->conns[i]->tls, !w->local[i], w->local[i]);
    }
    for (unsigned i = 0; ready > 0 && !told && i < w->n; i++)
        if (w->conns[i] != NULL)
            tls_ready(w->conns[i]->tls, !w->local[i], w->local[i]);
}

static int wait_for_something(struct http *http, int timeout_ms) {
    struct waiting w = {.n = 0};
    int ready = 0;
    add_poll(&w, http->watch_fd, POLLIN, NULL, false);
    bool watching = w.n > 0;
    add_poll(&w, dialer_poll_fd(http->dialer), POLLIN, NULL, false);
    bool busy = add_conns(&w, http);
    (void)curl_multi_poll(http->multi, w.set, w.n, busy ? 0 : timeout_ms, &ready);
    tell_conns(&w, ready);
    if (!watching || w.set[0].revents == 0)
        return 0;
    return http->watch_ready(http->watch_ctx);
}

int http_step(struct http *http, int timeout_ms) {
    uint64_t news = http->news;
    if (http->stirred)
        progress(http);
    /* What the caller waits for may just have happened: then nothing else may ever wake the poll.
     */
    int r = wait_for_something(http, http->news != news ? 0 : check_time(http, timeout_ms));
    progress(http);
    return r < 0 ? r : 0;
}

int http_wait(struct http *http, struct http_transfer *transfer) {
    for (;;) {
        if (transfer->state != TRANSFER_DONE)
            progress(http);
        int timeout_ms = check_time(http, 60000);
        if (transfer->state == TRANSFER_DONE)
            return transfer->error;
        int r = wait_for_something(http, timeout_ms);
        if (r < 0)
            return r;
    }
}
