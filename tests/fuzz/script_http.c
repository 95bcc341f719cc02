#include "script_http.h"

#include <errno.h>
#include <strings.h>

#define REPLY_END 0x1e
#define TURN_MS   120000

struct http {
    struct input script;
    size_t piece;
    unsigned requests;
    struct http_transfer *first;
};

struct http_transfer {
    struct http *http;
    struct http_transfer *next;
    int (*on_body)(void *ctx, const char *data, size_t len);
    void *ctx;
    size_t max_body, piece, len;
    int status, result;
    bool done;
    char *header; /* one "Name: value", or NULL */
    char *body;
};

static struct http *current;
static uint64_t now = 1;

/* Linked in place of ipc/base.c's (meson.build). */
uint64_t __wrap_clock_ms(void);
int64_t __wrap_wall_ms(void);
uint64_t __wrap_clock_ms(void) {
    return now;
}
int64_t __wrap_wall_ms(void) {
    return SCRIPT_NOW_MS + (int64_t)now;
}

void script_begin(const struct input *script, size_t piece, struct pump *ret) {
    now = 1;
    current = calloc(1, sizeof(*current));
    MUST(current != NULL);
    *current = (struct http){.script = *script, .piece = piece};
    *ret = (struct pump){.http = current, .deadline = now + TURN_MS};
}

void script_end(struct pump *pump) {
    MUST(pump->http == current && current->first == NULL); /* every transfer was finished */
    free(current);
    current = NULL;
}

unsigned script_requests(void) {
    return current->requests;
}

static void reply_head(struct http_transfer *t, char *line) {
    char *rest = NULL;
    long status = strtol(line, &rest, 10);
    t->status = status >= 100 && status <= 599 ? (int)status : 0;
    long piece = strtol(rest, &rest, 10);
    t->piece = piece >= 1 && piece <= 65536 ? (size_t)piece : 65536;
    if (*rest == ' ')
        t->header = strdup(rest + 1);
}

/* The next reply of the script. */
static void reply_take(struct http_transfer *t) {
    struct input *script = &t->http->script;
    const uint8_t *end = script->left > 0 ? memchr(script->at, REPLY_END, script->left) : NULL;
    struct input reply = {script->at, end != NULL ? (size_t)(end - script->at) : script->left};
    size_t used = reply.left + (end != NULL);
    if (script->left == 0) {
        t->result = -ECONNREFUSED;
        return;
    }
    script->at += used;
    script->left -= used;
    char *line = input_until(&reply, '\n');
    reply_head(t, line);
    free(line);
    if (t->http->piece > 0)
        t->piece = t->http->piece;
    t->result = t->status == 0 ? -ECONNRESET : reply.left > t->max_body ? -EFBIG : 0;
    if (t->result < 0)
        return;
    t->len = reply.left;
    t->body = malloc(t->len + 1);
    MUST(t->body != NULL);
    if (t->len > 0)
        memcpy(t->body, reply.at, t->len);
    t->body[t->len] = '\0';
}

int http_start(struct http *http, const struct http_request *request, struct http_transfer **ret) {
    struct http_transfer *t = calloc(1, sizeof(*t));
    MUST(t != NULL && http == current);
    for (const char *const *h = request->headers; h != NULL && *h != NULL; h++)
        MUST(strpbrk(*h, "\r\n") == NULL && strchr(*h, ':') != NULL);
    MUST(strpbrk(request->url, "\r\n ") == NULL);
    *t = (struct http_transfer){.http = http,
                                .next = http->first,
                                .on_body = request->on_body,
                                .ctx = request->ctx,
                                .max_body = request->max_body > 0 ? request->max_body : 1 << 20};
    http->first = t;
    http->requests++;
    reply_take(t);
    *ret = t;
    return 0;
}

/* A stream's body arrives in blocks of its own, so that a byte read behind one is seen. */
static void stream(struct http_transfer *t) {
    for (size_t at = 0; at < t->len && t->result == 0;) {
        size_t n = t->len - at < t->piece ? t->len - at : t->piece;
        char *piece = malloc(n);
        MUST(piece != NULL);
        memcpy(piece, t->body + at, n);
        t->result = t->on_body(t->ctx, piece, n);
        free(piece);
        at += n;
    }
}

int http_step(struct http *http, int timeout_ms) {
    bool worked = false;
    for (struct http_transfer *t = http->first; t != NULL; t = t->next) {
        if (t->done)
            continue;
        worked = t->done = true;
        if (t->result == 0 && t->on_body != NULL && t->status / 100 == 2)
            stream(t);
    }
    now += worked ? 1 : (uint64_t)(timeout_ms > 0 ? timeout_ms : 1);
    return 0;
}

int http_wait(struct http *http, struct http_transfer *t) {
    if (!t->done)
        (void)http_step(http, 0);
    return t->result;
}

bool http_done(const struct http_transfer *t) {
    return t->done;
}
bool http_sent(const struct http_transfer *t) {
    return t->result != -ECONNREFUSED;
}
int http_status(const struct http_transfer *t) {
    return t->status;
}
const char *http_body(const struct http_transfer *t, size_t *ret_len) {
    *ret_len = t->len;
    return t->body != NULL ? t->body : "";
}
const char *http_header(const struct http_transfer *t, const char *name) {
    size_t len = strlen(name);
    if (t->header == NULL || strncasecmp(t->header, name, len) != 0 ||
        strncmp(t->header + len, ": ", 2) != 0)
        return NULL;
    return t->header + len + 2;
}
const char *http_why(const struct http_transfer *t) {
    (void)t;
    return "as the script says";
}

void http_finish(struct http_transfer *t) {
    struct http_transfer **at = &t->http->first;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    free(t->header);
    free(t->body);
    free(t);
}

/* Of a turn's world; never reached from here. */
int http_new(int egress_fd, struct http **ret) {
    (void)egress_fd;
    (void)ret;
    return -ENOSYS;
}
void http_free(struct http *http) {
    (void)http;
}
void http_resume(struct http *http, const struct resume *resume) {
    (void)http, (void)resume;
}

bool http_sessions(struct http *http, struct resume *ret) {
    (void)http, (void)ret;
    return false;
}

void http_watch(struct http *http, int fd, int (*ready)(void *ctx), void *ctx) {
    (void)http;
    (void)fd;
    (void)ready;
    (void)ctx;
}
void http_prepare(struct http *http, const char *url, const struct http_trust *trust) {
    (void)http;
    (void)url;
    (void)trust;
}
void http_prepare_later(struct http *http, const char *url, const struct http_trust *trust) {
    (void)http;
    (void)url;
    (void)trust;
}
