/* HTTP/1.1 requests of one turn over descriptors that egress connected: libcurl for HTTP, OpenSSL
 * for TLS, a broker for the network. One `struct http` per turn, single-threaded; all transfers of
 * a turn progress together whenever one of them is waited for.
 *
 * TLS is kept apart from libcurl (tls.h) so that a handshake can run before there is a request to
 * send: the calendar's runs while the model thinks. No redirects, no proxy, no cookies, no
 * environment. */
#ifndef CLOISTER_PROVIDERS_HTTP_H
#define CLOISTER_PROVIDERS_HTTP_H

#include "ipc/base.h"

struct http_trust; /* parsed CA certificates: one SSL_CTX, made before fork, shared by all turns */
/* Parses `ca_file` (empty: the system's bundle). 0 or -errno; `why` gets a sentence. */
int http_trust_new(const char *ca_file, struct http_trust **ret, char *why,
                   size_t why_len) MUST_CHECK;
void http_trust_free(struct http_trust *trust);

struct http;
struct resume;
/* Takes no ownership of `egress_fd`. */
int http_new(int egress_fd, struct http **ret) MUST_CHECK;
/* Ends all transfers, closes all connections, wipes buffers. */
void http_free(struct http *http);

/* What earlier turns left to be resumed; NULL: nothing. It must outlive `http`. */
void http_resume(struct http *http, const struct resume *resume);
/* What this turn leaves: sessions of whole handshakes, those of `ret` that are not empty. True when
 * there is any. */
bool http_sessions(struct http *http, struct resume *ret);

/* While waiting, also watch `fd`; `ready` runs when it is readable and returns 0, or a -errno that
 * ends the wait (a cancelled turn: -ECANCELED). One watcher. */
void http_watch(struct http *http, int fd, int (*ready)(void *ctx), void *ctx);

/* Dials and shakes hands with the URL's host ahead of need; at most one idle connection per host is
 * prepared. Failures show in the request that would have used it. */
void http_prepare(struct http *http, const char *url, const struct http_trust *trust);
/* The same, begun as soon as a request has been sent: the shaking of hands then runs while its
 * answer is awaited, and never delays it. One host; the strings must live on until then. */
void http_prepare_later(struct http *http, const char *url, const struct http_trust *trust);

struct http_request {
    const char *method, *url; /* http:// URLs go in the clear (a local model); egress decides */
    const struct http_trust *trust;
    const char *const *headers; /* "Name: value", NULL-terminated; Host and lengths are added, a
                                   Content-Type is not */
    const void *body;           /* copied; NULL: none */
    size_t body_len;
    size_t max_body;     /* a longer answer fails with -EFBIG; 0: 1 MiB */
    uint32_t connect_ms; /* dial and handshake; 0: 10 s */
    uint32_t idle_ms;    /* longest silence; 0: 60 s */
    uint32_t total_ms;   /* 0: no limit but the deadline */
    uint64_t deadline;   /* clock_ms() */
    /* Streaming: called with body bytes of a 2xx answer as they come (not kept then). Non-zero
     * aborts the transfer with that value. NULL: the body is collected. */
    int (*on_body)(void *ctx, const char *data, size_t len);
    void *ctx;
    /* Whether a collected body is whole by what it says itself: asked when neither a length nor the
     * connection's end told. NULL: it is not. */
    bool (*whole)(const char *body, size_t len);
};

struct http_transfer;
/* 0, -EINVAL (address, method or header not well-formed; https without trust) or -ENOMEM. */
int http_start(struct http *http, const struct http_request *request,
               struct http_transfer **ret) MUST_CHECK;
/* Pumps until `transfer` is done. 0: a whole answer came (any status). -ETIMEDOUT, -ECONNREFUSED
 * (dial failed), -ECONNRESET (broken or truncated), -EKEYREJECTED (TLS: certificate or host not
 * trusted), -EACCES (egress refuses this host), -EPIPE (egress is gone), -EFBIG, -EPROTO (not HTTP,
 * not TLS), or what the watcher or on_body gave; after a watcher's error the transfer is still
 * there to be finished. A GET or HEAD, and whatever was not sent yet, is tried once more when a
 * connection turns out stale. */
int http_wait(struct http *http, struct http_transfer *transfer) MUST_CHECK;
/* Pumps once, up to `timeout_ms`; lets other transfers progress. 0, or the watcher's -errno. */
int http_step(struct http *http, int timeout_ms) MUST_CHECK;
bool http_done(const struct http_transfer *transfer);
/* True when request bytes may have reached the server (a write's outcome is then unknown on
 * failure). */
bool http_sent(const struct http_transfer *transfer);
int http_status(const struct http_transfer *transfer);
/* Body of a collected answer, NUL-terminated; of a non-2xx answer also when streaming. */
const char *http_body(const struct http_transfer *transfer, size_t *ret_len);
/* First header of that name (any case), or NULL. */
const char *http_header(const struct http_transfer *transfer, const char *name);
/* Sentence about a failed transfer, without contents: "TLS certificate is for another host". */
const char *http_why(const struct http_transfer *transfer);
/* Wipes and frees; ends the transfer when it is not done. */
void http_finish(struct http_transfer *transfer);

/* ---- server-sent events (WHATWG HTML 9.2), used on both model dialects ---- */
struct sse;
/* `event` is called for each event: its name ("" when none) and data, NUL-terminated, valid during
 * the call. Non-zero stops the parser with that value. An event over `max_event` bytes: -EFBIG. */
struct sse *sse_new(size_t max_event,
                    int (*event)(void *ctx, const char *name, const char *data, size_t len),
                    void *ctx);
int sse_feed(struct sse *sse, const char *data, size_t len) MUST_CHECK;
void sse_free(struct sse *sse);

#endif
