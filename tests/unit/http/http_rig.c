#include "http_rig.h"

#include <check.h>
#include <string.h>

struct turn turn_begin(void) {
    struct turn turn = {.agent = stack_agent()};
    turn.channel = stack_turn(turn.agent);
    stack_wall();
    ck_assert_int_eq(http_new(turn.channel, &turn.http), 0);
    return turn;
}

void turn_end(struct turn *turn) {
    http_free(turn->http);
    (void)close(turn->channel);
    (void)close(turn->agent);
}

struct http_request get(const char *url) {
    return (struct http_request){
        .method = "GET", .url = url, .trust = stack.trust, .deadline = clock_ms() + 20000};
}

int run(struct turn *turn, const struct http_request *request, struct http_transfer **ret) {
    ck_assert_int_eq(http_start(turn->http, request, ret), 0);
    return http_wait(turn->http, *ret);
}

void expect(struct turn *turn, const char *url, int result, int status) {
    struct http_transfer *t;
    struct http_request request = get(url);
    int r = run(turn, &request, &t);
    ck_assert_msg(r == result, "%s gave %d (%s), not %d", url, r, http_why(t), result);
    ck_assert_int_eq(http_status(t), status);
    ck_assert(http_done(t));
    if (result != 0)
        ck_assert_uint_gt(strlen(http_why(t)), 0);
    http_finish(t);
}

void expect_body(struct turn *turn, const char *url, const char *body) {
    struct http_transfer *t;
    struct http_request request = get(url);
    size_t len;
    int r = run(turn, &request, &t);
    ck_assert_msg(r == 0, "%s gave %d (%s)", url, r, http_why(t));
    ck_assert_str_eq(http_body(t, &len), body);
    ck_assert_uint_eq(len, strlen(body));
    ck_assert(http_sent(t));
    http_finish(t);
}
