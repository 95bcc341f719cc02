/* A turn that speaks HTTP through a real cloister-egress, and what is expected of it. */
#ifndef CLOISTER_TESTS_HTTP_RIG_H
#define CLOISTER_TESTS_HTTP_RIG_H

#include "stack.h"

struct turn {
    int agent, channel;
    struct http *http;
};

struct turn turn_begin(void);
void turn_end(struct turn *turn);

/* With twenty seconds. */
struct http_request get(const char *url);

/* Runs one request to its end; the caller finishes *ret. */
int run(struct turn *turn, const struct http_request *request, struct http_transfer **ret);

/* A GET comes to this. */
void expect(struct turn *turn, const char *url, int result, int status);
void expect_body(struct turn *turn, const char *url, const char *body);

#endif
