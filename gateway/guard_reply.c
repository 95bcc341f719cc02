#include "gateway/guard_conn.h"

#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

const struct in6_addr *conn_address(const struct conn *conn) {
    return &conn->address;
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
    return evbuffer_get_length(bufferevent_get_output(conn->bev));
}

size_t conn_sent(const struct conn *conn) {
    return conn->sent;
}

/* evhttp is about to free its connection: sent whole, or failed. */
static void on_close(struct evhttp_connection *evcon, void *ctx) {
    (void)evcon;
    struct conn *conn = ctx;
    /* A request that failed before its reply was whole has been left to us. */
    if (conn->req != NULL && evhttp_request_get_connection(conn->req) == NULL)
        evhttp_request_free(conn->req);
    conn->req = NULL;
    conn_free(conn);
}

static void on_complete(struct evhttp_request *req, void *ctx) {
    (void)req;
    struct conn *conn = ctx;
    conn->req = NULL; /* evhttp frees it next, then the connection */
    conn->complete = true;
}

void conn_adopt(struct conn *conn, struct evhttp_request *req) {
    conn->req = req;
    conn->phase = CONN_ANSWERING;
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_close, conn);
    evhttp_request_set_on_complete_cb(req, on_complete, conn);
    /* Every reply says "close"; what the request says about it must not make evhttp add to that. */
    (void)evhttp_remove_header(evhttp_request_get_input_headers(req), "Connection");
    /* evhttp stops reading until the reply starts and would miss a disconnect: read on, with its
     * error callback and without its read callback, which has no business in this state. */
    bufferevent_setcb(conn->bev, NULL, conn->evhttp_write, conn->evhttp_event, conn->evhttp_arg);
    (void)bufferevent_enable(conn->bev, EV_READ);
}

/* RFC 9110 section 8.6: a 304 would have to say the length of what it does not send. */
static bool has_length(const struct reply *reply) {
    return reply->status != 204 && reply->status != 304;
}

/* Before a request is whole evhttp knows nothing of it: the reply is written as bytes. */
static void reply_raw(struct conn *conn, const struct reply *reply, bool head_only) {
    struct evbuffer *output = bufferevent_get_output(conn->bev);
    char date[64];
    time_t now = time(NULL);
    struct tm parts;
    (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
    (void)evbuffer_add_printf(output, "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n",
                              reply->status, status_phrase(reply->status), date);
    for (size_t i = 0; i < reply->header_count; i++)
        (void)evbuffer_add_printf(output, "%s: %s\r\n", reply->headers[i].name,
                                  reply->headers[i].value);
    if (has_length(reply))
        (void)evbuffer_add_printf(output, "Content-Length: %zu\r\n", reply->body_len);
    (void)evbuffer_add(output, "\r\n", 2);
    if (!head_only && reply->body_len > 0)
        (void)evbuffer_add(output, reply->body, reply->body_len);
    conn_refuse_flush(conn);
}

static void put_headers(struct conn *conn, const struct reply *reply) {
    struct evkeyvalq *headers = evhttp_request_get_output_headers(conn->req);
    (void)evhttp_add_header(headers, "Connection", "close");
    for (size_t i = 0; i < reply->header_count; i++)
        (void)evhttp_add_header(headers, reply->headers[i].name, reply->headers[i].value);
}

void conn_reply(struct conn *conn, const struct reply *reply, bool head_only) {
    if (conn->req == NULL) {
        if (conn->phase == CONN_HEAD || conn->phase == CONN_BODY)
            reply_raw(conn, reply, head_only);
        return;
    }
    put_headers(conn, reply);
    char length[24];
    (void)snprintf(length, sizeof(length), "%zu", reply->body_len);
    if (has_length(reply))
        (void)evhttp_add_header(evhttp_request_get_output_headers(conn->req), "Content-Length",
                                length);
    if (!head_only && reply->body_len > 0)
        (void)evbuffer_add(evhttp_request_get_output_buffer(conn->req), reply->body,
                           reply->body_len);
    evhttp_send_reply(conn->req, (int)reply->status, status_phrase(reply->status), NULL);
}

void conn_stream_start(struct conn *conn, const struct reply *reply) {
    if (conn->req == NULL)
        return;
    put_headers(conn, reply);
    conn->streaming = true;
    evhttp_send_reply_start(conn->req, (int)reply->status, status_phrase(reply->status));
}

void conn_stream_send(struct conn *conn, struct evbuffer *data) {
    if (conn->req != NULL)
        evhttp_send_reply_chunk(conn->req, data);
}

void conn_stream_end(struct conn *conn) {
    conn->streaming = false;
    if (conn->req != NULL)
        evhttp_send_reply_end(conn->req);
}
