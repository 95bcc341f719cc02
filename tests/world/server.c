/* Listeners, reading requests, and sending answers with their delays and faults.
 *
 * A request object stays ours until evhttp_send_reply* ends it, also when the client has gone:
 * evhttp then detaches it and the final send call only frees it. */
#include "tests/world/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/world/request_log.h"

#define BODY_MAX  (40 << 20)
#define HEADS_MAX (64 * 1024)
#define BACKLOG   4096
#define HANG_S    600
#define IDLE_S    300

struct server {
    struct world *world;
    enum site site;
    struct evhttp *http;
    const struct certs *certs;
};

static struct exchange *live;

bool exchange_is_tls(const struct exchange *x) {
    return x->server->certs != NULL;
}

/* ---- answers ---- */

static void exchange_free(struct exchange *x) {
    if (x->link)
        *x->link = x->next_live;
    if (x->next_live)
        x->next_live->link = x->link;
    if (x->timer)
        event_free(x->timer);
    evhttp_clear_headers(&x->query);
    json_decref(x->pieces);
    json_decref(x->error_piece);
    free(x->path);
    free(x->body);
    free(x->out);
    free(x);
}

/* Runs `step` from the loop after `ms`. */
static void later(struct exchange *x, int ms, event_callback_fn step) {
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (x->timer)
        event_free(x->timer);
    x->timer = event_new(x->world->base, -1, 0, step, x);
    (void)event_add(x->timer, &tv);
}

static bool gone(const struct exchange *x) {
    return evhttp_request_get_connection(x->req) == NULL;
}

/* evhttp does not read while a request waits for its answer, so it has to be asked whether the
 * client has closed its end. */
static bool hung_up(const struct exchange *x) {
    struct evhttp_connection *conn = evhttp_request_get_connection(x->req);
    struct pollfd p = {.events = POLLRDHUP};
    if (!conn)
        return true;
    p.fd = bufferevent_getfd(evhttp_connection_get_bufferevent(conn));
    return poll(&p, 1, 0) == 1;
}

/* Frees a request whose client has left. */
static void finish_gone(struct exchange *x) {
    request_log_cut(x->world->log, x->record);
    evhttp_send_reply_end(x->req);
    exchange_free(x);
}

/* Ends the connection; the request goes with it. */
static void drop_step(evutil_socket_t fd, short what, void *arg) {
    struct exchange *x = arg;
    struct evhttp_connection *conn = evhttp_request_get_connection(x->req);
    if (!conn) {
        finish_gone(x);
        return;
    }
    if (x->fault.kind == FAULT_RESET) {
        /* Dissolving the association sends the reset at once; closing would send FIN first. */
        const struct sockaddr none = {.sa_family = AF_UNSPEC};
        (void)connect(bufferevent_getfd(evhttp_connection_get_bufferevent(conn)), &none,
                      sizeof(none));
    }
    evhttp_connection_free(conn);
    exchange_free(x);
}

static void cut_step(evutil_socket_t fd, short what, void *arg) {
    struct exchange *x = arg;
    request_log_cut(x->world->log, x->record);
    drop_step(fd, what, arg);
}

static void hang_step(evutil_socket_t fd, short what, void *arg) {
    struct exchange *x = arg;
    if (hung_up(x))
        cut_step(fd, what, x);
    else if (++x->next_piece > HANG_S * 20)
        drop_step(fd, what, x);
    else
        later(x, 50, hang_step);
}

static void drained(struct evhttp_connection *conn, void *arg) {
    later(arg, 0, drop_step);
}

static void start(struct exchange *x) {
    if (x->content_type)
        answer_header(x, "Content-Type", x->content_type);
    x->started = true;
    evhttp_send_reply_start(x->req, x->status, NULL);
}

/* Sends one piece; with `last` the connection is dropped once it is out. */
static void send_piece(struct exchange *x, const char *data, size_t len, bool last) {
    struct evbuffer *buf = evbuffer_new();
    evbuffer_add(buf, data, len);
    if (last)
        evhttp_send_reply_chunk_with_cb(x->req, buf, drained, x);
    else
        evhttp_send_reply_chunk(x->req, buf);
    evbuffer_free(buf);
}

static void send_end(struct exchange *x) {
    evhttp_send_reply_end(x->req);
    exchange_free(x);
}

static void stream_step(evutil_socket_t fd, short what, void *arg) {
    struct exchange *x = arg;
    if (gone(x)) {
        finish_gone(x);
        return;
    }
    if (!x->started)
        start(x);
    size_t count = json_array_size(x->pieces), half = count / 2;
    int pace = x->fault.kind == FAULT_SLOW ? x->fault.ms : x->world->opt.model_pace_ms;
    while (x->next_piece < count) {
        if (x->next_piece == half && x->fault.kind == FAULT_TRUNCATE) {
            send_piece(x, "data: {", 7, true);
            return;
        }
        if (x->next_piece == half && x->fault.kind == FAULT_MALFORMED) {
            const char *junk = "event: content_block_delta\ndata: {\"this is\": not JSON\n\n";
            send_piece(x, junk, strlen(junk), false);
        }
        if (x->next_piece == half && x->fault.kind == FAULT_MIDSTREAM_ERROR) {
            const char *text = json_string_value(x->error_piece);
            if (text)
                send_piece(x, text, strlen(text), false);
            send_end(x);
            return;
        }
        const json_t *piece = json_array_get(x->pieces, x->next_piece++);
        send_piece(x, json_string_value(piece), json_string_length(piece), false);
        if (pace > 0 && x->next_piece < count) {
            later(x, pace, stream_step);
            return;
        }
    }
    send_end(x);
}

static void slow_step(evutil_socket_t fd, short what, void *arg) {
    struct exchange *x = arg;
    if (gone(x)) {
        finish_gone(x);
        return;
    }
    if (!x->started) {
        char len[24];
        snprintf(len, sizeof(len), "%zu", x->out_len);
        answer_header(x, "Content-Length", len);
        start(x);
    }
    size_t n = x->out_len - x->next_piece;
    if (n > x->fault.bytes)
        n = x->fault.bytes;
    send_piece(x, x->out + x->next_piece, n, false);
    x->next_piece += n;
    if (x->next_piece >= x->out_len)
        send_end(x);
    else
        later(x, x->fault.ms, slow_step);
}

/* The same megabyte again and again, by reference. */
static void add_padding(struct evbuffer *buf, size_t bytes) {
    static char megabyte[1 << 20];
    memset(megabyte, 'x', sizeof(megabyte));
    for (size_t n; bytes > 0; bytes -= n) {
        n = bytes < sizeof(megabyte) ? bytes : sizeof(megabyte);
        evbuffer_add_reference(buf, megabyte, n, NULL, NULL);
    }
}

static void send_oversize(struct exchange *x) {
    struct evbuffer *buf = evbuffer_new();
    bool stream = x->pieces != NULL;
    evbuffer_add_printf(buf, stream ? "event: ping\ndata: {\"type\":\"ping\",\"padding\":\""
                                    : "{\"padding\":\"");
    add_padding(buf, x->fault.bytes);
    evbuffer_add_printf(buf, stream ? "\"}\n\n" : "\"}");
    answer_header(x, "Content-Type", stream ? "text/event-stream" : "application/json");
    evhttp_send_reply(x->req, 200, NULL, buf);
    evbuffer_free(buf);
    exchange_free(x);
}

static void send_truncated(struct exchange *x) {
    char len[24];
    snprintf(len, sizeof(len), "%zu", x->out_len);
    answer_header(x, "Content-Length", len);
    start(x);
    send_piece(x, x->out, x->out_len / 2, true);
}

static void send_plain(struct exchange *x) {
    struct evbuffer *buf = evbuffer_new();
    if (x->out_len)
        evbuffer_add(buf, x->out, x->out_len);
    if (x->content_type)
        answer_header(x, "Content-Type", x->content_type);
    evhttp_send_reply(x->req, x->status, NULL, buf);
    evbuffer_free(buf);
    exchange_free(x);
}

static void send_step(evutil_socket_t fd, short what, void *arg) {
    struct exchange *x = arg;
    if (gone(x)) {
        finish_gone(x);
        return;
    }
    if (x->timer && hung_up(x)) { /* left during the delay */
        later(x, 0, cut_step);
        return;
    }
    bool empty = !x->pieces && x->out_len == 0;
    switch (x->fault.kind) {
    case FAULT_LOST_ANSWER:
    case FAULT_RESET:
        later(x, 0, drop_step);
        return;
    case FAULT_HANG:
        later(x, 50, hang_step);
        return;
    case FAULT_OVERSIZE:
        send_oversize(x);
        return;
    case FAULT_MALFORMED:
        if (!x->pieces)
            answer_text(x, 200, "application/json; charset=UTF-8", "{\"kind\": \"half an answer");
        break;
    case FAULT_TRUNCATE:
    case FAULT_MIDSTREAM_ERROR:
        if (empty) {
            later(x, 0, drop_step);
            return;
        }
        if (!x->pieces) {
            send_truncated(x);
            return;
        }
        break;
    case FAULT_SLOW:
        if (!x->pieces && !empty) {
            slow_step(-1, 0, x);
            return;
        }
        break;
    case FAULT_NONE:
    case FAULT_STATUS:
    case FAULT_WRONG_HOST_CERT:
    case FAULT_UNKNOWN_CA_CERT:
    case FAULT_EXPIRED_CERT:
    case FAULT_ID_TOKEN:
        break;
    }
    if (x->pieces)
        stream_step(-1, 0, x);
    else
        send_plain(x);
}

/* ---- requests ---- */

static const char *method_name(enum evhttp_cmd_type type) {
    static const struct {
        enum evhttp_cmd_type type;
        const char *name;
    } names[] = {{EVHTTP_REQ_GET, "GET"},        {EVHTTP_REQ_POST, "POST"},
                 {EVHTTP_REQ_PUT, "PUT"},        {EVHTTP_REQ_PATCH, "PATCH"},
                 {EVHTTP_REQ_DELETE, "DELETE"},  {EVHTTP_REQ_HEAD, "HEAD"},
                 {EVHTTP_REQ_OPTIONS, "OPTIONS"}};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].type == type)
            return names[i].name;
    return "OTHER";
}

static struct exchange *exchange_new(struct server *server, struct evhttp_request *req) {
    struct exchange *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->world = server->world;
    x->server = server;
    x->req = req;
    x->method = method_name(evhttp_request_get_command(req));
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
    x->path = strdup(path && *path ? path : "/");
    if (evhttp_parse_query_str(query ? query : "", &x->query) < 0)
        x->query = (struct evkeyvalq){.tqh_last = &x->query.tqh_first};
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    x->body_len = evbuffer_get_length(in);
    x->body = malloc(x->body_len + 1);
    if (!x->body || !x->path) {
        exchange_free(x);
        return NULL;
    }
    (void)evbuffer_copyout(in, x->body, x->body_len);
    x->body[x->body_len] = '\0';
    x->next_live = live;
    x->link = &live;
    if (live)
        live->link = &x->next_live;
    live = x;
    return x;
}

static void on_request(struct evhttp_request *req, void *arg) {
    struct server *server = arg;
    struct world *w = server->world;
    struct exchange *x = exchange_new(server, req);
    if (!x) {
        evhttp_send_error(req, 500, NULL);
        return;
    }
    route_classify(x, server->site);
    struct request_entry entry = {
        .service = x->service,
        .method = x->method,
        .path = evhttp_request_get_uri(req),
        .account = x->account,
        .referer = evhttp_find_header(evhttp_request_get_input_headers(req), "Referer"),
        .body = w->opt.log_bodies ? x->body : NULL,
        .at_ms = wall_ms()};
    if (server->site != SITE_ADMIN)
        x->record = request_log_add(w->log, &entry);
    struct fault_subject subject = {.service = x->service,
                                    .method = x->method,
                                    .path = entry.path,
                                    .account = x->account,
                                    .body = x->body};
    x->fault = faults_take(w->faults, &subject);
    if (x->fault.kind == FAULT_STATUS) {
        route_error(x, x->fault.status, x->fault.reason[0] ? x->fault.reason : NULL);
        char seconds[16];
        snprintf(seconds, sizeof(seconds), "%d", x->fault.retry_after);
        if (x->fault.retry_after >= 0)
            answer_header(x, "Retry-After", seconds);
    } else if (x->fault.kind != FAULT_HANG && x->fault.kind != FAULT_RESET) {
        route_handle(x);
    }
    request_log_status(w->log, x->record, x->status);
    int delay = server->site == SITE_GOOGLE || server->site == SITE_CONSENT ? w->opt.google_delay_ms
                : server->site == SITE_MODEL                                ? w->opt.model_delay_ms
                                                                            : 0;
    if (delay > 0)
        later(x, delay, send_step);
    else
        send_step(-1, 0, x);
}

/* ---- listeners ---- */

static struct bufferevent *new_connection(struct event_base *base, void *arg) {
    struct server *server = arg;
    if (!server->certs)
        return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    enum fault_kind kind =
        faults_take_connection(server->world->faults, server->site == SITE_MODEL);
    SSL_CTX *ctx = kind == FAULT_WRONG_HOST_CERT   ? server->certs->wrong_host
                   : kind == FAULT_UNKNOWN_CA_CERT ? server->certs->unknown_ca
                   : kind == FAULT_EXPIRED_CERT    ? server->certs->expired
                                                   : server->certs->good;
    SSL *ssl = SSL_new(ctx);
    struct bufferevent *bev =
        ssl ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE)
            : NULL;
    if (bev)
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

static struct evconnlistener *listen_on(struct world *world, const char *address, int *ret_port) {
    struct sockaddr_storage addr = {0};
    int len = sizeof(addr), one = 1;
    /* libevent's parser knows no port 0, but takes a missing port as 0. */
    const char *colon = strrchr(address, ':');
    size_t keep = colon && strcmp(colon, ":0") == 0 ? (size_t)(colon - address) : strlen(address);
    SCOPE_FREE char *text = strndup(address, keep);
    if (!text || evutil_parse_sockaddr_port(text, (struct sockaddr *)&addr, &len) < 0) {
        errno = EINVAL;
        return NULL;
    }
    struct evconnlistener *l = evconnlistener_new_bind(
        world->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
        BACKLOG, (struct sockaddr *)&addr, len);
    if (!l)
        return NULL;
    /* Accepted sockets inherit this; without it small stream pieces wait for acknowledgements. */
    (void)setsockopt(evconnlistener_get_fd(l), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    socklen_t bound = sizeof(addr);
    (void)getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&addr, &bound);
    *ret_port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                                 : ((struct sockaddr_in *)&addr)->sin_port);
    return l;
}

int server_new(struct world *world, enum site site, const char *listen, const struct certs *certs,
               struct server **ret, int *ret_port) {
    struct server *server = calloc(1, sizeof(*server));
    if (!server)
        return -ENOMEM;
    *server = (struct server){.world = world, .site = site, .certs = certs};
    struct evconnlistener *l = listen_on(world, listen, ret_port);
    if (!l) {
        int r = errno ? -errno : -EINVAL;
        free(server);
        return r;
    }
    server->http = evhttp_new(world->base);
    if (!server->http || !evhttp_bind_listener(server->http, l)) {
        evconnlistener_free(l);
        server_free(server);
        return -ENOMEM;
    }
    evhttp_set_bevcb(server->http, new_connection, server);
    evhttp_set_gencb(server->http, on_request, server);
    evhttp_set_max_headers_size(server->http, HEADS_MAX);
    evhttp_set_max_body_size(server->http, BODY_MAX);
    evhttp_set_timeout(server->http, IDLE_S);
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                                 EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE |
                                                 EVHTTP_REQ_HEAD | EVHTTP_REQ_OPTIONS);
    *ret = server;
    return 0;
}

void server_free(struct server *server) {
    if (!server)
        return;
    if (server->http)
        evhttp_free(server->http); /* with its requests */
    for (struct exchange *x = live, *next; x; x = next) {
        next = x->next_live;
        if (x->server == server)
            exchange_free(x);
    }
    free(server);
}
