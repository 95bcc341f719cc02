/* Several requests on one connection: as strict as the first, one after another, for a while. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/gateway/rig.h"

#define GET "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

static struct rig rig;

static void start(uint64_t keep_ms, size_t connections) {
    struct gateway_limits limits = rig_limits();
    limits.keep_ms = keep_ms;
    limits.keep_requests = 5;
    limits.connections = connections;
    rig_start(&rig, &limits, "");
}

static void setup(void) {
    start(5000, 64);
}

static void setup_idle(void) {
    start(300, 64);
}

static void setup_full(void) {
    start(10000, 3);
}

static void teardown(void) {
    rig_stop(&rig);
}

static char *ask(int fd, const char *request) {
    rig_send_text(fd, request);
    return rig_read_until(fd, "ok\n");
}

static bool ended(int fd) {
    char byte;
    return recv(fd, &byte, 1, 0) <= 0;
}

START_TEST(test_several) {
    int fd = rig_connect(&rig);
    for (int i = 0; i < 5; i++) {
        SCOPE_FREE char *got = ask(fd, GET);
        ck_assert_uint_eq(status_of(got), 200);
        ck_assert(has_header(got, "Connection: close") == (i == 4)); /* keep_requests */
    }
    ck_assert(ended(fd));
    (void)close(fd);
}
END_TEST

START_TEST(test_closed_as_asked) {
    static const char *const last[] = {
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n", "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"};
    for (size_t i = 0; i < COUNT_OF(last); i++) {
        int fd = rig_connect(&rig);
        SCOPE_FREE char *first = ask(fd, GET);
        ck_assert(!has_header(first, "Connection: close"));
        SCOPE_FREE char *second = ask(fd, last[i]);
        ck_assert(has_header(second, "Connection: close"));
        ck_assert(ended(fd));
        (void)close(fd);
    }
}
END_TEST

/* What is wrong with a first request is wrong with a second one. */
START_TEST(test_as_strict) {
    static const char *const bad[] = {
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\nHost: x\n\n",
        "POST /v1/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: "
        "chunked\r\n\r\n",
        "POST /v1/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        "\x16\x03\x01\x02",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int fd = rig_connect(&rig);
        SCOPE_FREE char *first = ask(fd, GET);
        rig_send_text(fd, bad[i]);
        SCOPE_FREE char *got = rig_read_all(fd, 65536, NULL);
        check_problem(got, 400, "bad_request");
        (void)close(fd);
    }
}
END_TEST

/* Sent ahead: the first is answered, the second is neither answered nor taken for anything else. */
START_TEST(test_pipelined) {
    int fd = rig_connect(&rig);
    SCOPE_FREE char *first = ask(fd, GET);
    rig_send_text(fd, GET GET);
    SCOPE_FREE char *got = rig_read_all(fd, 65536, NULL);
    ck_assert_uint_eq(status_of(got), 200);
    ck_assert(has_header(got, "Connection: close"));
    ck_assert_str_eq(body_of(got), "ok\n");
    (void)close(fd);
}
END_TEST

/* Each piece of a second request has the time that the first had, and no more. */
START_TEST(test_slow_second) {
    int fd = rig_connect(&rig);
    SCOPE_FREE char *first = ask(fd, GET);
    rig_send_text(fd, "GET /healthz HT");
    SCOPE_FREE char *got = rig_read_all(fd, 65536, NULL);
    check_problem(got, 408, "request_timeout");
    (void)close(fd);
}
END_TEST

START_TEST(test_idle) {
    int fd = rig_connect(&rig);
    SCOPE_FREE char *first = ask(fd, GET);
    uint64_t before = clock_ms();
    ck_assert(ended(fd)); /* without a word */
    ck_assert_uint_ge(clock_ms() - before, 200);
    (void)close(fd);
}
END_TEST

/* Who is idle gives way to who comes. */
START_TEST(test_full) {
    int idle[3];
    for (size_t i = 0; i < COUNT_OF(idle); i++) {
        idle[i] = rig_connect(&rig);
        SCOPE_FREE char *got = ask(idle[i], GET);
    }
    int fd = rig_connect(&rig);
    SCOPE_FREE char *got = ask(fd, GET);
    ck_assert_uint_eq(status_of(got), 200);
    ck_assert(ended(idle[0]));
    SCOPE_FREE char *still = ask(idle[2], GET);
    ck_assert_uint_eq(status_of(still), 200);
    for (size_t i = 0; i < COUNT_OF(idle); i++)
        (void)close(idle[i]);
    (void)close(fd);
}
END_TEST

static void add_case(Suite *suite, const char *name, void (*begin)(void),
                     const TTest *const *tests) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, begin, teardown);
    tcase_set_timeout(tcase, 30);
    for (; *tests != NULL; tests++)
        tcase_add_test(tcase, *tests);
    suite_add_tcase(suite, tcase);
}

int main(void) {
    Suite *suite = suite_create("gateway keep");
    add_case(suite, "kept", setup,
             (const TTest *const[]){test_several, test_closed_as_asked, test_as_strict,
                                    test_pipelined, test_slow_second, NULL});
    add_case(suite, "idle", setup_idle, (const TTest *const[]){test_idle, NULL});
    add_case(suite, "full", setup_full, (const TTest *const[]){test_full, NULL});
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
