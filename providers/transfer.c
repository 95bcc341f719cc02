/* One request in libcurl's hands: what it is told, what it tells. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "providers/http_internal.h"

static int callback_fail(struct http_transfer *t, int error, const char *why) {
    if (t->error == 0) {
        t->error = error;
        t->why = why;
    }
    return 0; /* fewer bytes than were offered: libcurl gives up */
}

/* A new head: after an interim answer (100, 103) what came before does not count. */
static void head_begins(struct http_transfer *t, const char *line, size_t len) {
    const char *blank = memchr(line, ' ', len);
    text_wipe(&t->headers);
    t->status = 0;
    if (blank != NULL && line + len - blank >= 4)
        for (int i = 1; i <= 3 && blank[i] >= '0' && blank[i] <= '9'; i++)
            t->status = t->status * 10 + (blank[i] - '0');
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx) {
    struct http_transfer *t = ctx;
    size_t len = size * n, text = len;
    t->activity = clock_ms();
    t->answered = true;
    t->headers_seen += len;
    if (t->headers_seen > HEADERS_MAX)
        return (size_t)callback_fail(t, -EFBIG, "the head of the answer is too long");
    while (text > 0 && strchr("\r\n \t", line[text - 1]) != NULL && line[text - 1] != '\0')
        text--;
    if (t->in_body || text == 0)
        return len; /* trailers are not headers */
    if (text >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        head_begins(t, line, text);
        return len;
    }
    int r = memchr(line, '\0', text) != NULL ? -EPROTO : text_add(&t->headers, line, text);
    if (r == 0)
        r = text_add(&t->headers, "", 1);
    return r == 0 ? len : (size_t)callback_fail(t, r, "the head of the answer is malformed");
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx) {
    struct http_transfer *t = ctx;
    size_t len = size * n;
    t->activity = clock_ms();
    t->in_body = true;
    t->body_seen += len;
    if (t->body_seen > t->max_body)
        return (size_t)callback_fail(t, -EFBIG, "the answer is too long");
    t->http->news++;
    if (t->on_body != NULL && t->status >= 200 && t->status <= 299) {
        int r = t->on_body(t->ctx, data, len);
        return r == 0 ? len : (size_t)callback_fail(t, r, "the answer was not wanted any further");
    }
    int r = text_add(&t->body, data, len);
    return r == 0 ? len : (size_t)callback_fail(t, r, "out of memory");
}

static int set_method(struct http_transfer *t) {
    CURL *e = t->easy;
    CURLcode r = CURLE_OK;
    if (strcmp(t->method, "HEAD") == 0) {
        r = curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else {
        if (t->body_out.bytes != NULL) {
            r |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->body_out.bytes);
            r |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_out.len);
        }
        r |= curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t->method);
    }
    return r == CURLE_OK ? 0 : -ENOMEM;
}

static int set_options(struct http_transfer *t, const char *local_url) {
    CURL *e = t->easy;
    CURLcode r = curl_easy_setopt(e, CURLOPT_URL, local_url);
    r |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http");
    r |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    r |= curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    r |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    r |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    r |= curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    r |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    r |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers_out);
    r |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    r |= curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    r |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    r |= curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    r |= curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, conn_curl_open);
    r |= curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t->conn);
    r |= curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, conn_curl_closed);
    r |= curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, t->conn);
    r |= curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    return r == CURLE_OK ? set_method(t) : -ENOMEM;
}

int transfer_run(struct http_transfer *t) {
    size_t cap = t->url.path_len + 40;
    char *local = malloc(cap);
    if (local == NULL)
        return -ENOMEM;
    const char *slash = t->url.path == NULL || t->url.path[0] != '/' ? "/" : "";
    (void)snprintf(local, cap, "http://127.0.0.1:%u%s%.*s", (unsigned)t->conn->number, slash,
                   (int)t->url.path_len, t->url.path == NULL ? "" : t->url.path);
    t->easy = curl_easy_init();
    int r = t->easy == NULL ? -ENOMEM : set_options(t, local);
    explicit_bzero(local, cap);
    free(local);
    if (r < 0)
        return r;
    t->conn_sent_before = conn_sent(t->conn);
    t->sent_seen = 0;
    t->activity = clock_ms();
    t->state = TRANSFER_RUNNING;
    return curl_multi_add_handle(t->http->multi, t->easy) == CURLM_OK ? 0 : -ENOMEM;
}

void transfer_note_sent(struct http_transfer *t) {
    uint64_t sent;
    if (t->state != TRANSFER_RUNNING || t->conn == NULL)
        return;
    if (t->conn->tls_scheme) {
        sent = conn_sent(t->conn) - t->conn_sent_before;
    } else {
        long head = 0;
        curl_off_t body = 0;
        (void)curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &head);
        (void)curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &body);
        sent = (uint64_t)head + (uint64_t)body;
    }
    if (sent != t->sent_seen)
        t->activity = clock_ms();
    t->sent_seen = sent;
    if (sent > 0)
        t->sent = true;
}

/* Without a length only an orderly end tells a whole body from a cut one, or the body itself. */
static bool body_was_framed(const struct http_transfer *t) {
    const char *coding = http_header(t, "Transfer-Encoding");
    return http_header(t, "Content-Length") != NULL ||
           (coding != NULL && strcasecmp(coding, "chunked") == 0) || t->status == 204 ||
           t->status == 304 || strcmp(t->method, "HEAD") == 0;
}

static bool body_says_whole(const struct http_transfer *t) {
    return t->whole != NULL && t->body.len > 0 && t->whole(t->body.bytes, t->body.len);
}

static void release(struct http_transfer *t) {
    if (t->easy != NULL) {
        (void)curl_multi_remove_handle(t->http->multi, t->easy);
        curl_easy_cleanup(take_ptr(t->easy));
    }
    if (t->conn != NULL)
        t->conn->user = NULL;
    t->conn = NULL;
}

void transfer_end(struct http_transfer *t, int error, const char *why) {
    if (t->state == TRANSFER_DONE)
        return;
    t->http->news++;
    transfer_note_sent(t);
    struct conn *conn = t->conn;
    enum transfer_state was = t->state;
    release(t);
    if (conn != NULL && error != 0 && was == TRANSFER_RUNNING)
        conn_kill(conn, -ECONNRESET, "the connection broke");
    t->state = TRANSFER_DONE;
    t->error = error;
    t->why = why;
}

static int verdict(struct http_transfer *t, CURLcode code, const char **why) {
    const char *stream_why = NULL;
    int stream = conn_stream_error(t->conn, &stream_why);
    bool orderly = conn_orderly(t->conn);
    if (t->error != 0) {
        *why = t->why;
        return t->error;
    }
    if (code == CURLE_OK && !orderly && !body_was_framed(t) && !body_says_whole(t)) {
        *why = "the connection broke before the answer was complete";
        return -ECONNRESET;
    }
    if (code == CURLE_OK)
        return 0;
    if (code == CURLE_OUT_OF_MEMORY) {
        *why = "out of memory";
        return -ENOMEM;
    }
    if (code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
        code == CURLE_HTTP2 || code == CURLE_BAD_CONTENT_ENCODING ||
        (code == CURLE_RECV_ERROR && t->answered && t->conn->had_not_ended)) {
        *why = "the answer is not HTTP";
        return -EPROTO;
    }
    *why = stream != 0   ? stream_why
           : t->answered ? "the connection broke before the answer was complete"
                         : "the server closed the connection without an answer";
    return stream != 0 && stream != -EPROTO ? stream : -ECONNRESET;
}

/* A connection that was kept or prepared may have been closed by the server meanwhile. */
static bool may_retry(const struct http_transfer *t, int error) {
    bool harmless = strcmp(t->method, "GET") == 0 || strcmp(t->method, "HEAD") == 0;
    return error == -ECONNRESET && !t->retried && !t->answered && (harmless || !t->sent);
}

void transfer_curl_done(struct http_transfer *t, CURLcode code) {
    const char *why = NULL;
    transfer_note_sent(t);
    int error = verdict(t, code, &why);
    if (!may_retry(t, error)) {
        transfer_end(t, error, why);
        return;
    }
    struct conn *conn = t->conn;
    release(t);
    conn_kill(conn, error, why);
    t->retried = true;
    t->state = TRANSFER_WAITING;
    t->started = clock_ms();
}
