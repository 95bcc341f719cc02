/* cloister-catch URL SECONDS: waits on a loopback address for the browser that comes back from a
 * connect link, prints the code it carries, shows a page, and ends. For the quickstart, which is a
 * chat frontend without a web server of its own.
 *
 * DIAGNOSTICS: exit 0 with the code on standard output; 1 when consent was refused, nobody came in
 * time or the address is taken. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>

#include "ipc/base.h"
#include "ipc/log.h"

#define CODE_MAX 128

struct catcher {
    struct event_base *base;
    const char *path;
    int status;
};

static const char page_good[] = "<!doctype html><html lang=en><meta charset=utf-8><meta "
                                "name=viewport content='width=device-width'>"
                                "<title>Connected</title><h1>Connected</h1><p>You can close this "
                                "page and go back to the terminal.";
static const char page_bad[] = "<!doctype html><html lang=en><meta charset=utf-8><meta "
                               "name=viewport content='width=device-width'>"
                               "<title>Not connected</title><h1>Not connected</h1><p>Google's "
                               "consent was not given. Go back to the "
                               "terminal to try again.";

static bool code_fits(const char *code) {
    size_t len = strlen(code);
    return len > 0 && len <= CODE_MAX &&
           strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

static void answer(struct evhttp_request *request, const char *page) {
    struct evbuffer *body = evbuffer_new();
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Content-Type", "text/html; charset=utf-8");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "Connection", "close");
    if (body != NULL)
        evbuffer_add(body, page, strlen(page));
    evhttp_send_reply(request, 200, "OK", body);
    if (body != NULL)
        evbuffer_free(body);
}

static void on_request(struct evhttp_request *request, void *ctx) {
    struct catcher *catcher = ctx;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = evhttp_uri_get_path(uri), *query = evhttp_uri_get_query(uri);
    if (path == NULL || strcmp(path, catcher->path) != 0) {
        evhttp_send_error(request, 404, NULL); /* a favicon, say */
        return;
    }
    struct evkeyvalq values = {0};
    const char *code = NULL;
    if (query != NULL && evhttp_parse_query_str(query, &values) == 0)
        code = evhttp_find_header(&values, "code");
    if (code != NULL && code_fits(code)) {
        puts(code);
        catcher->status = 0;
    }
    answer(request, catcher->status == 0 ? page_good : page_bad);
    evhttp_clear_headers(&values);
    struct timeval soon = {.tv_usec = 300000}; /* lets the page go out */
    event_base_loopexit(catcher->base, &soon);
}

int main(int argc, char **argv) {
    uint64_t seconds = 0;
    log_open("cloister-catch");
    struct evhttp_uri *uri = argc == 3 ? evhttp_uri_parse(argv[1]) : NULL;
    if (uri == NULL || parse_u64(argv[2], 1, 3600, &seconds) < 0 ||
        evhttp_uri_get_host(uri) == NULL || evhttp_uri_get_port(uri) <= 0) {
        fprintf(stderr, "Usage: cloister-catch http://127.0.0.1:PORT/PATH SECONDS\n");
        return 100;
    }
    struct catcher catcher = {event_base_new(), evhttp_uri_get_path(uri), 1};
    struct evhttp *http = catcher.base != NULL ? evhttp_new(catcher.base) : NULL;
    if (http == NULL)
        fatal("out of memory");
    evhttp_set_max_headers_size(http, 8192);
    evhttp_set_max_body_size(http, 1024);
    evhttp_set_timeout(http, 10);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET);
    evhttp_set_gencb(http, on_request, &catcher);
    if (evhttp_bind_socket(http, evhttp_uri_get_host(uri), (uint16_t)evhttp_uri_get_port(uri)) < 0)
        fatal("cannot listen at %s; set CLOISTER_RETURN_PORT to a free port", argv[1]);
    struct timeval limit = {.tv_sec = (time_t)seconds};
    event_base_loopexit(catcher.base, &limit);
    event_base_dispatch(catcher.base);
    evhttp_free(http);
    event_base_free(catcher.base);
    evhttp_uri_free(uri);
    return catcher.status;
}
