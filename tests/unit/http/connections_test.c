/* Connections of a turn: kept, resumed, prepared, given up, taken away. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "providers/resume.h"
#include "http_rig.h"

START_TEST(reuse) {
    enum server_kind kind = _i == 0 ? SERVER_GOOD : SERVER_PLAIN;
    struct turn turn = turn_begin();
    struct server_seen *seen = &stack.server.seen[kind];
    int before = seen->accepted, plain_before = stack.server.seen[SERVER_PLAIN].accepted;
    char other[64];
    for (int i = 1; i <= 5; i++) {
        struct http_transfer *t;
        struct http_request request = get(stack_url(kind, "/ok"));
        ck_assert_int_eq(run(&turn, &request, &t), 0);
        ck_assert_int_eq(atoi(http_header(t, "X-Count")), i);
        http_finish(t);
    }
    ck_assert_int_eq(seen->accepted - before, 1);
    /* Another name for the same server, another port, another scheme: another connection. */
    (void)snprintf(other, sizeof(other), "%s://127.0.0.1:%u/ok",
                   kind == SERVER_GOOD ? "https" : "http", stack.server.port[kind]);
    expect_body(&turn, other, "hello");
    ck_assert_int_eq(seen->accepted - before, 2);
    if (kind == SERVER_GOOD) {
        expect_body(&turn, stack_url(SERVER_PLAIN, "/ok"), "hello");
        ck_assert_int_eq(stack.server.seen[SERVER_PLAIN].accepted - plain_before, 1);
        (void)snprintf(other, sizeof(other), "http://localhost:%u/ok", stack.server.port[kind]);
        struct http_transfer *t; /* in the clear to the TLS port: never over the TLS connection */
        struct http_request request = get(other);
        ck_assert_int_ne(run(&turn, &request, &t), 0);
        http_finish(t);
    }
    turn_end(&turn);
}
END_TEST

START_TEST(reuse_needs_the_same_trust) {
    struct turn turn = turn_begin();
    struct http_trust *other;
    char why[128] = "";
    int before = stack.server.seen[SERVER_GOOD].accepted;
    ck_assert_int_eq(http_trust_new(stack.server.ca_file, &other, why, sizeof(why)), 0);
    expect_body(&turn, stack_url(SERVER_GOOD, "/ok"), "hello");
    struct http_transfer *t;
    struct http_request request = get(stack_url(SERVER_GOOD, "/ok"));
    request.trust = other;
    ck_assert_int_eq(run(&turn, &request, &t), 0);
    http_finish(t);
    ck_assert_int_eq(stack.server.seen[SERVER_GOOD].accepted - before, 2);
    http_free(turn.http);
    http_trust_free(other);
}
END_TEST

/* What a turn leaves that asked once, in the connection's life or after it. */
static void first_turn(struct resume *made, const char *path, const char *body) {
    struct turn turn = turn_begin();
    expect_body(&turn, stack_url(SERVER_GOOD, path), body);
    ck_assert(http_sessions(turn.http, made));
    ck_assert(!http_sessions(turn.http, &(struct resume){0})); /* once */
    turn_end(&turn);
}

/* Asks with what was left, and tells whether the server took it. */
static bool next_turn(const struct resume *left, const char *url, const struct http_trust *trust,
                      bool *ret_leaves) {
    struct turn turn = turn_begin();
    struct http_transfer *t;
    struct http_request request = get(url);
    struct resume made;
    int before = stack.server.seen[SERVER_GOOD].resumed;
    if (trust != NULL)
        request.trust = trust;
    http_resume(turn.http, left);
    int r = run(&turn, &request, &t);
    ck_assert_msg(r == 0, "%s gave %d (%s)", url, r, http_why(t));
    http_finish(t);
    *ret_leaves = http_sessions(turn.http, &made);
    turn_end(&turn);
    return stack.server.seen[SERVER_GOOD].resumed - before == 1;
}

START_TEST(sessions_are_resumed) {
    struct resume made;
    bool leaves;
    first_turn(&made, _i == 0 ? "/ok" : "/closing", _i == 0 ? "hello" : "bye");
    ck_assert_uint_gt(made.sessions[0].len, 100);
    ck_assert_uint_eq(made.sessions[1].len, 0);
    ck_assert_uint_le(made.sessions[0].until, clock_ms() + RESUME_MS);
    for (int i = 0; i < 2; i++) { /* the same one serves again, and has no successor */
        ck_assert(next_turn(&made, stack_url(SERVER_GOOD, "/ok"), NULL, &leaves));
        ck_assert(!leaves);
    }
    made.sessions[0].until = clock_ms(); /* over: the certificate is looked at again */
    ck_assert(!next_turn(&made, stack_url(SERVER_GOOD, "/ok"), NULL, &leaves));
    ck_assert(leaves);
}
END_TEST

START_TEST(sessions_stay_where_they_belong) {
    struct resume made, changed;
    struct http_trust *other;
    char why[128] = "";
    bool leaves;
    first_turn(&made, "/ok", "hello");
    ck_assert_int_eq(http_trust_new(stack.server.ca_file, &other, why, sizeof(why)), 0);
    ck_assert(!next_turn(&made, stack_url(SERVER_GOOD, "/ok"), other, &leaves));
    http_trust_free(other);
    char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/ok",
                   (unsigned)stack.server.port[SERVER_GOOD]);
    ck_assert(!next_turn(&made, url, NULL, &leaves)); /* the same server by another name */
    changed = made;
    changed.sessions[0].port++;
    ck_assert(!next_turn(&changed, stack_url(SERVER_GOOD, "/ok"), NULL, &leaves));
    for (size_t at = 0; at < made.sessions[0].len; at += 7) { /* bytes that were tampered with */
        changed = made;
        changed.sessions[0].bytes[at] ^= 0x21;
        (void)next_turn(&changed, stack_url(SERVER_GOOD, "/ok"), NULL, &leaves);
    }
    ck_assert(next_turn(&made, stack_url(SERVER_GOOD, "/ok"), NULL, &leaves));
}
END_TEST

/* Nothing is known of a server by a session of another one. */
START_TEST(session_of_a_server_that_is_not_trusted) {
    struct resume made;
    first_turn(&made, "/ok", "hello");
    made.sessions[0].port = stack.server.port[SERVER_UNKNOWN_CA];
    struct turn turn = turn_begin();
    http_resume(turn.http, &made);
    expect(&turn, stack_url(SERVER_UNKNOWN_CA, "/ok"), -EKEYREJECTED, 0);
    ck_assert(!http_sessions(turn.http, &made));
    turn_end(&turn);
}
END_TEST

START_TEST(sessions_have_little_room) {
    struct resume resume = {0};
    struct resume_session one = {.port = 1, .len = 5, .host = "a"};
    ck_assert_int_eq(resume_put(&resume, &one, 1000), 0);
    one.port = 2;
    ck_assert_int_eq(resume_put(&resume, &one, 2000), 0);
    one.len = 6;
    ck_assert_int_eq(resume_put(&resume, &one, 3000), 0); /* in its own place */
    ck_assert_ptr_nonnull(resume_find(&resume, "a", 1, 0, 4000));
    one.port = 3;
    ck_assert_int_eq(resume_put(&resume, &one, 4000), 0); /* in the oldest's */
    ck_assert_ptr_null(resume_find(&resume, "a", 1, 0, 4000));
    ck_assert_int_eq(resume_find(&resume, "a", 2, 0, 4000)->len, 6);
    ck_assert_ptr_null(resume_find(&resume, "a", 2, 0, 3000 + RESUME_MS));
    ck_assert_ptr_null(resume_find(&resume, "b", 2, 0, 4000));
    ck_assert_ptr_null(resume_find(NULL, "a", 2, 0, 4000));
    one.len = RESUME_BYTES + 1;
    ck_assert_int_eq(resume_put(&resume, &one, 4000), -EINVAL);
    one = (struct resume_session){.port = 1, .len = 5};
    ck_assert_int_eq(resume_put(&resume, &one, 4000), -EINVAL);
}
END_TEST

START_TEST(stale_connections) {
    enum server_kind kind = _i == 0 ? SERVER_GOOD : SERVER_PLAIN;
    struct turn turn = turn_begin();
    struct http_transfer *t;
    expect_body(&turn, stack_url(kind, "/then-close"), "kept, it seems");
    ck_assert_int_eq(server_wait(&stack.server.seen[kind].open, 0), 0);
    struct http_request request =
        get(stack_url(kind, "/ok")); /* noticed before anything was sent */
    request.method = "POST";
    ck_assert_int_eq(run(&turn, &request, &t), 0);
    http_finish(t);
    expect_body(&turn, stack_url(kind, "/renegade"), "kept");
    expect_body(&turn, stack_url(kind, "/ok"), "hello"); /* a GET is tried again */
    expect_body(&turn, stack_url(kind, "/renegade"), "kept");
    ck_assert_int_eq(run(&turn, &request, &t), -ECONNRESET); /* a POST may have been done */
    ck_assert(http_sent(t));
    http_finish(t);
    turn_end(&turn);
}
END_TEST

START_TEST(prepared_connection) {
    struct turn turn = turn_begin();
    struct server_seen *seen = &stack.server.seen[SERVER_GOOD];
    int accepted = seen->accepted, handshakes = seen->handshakes, requests = seen->requests;
    http_prepare(turn.http, stack_url(SERVER_GOOD, "/any"), stack.trust);
    http_prepare(turn.http, stack_url(SERVER_GOOD, "/same-host"),
                 stack.trust); /* not a second one */
    for (int i = 0; i < 200 && seen->handshakes == handshakes; i++)
        ck_assert_int_eq(http_step(turn.http, 10), 0);
    ck_assert_int_eq(seen->handshakes - handshakes, 1);
    ck_assert_int_eq(seen->requests, requests); /* the handshake came before any request */
    unsigned long long shaken = seen->last_handshake_ns;
    expect_body(&turn, stack_url(SERVER_GOOD, "/ok"), "hello");
    ck_assert_uint_lt(shaken, seen->last_request_ns);
    ck_assert_int_eq(seen->accepted - accepted, 1);
    ck_assert_int_eq(seen->handshakes - handshakes, 1);
    http_prepare(turn.http, stack_url(SERVER_WRONG_HOST, "/"), stack.trust);
    http_prepare(turn.http, "not an address", stack.trust);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(http_step(turn.http, 5), 0);
    expect(&turn, stack_url(SERVER_WRONG_HOST, "/ok"), -EKEYREJECTED, 0);
    turn_end(&turn);
}
END_TEST

/* The handshake runs while another transfer is waited for. */
START_TEST(prepared_while_another_waits) {
    struct turn turn = turn_begin();
    struct server_seen *seen = &stack.server.seen[SERVER_GOOD];
    int handshakes = seen->handshakes, requests = seen->requests;
    struct http_transfer *t;
    struct http_request slow = get(stack_url(SERVER_PLAIN, "/hang"));
    slow.idle_ms = 500;
    ck_assert_int_eq(http_start(turn.http, &slow, &t), 0);
    http_prepare(turn.http, stack_url(SERVER_GOOD, "/"), stack.trust);
    ck_assert_int_eq(http_wait(turn.http, t), -ETIMEDOUT);
    ck_assert_int_eq(seen->handshakes - handshakes, 1);
    ck_assert_int_eq(seen->requests, requests);
    http_finish(t);
    turn_end(&turn);
}
END_TEST

START_TEST(many_at_once) {
    struct turn turn = turn_begin();
    struct http_transfer *t[20];
    int before = stack.server.seen[SERVER_GOOD].accepted;
    struct http_request request = get(stack_url(SERVER_GOOD, "/chunked"));
    for (size_t i = 0; i < COUNT_OF(t); i++)
        ck_assert_int_eq(http_start(turn.http, &request, &t[i]), 0);
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        ck_assert_int_eq(http_wait(turn.http, t[i]), 0);
        ck_assert_int_eq(http_status(t[i]), 200);
    }
    for (size_t i = 0; i < COUNT_OF(t); i++)
        http_finish(t[i]);
    ck_assert_int_le(stack.server.seen[SERVER_GOOD].accepted - before, 8); /* the others waited */
    turn_end(&turn);
}
END_TEST

START_TEST(given_up_midway) {
    struct turn turn = turn_begin();
    struct http_transfer *t;
    struct http_request request = get(stack_url(SERVER_GOOD, "/drip"));
    ck_assert_int_eq(http_start(turn.http, &request, &t), 0);
    while (http_status(t) == 0)
        ck_assert_int_eq(http_step(turn.http, 100), 0);
    http_finish(t);
    expect_body(&turn, stack_url(SERVER_GOOD, "/ok"), "hello");
    ck_assert_int_eq(http_start(turn.http, &request, &t), 0);
    http_free(turn.http); /* with a transfer under way */
}
END_TEST

static int watcher(void *ctx) {
    int *calls = ctx;
    (*calls)++;
    return -ECANCELED;
}

START_TEST(watched_descriptor) {
    int ends[2], calls = 0;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    struct turn turn = turn_begin();
    struct http_transfer *t;
    http_watch(turn.http, ends[0], watcher, &calls);
    expect_body(&turn, stack_url(SERVER_GOOD, "/ok"), "hello"); /* silent: no effect */
    struct http_request request = get(stack_url(SERVER_GOOD, "/hang"));
    ck_assert_int_eq(http_start(turn.http, &request, &t), 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    uint64_t begun = clock_ms();
    ck_assert_int_eq(http_wait(turn.http, t), -ECANCELED);
    ck_assert_uint_lt(clock_ms() - begun, 2000);
    ck_assert_int_eq(calls, 1);
    ck_assert(!http_done(t));
    http_finish(t);
    turn_end(&turn);
}
END_TEST

START_TEST(egress_gone) {
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    stack_wall();
    struct turn turn = {.channel = ends[0]};
    ck_assert_int_eq(http_new(ends[0], &turn.http), 0);
    struct http_transfer *t;
    struct http_request request = get(stack_url(SERVER_GOOD, "/ok"));
    ck_assert_int_eq(http_start(turn.http, &request, &t), 0);
    ck_assert_int_eq(http_step(turn.http, 0), 0);
    (void)close(ends[1]);
    ck_assert_int_eq(http_wait(turn.http, t), -EPIPE);
    http_finish(t);
    expect(&turn, stack_url(SERVER_GOOD, "/ok"), -EPIPE, 0);
    http_free(turn.http);
}
END_TEST

/* What egress does when a turn is over, seen from a turn that goes on all the same. */
START_TEST(revoked_midway) {
    struct turn turn = turn_begin();
    struct http_transfer *t;
    struct http_request request = get(stack_url(_i == 0 ? SERVER_GOOD : SERVER_PLAIN, "/drip"));
    ck_assert_int_eq(http_start(turn.http, &request, &t), 0);
    while (http_status(t) == 0)
        ck_assert_int_eq(http_step(turn.http, 100), 0);
    uint64_t begun = clock_ms();
    (void)close(turn.agent);
    ck_assert_int_eq(http_wait(turn.http, t), -ECONNRESET);
    ck_assert_uint_lt(clock_ms() - begun, 3000);
    http_finish(t);
    expect(&turn, stack_url(SERVER_GOOD, "/ok"), -EPIPE, 0);
    http_free(turn.http);
}
END_TEST

START_TEST(no_descriptor_left_over) {
    struct turn turn = turn_begin();
    SCOPE_FD int before = fcntl(turn.channel, F_DUPFD_CLOEXEC, 3);
    http_free(turn.http);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(http_new(turn.channel, &turn.http), 0);
        expect_body(&turn, stack_url(SERVER_GOOD, "/ok"), "hello");
        expect_body(&turn, stack_url(SERVER_PLAIN, "/closing"), "bye");
        expect(&turn, stack_url(SERVER_GOOD, "/reset"), -ECONNRESET, 0);
        http_free(turn.http);
    }
    SCOPE_FD int after = fcntl(turn.channel, F_DUPFD_CLOEXEC, 3);
    ck_assert_int_le(after, before + 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("connections");
    TCase *t = tcase_create("connections");
    tcase_add_unchecked_fixture(t, stack_setup, stack_teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, reuse, 0, 2);
    tcase_add_test(t, reuse_needs_the_same_trust);
    tcase_add_loop_test(t, sessions_are_resumed, 0, 2);
    tcase_add_test(t, sessions_stay_where_they_belong);
    tcase_add_test(t, session_of_a_server_that_is_not_trusted);
    tcase_add_test(t, sessions_have_little_room);
    tcase_add_loop_test(t, stale_connections, 0, 2);
    tcase_add_test(t, prepared_connection);
    tcase_add_test(t, prepared_while_another_waits);
    tcase_add_test(t, many_at_once);
    tcase_add_test(t, given_up_midway);
    tcase_add_test(t, watched_descriptor);
    tcase_add_test(t, egress_gone);
    tcase_add_loop_test(t, revoked_midway, 0, 2);
    tcase_add_test(t, no_descriptor_left_over);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
