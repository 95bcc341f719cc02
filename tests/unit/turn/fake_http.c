/* http.h over functions: every request is answered by the fake world at the next step. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fake.h"
#include "fake_world.h"

struct http {
    int fd;
    int (*ready)(void *ctx);
    void *ctx;
    struct http_transfer *transfers;
};

struct http_transfer {
    struct http *http;
    struct http_transfer *next;
    char *method, *url, *body;
    int (*on_body)(void *ctx, const char *data, size_t len);
    void *ctx;
    uint64_t deadline;
    struct fake_reply reply;
    char if_match[64];
    bool answered, done;
    int result;
};

int http_new(int egress_fd, struct http **ret) {
    (void)egress_fd;
    *ret = calloc(1, sizeof(**ret));
    (*ret)->fd = -1;
    return 0;
}

void http_free(struct http *http) {
    free(http);
}

void http_resume(struct http *http, const struct resume *resume) {
    (void)http, (void)resume;
}

bool http_sessions(struct http *http, struct resume *ret) {
    (void)http, (void)ret;
    return false;
}

void http_watch(struct http *http, int fd, int (*ready)(void *ctx), void *ctx) {
    http->fd = fd;
    http->ready = ready;
    http->ctx = ctx;
}

void http_prepare_later(struct http *http, const char *url, const struct http_trust *trust) {
    (void)http, (void)url, (void)trust;
}

void http_prepare(struct http *http, const char *url, const struct http_trust *trust) {
    (void)http, (void)url, (void)trust;
}

int http_start(struct http *http, const struct http_request *request, struct http_transfer **ret) {
    struct http_transfer *t = calloc(1, sizeof(*t));
    t->http = http;
    t->method = strdup(request->method);
    t->url = strdup(request->url);
    t->body = request->body != NULL ? strndup(request->body, request->body_len) : NULL;
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        if (strncasecmp(request->headers[i], "if-match: ", 10) == 0)
            (void)snprintf(t->if_match, sizeof(t->if_match), "%s", request->headers[i] + 10);
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        if (strncasecmp(request->headers[i], "x-api-key: ", 11) == 0)
            (void)snprintf(fake_world->model_key_sent, sizeof(fake_world->model_key_sent), "%s",
                           request->headers[i] + 11);
    t->on_body = request->on_body;
    t->ctx = request->ctx;
    t->deadline = request->deadline;
    t->next = http->transfers;
    http->transfers = t;
    *ret = t;
    return 0;
}

static void transfer_step(struct http_transfer *t) {
    if (t->done)
        return;
    if (!t->answered) {
        t->answered = true;
        strcpy(fake_world->if_match, t->if_match);
        fake_serve(fake_world, t->method, t->url, t->body, &t->reply);
    }
    if (t->reply.hang) {
        if (clock_ms() < t->deadline)
            return;
        t->reply.error = -ETIMEDOUT;
    }
    t->done = true;
    t->result = t->reply.error;
    if (t->reply.hang || t->reply.body == NULL || t->on_body == NULL || t->reply.status / 100 != 2)
        return;
    int r = t->on_body(t->ctx, t->reply.body, strlen(t->reply.body)); /* before it broke, if so */
    t->result = r != 0 ? r : t->result;
}

int http_step(struct http *http, int timeout_ms) {
    bool busy = false;
    for (struct http_transfer *t = http->transfers; t != NULL; t = t->next) {
        busy = busy || !t->done;
        transfer_step(t);
    }
    struct pollfd wait = {.fd = http->fd, .events = POLLIN};
    if (poll(&wait, 1, busy ? 1 : timeout_ms) > 0 && http->ready != NULL)
        return http->ready(http->ctx);
    return 0;
}

int http_wait(struct http *http, struct http_transfer *transfer) {
    while (!transfer->done) {
        int r = http_step(http, 1000);
        if (r < 0)
            return r;
    }
    return transfer->result;
}

bool http_done(const struct http_transfer *t) {
    return t->done;
}
bool http_sent(const struct http_transfer *t) {
    return t->reply.error == 0 || t->reply.sent;
}
int http_status(const struct http_transfer *t) {
    return t->reply.status;
}
const char *http_body(const struct http_transfer *t, size_t *ret_len) {
    const char *body = t->reply.body != NULL ? t->reply.body : "";
    *ret_len = strlen(body);
    return body;
}
const char *http_header(const struct http_transfer *t, const char *name) {
    size_t len = strlen(name);
    if (t->reply.headers == NULL || strncasecmp(t->reply.headers, name, len) != 0 ||
        strncmp(t->reply.headers + len, ": ", 2) != 0)
        return NULL;
    return t->reply.headers + len + 2;
}
const char *http_why(const struct http_transfer *t) {
    (void)t;
    return "as the test says";
}

void http_finish(struct http_transfer *transfer) {
    for (struct http_transfer **at = &transfer->http->transfers; *at != NULL; at = &(*at)->next)
        if (*at == transfer) {
            *at = transfer->next;
            break;
        }
    free(transfer->method);
    free(transfer->url);
    free(transfer->body);
    free(transfer->reply.body);
    free(transfer);
}
