/* A request as the caller gives it, and what came back: everything about a transfer but its
 * progress. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "providers/http_internal.h"

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
    http->stirred = true;
    t->next = http->transfers;
    http->transfers = t;
    t->trust = request->trust;
    t->max_body = request->max_body > 0 ? request->max_body : BODY_DEFAULT;
    t->connect_ms = request->connect_ms > 0 ? request->connect_ms : CONNECT_DEFAULT;
    t->idle_ms = request->idle_ms > 0 ? request->idle_ms : IDLE_DEFAULT;
    t->on_body = request->on_body;
    t->ctx = request->ctx;
    t->whole = request->whole;
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
    t->http->stirred = true; /* its connection may serve one that waits for room */
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
