/* What http.c (the loop), transfer.c (libcurl) and conn.c (connections) share, and nobody else.
 *
 * A connection stands for one dialled descriptor, with TLS or without. libcurl never learns a real
 * host: each connection has a number, and requests go to http://127.0.0.1:NUMBER/path with the real
 * Host header. So libcurl resolves nothing, asks for a descriptor exactly once for each connection,
 * and which connection a request travels on is decided here alone: the same scheme, host, port and
 * trust. */
#ifndef CLOISTER_PROVIDERS_HTTP_INTERNAL_H
#define CLOISTER_PROVIDERS_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "providers/dial.h"
#include "providers/http.h"
#include "providers/resume.h"
#include "providers/tls.h"
#include "providers/url.h"

#define CONNS_MAX       8 /* at once; egress grants a turn as many */
#define HEADERS_MAX     65536
#define BODY_DEFAULT    (1u << 20)
#define CONNECT_DEFAULT 10000u
#define IDLE_DEFAULT    60000u

enum conn_state {
    CONN_DIALLING,  /* egress was asked */
    CONN_HANDSHAKE, /* connected, TLS under way */
    CONN_READY,     /* idle, or in use when `user` is set */
    CONN_DEAD,      /* to be freed by conns_reap once libcurl has let go */
};

struct conn {
    struct conn *next;
    struct http *http;
    enum conn_state state;
    int error; /* when dead: -errno and a fixed sentence */
    const char *why;
    bool tls_scheme;
    bool resuming; /* an earlier turn's session was offered */
    char host[URL_HOST_MAX + 1];
    uint16_t port, number;
    const struct http_trust *trust;
    uint64_t call; /* of the dial */
    uint64_t started;
    struct tls *tls;
    int curl_fd;    /* libcurl's end: of the pump, or the connection itself; -1 when closed */
    bool curl_owns; /* handed to libcurl, which closes it through conn_curl_closed */
    struct http_transfer *user;
    bool orderly;     /* of a TLS connection that is gone: the server had said close_notify */
    int stream_error; /* and what broke it, 0: nothing did */
    const char *stream_why;
    uint64_t sent_before_end;
    bool had_not_ended; /* when libcurl closed it */
};

struct http {
    CURLM *multi;
    struct dialer *dialer;
    struct conn *conns;
    struct http_transfer *transfers;
    uint16_t last_number;
    const struct resume *resume; /* from earlier turns; NULL: nothing */
    struct resume made;          /* for later ones */
    const char *later_url;       /* http_prepare_later; NULL: none, or begun */
    const struct http_trust *later_trust;
    bool stirred;  /* something was begun or ended since the last round: it wants one at once */
    uint64_t news; /* counts what callers wait for: bytes delivered, transfers ended */
    int watch_fd;
    int (*watch_ready)(void *ctx);
    void *watch_ctx;
};

struct text {
    char *bytes; /* NUL-terminated when not NULL */
    size_t len, cap;
};

enum transfer_state {
    TRANSFER_WAITING, /* for a connection */
    TRANSFER_RUNNING, /* in libcurl's hands */
    TRANSFER_DONE,
};

struct http_transfer {
    struct http_transfer *next;
    struct http *http;
    enum transfer_state state;
    int error;
    const char *why;
    char *url_text;
    struct url url;
    const struct http_trust *trust;
    char method[16];
    struct curl_slist *headers_out;
    struct text body_out;
    size_t max_body, body_seen, headers_seen;
    uint32_t connect_ms, idle_ms;
    uint64_t started, activity, limit; /* clock_ms(); limit: deadline or total, 0: none */
    int (*on_body)(void *ctx, const char *data, size_t len);
    void *ctx;
    bool (*whole)(const char *body, size_t len);
    struct conn *conn;
    uint64_t conn_sent_before; /* what the connection had sent before this request */
    uint64_t sent_seen;
    bool sent, retried;
    CURL *easy;
    int status;
    struct text headers, body; /* headers: lines "Name: value", each followed by NUL */
    bool in_body, answered;    /* answered: the first byte of a head came */
};

/* text.c: grows in fresh memory and wipes the old. 0 or -ENOMEM. */
int text_add(struct text *text, const void *data, size_t len) MUST_CHECK;
void text_wipe(struct text *text);
void slist_wipe(struct curl_slist *list);

/* conn.c */
struct conn *conn_new(struct http *http, const struct url *url, const struct http_trust *trust,
                      int *ret_error);
/* An idle connection, or one under way that nobody waits for; NULL. */
struct conn *conn_find(struct http *http, const struct url *url, const struct http_trust *trust);
/* Room for one more, perhaps by closing an idle one. */
bool conns_have_room(struct http *http);
void conn_step(struct conn *conn);
/* How the server's side of a TLS stream ended; true and 0 while it goes on and in the clear. */
bool conn_orderly(const struct conn *conn);
int conn_stream_error(const struct conn *conn, const char **ret_why);
uint64_t conn_sent(const struct conn *conn);
/* Puts aside what may be resumed, if there is something new. */
void conn_keep_session(struct conn *conn);
void conn_kill(struct conn *conn, int error, const char *why);
void conns_reap(struct http *http);
/* libcurl's callbacks (CURLOPT_OPENSOCKETFUNCTION, CURLOPT_CLOSESOCKETFUNCTION). */
curl_socket_t conn_curl_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);
int conn_curl_closed(void *ctx, curl_socket_t fd);

/* transfer.c */
/* Hands a transfer whose connection is ready to libcurl. 0 or -errno. */
int transfer_run(struct http_transfer *t) MUST_CHECK;
/* Takes libcurl's verdict. */
void transfer_curl_done(struct http_transfer *t, CURLcode code);
void transfer_end(struct http_transfer *t, int error, const char *why);
/* Notes how much of the request has left. */
void transfer_note_sent(struct http_transfer *t);

#endif
