/* How much of everything one address gets: sign-ins and what failing costs, connections, wrong
 * keys; and whose address that is when a reverse proxy stands in between. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "gateway/throttle.h"
#include "tests/unit/gateway/rig.h"

#define LOGIN_COOKIE "Cookie: __Host-cloister-login=login-1\r\n"
#define GOOD         "/connect/google/callback?state=in&code=sign-in"
#define BAD          "/connect/google/callback?state=in&code=fail.link_invalid.400"
#define REFUSED      "/connect/google/callback?state=in&error=access_denied"

static struct rig rig;

static void start(const char *config) {
    struct gateway_limits limits = rig_limits();
    limits.sign_in_burst = 3;
    limits.sign_in_every_ms = 60000;
    limits.sign_in_failures = 2;
    limits.sign_in_wait_ms = 400;
    limits.sign_in_wait_max_ms = 1600;
    rig_start(&rig, &limits, config);
}

static void setup(void) {
    start("");
}

/* Many tries, so that only failures count. */
static void setup_failures(void) {
    struct gateway_limits limits = rig_limits();
    limits.sign_in_failures = 2;
    limits.sign_in_wait_ms = 400;
    limits.sign_in_wait_max_ms = 1600;
    rig_start(&rig, &limits, "");
}

static void setup_proxy(void) {
    start("trusted_proxies=127.0.0.1 10.0.0.9 2001:db8::7");
}

static void teardown(void) {
    rig_stop(&rig);
}

static unsigned get(const char *path, const char *headers) {
    SCOPE_FREE char *got = rig_browse(&rig, "GET", path, headers, NULL);
    if (status_of(got) == 429) {
        ck_assert(has_header(got, "Retry-After: "));
        ck_assert(has_header(got, "Content-Type: text/html"));
        ck_assert_ptr_nonnull(strstr(got, "One moment, please"));
    }
    return status_of(got);
}

/* A bucket for setting out, another for coming back; connecting has neither. */
START_TEST(test_bursts) {
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(get("/login", ""), 302);
    ck_assert_uint_eq(get("/login", ""), 429);
    ck_assert_uint_eq(rig_seen(&rig).sign_ins, 3);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(get(GOOD, LOGIN_COOKIE), 302);
    ck_assert_uint_eq(get(GOOD, LOGIN_COOKIE), 429);
    ck_assert_uint_eq(rig_seen(&rig).callbacks, 3);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_uint_eq(
            get("/connect/google/callback?state=s&code=c", "Cookie: cloister-connect=c\r\n"), 302);
    ck_assert_uint_eq(get("/", ""), 200);
}
END_TEST

static uint64_t waited(const char *path, const char *headers, unsigned wanted) {
    uint64_t began = clock_ms();
    unsigned status;
    while ((status = get(path, headers)) == 429) {
        ck_assert_uint_lt(clock_ms() - began, 8000);
        (void)poll(NULL, 0, 20);
    }
    ck_assert_uint_eq(status, wanted);
    return clock_ms() - began;
}

START_TEST(test_back_off) {
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(get(BAD, LOGIN_COOKIE), 400);
    unsigned before = rig_seen(&rig).callbacks;
    ck_assert_uint_eq(get(BAD, LOGIN_COOKIE), 429);
    ck_assert_uint_eq(get("/login", ""), 429);
    ck_assert_uint_eq(rig_seen(&rig).callbacks, before);    /* not even asked */
    ck_assert_uint_ge(waited(BAD, LOGIN_COOKIE, 400), 200); /* 400 ms in all; then it doubles */
    ck_assert_uint_ge(waited(BAD, LOGIN_COOKIE, 400), 700);
    (void)waited(GOOD, LOGIN_COOKIE, 302); /* which forgets all that */
    for (unsigned i = 0; i < 2; i++)
        ck_assert_uint_eq(get(BAD, LOGIN_COOKIE), 400);
    ck_assert_uint_eq(get("/login", ""), 302);
}
END_TEST

/* Somebody behind the same address may fail as often as they like: nobody is kept out for long. */
START_TEST(test_neighbours) {
    const struct gateway_limits limits = GATEWAY_LIMITS_DEFAULT;
    const struct throttle_rule rule = {limits.sign_in_failures, limits.sign_in_wait_ms,
                                       limits.sign_in_wait_max_ms};
    const struct in6_addr address = {0};
    SCOPE_FREE void *memory = calloc(1, throttle_size());
    struct throttle *throttle = throttle_begin(memory, &rule, false, 0);
    uint64_t now = 1, longest = 0;
    for (unsigned i = 0; i < 100; i++) {
        throttle_failed(throttle, &address, now);
        uint64_t wait = throttle_wait(throttle, &address, now);
        longest = wait > longest ? wait : longest;
        now += wait;
    }
    ck_assert_uint_ge(longest, 10000);
    ck_assert_uint_le(longest, 30000);
}
END_TEST

/* What a person decides at Google is no failed attempt, and connecting is no sign-in. */
START_TEST(test_no_failures) {
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_uint_eq(get(REFUSED, LOGIN_COOKIE), 409);
        ck_assert_uint_eq(get(BAD, "Cookie: cloister-connect=c\r\n"), 400);
        ck_assert_uint_eq(get(BAD, ""), 403);
    }
    ck_assert_uint_eq(get("/login", ""), 302);
}
END_TEST

static void use_up(const char *headers) {
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(get("/login", headers), 302);
    ck_assert_uint_eq(get("/login", headers), 429);
}

/* Nobody believes the header from a peer that is not listed. */
START_TEST(test_not_trusted) {
    use_up("X-Forwarded-For: 192.0.2.1\r\n");
    ck_assert_uint_eq(get("/login", "X-Forwarded-For: 192.0.2.2\r\n"), 429);
    ck_assert_uint_eq(get("/login", ""), 429);
}
END_TEST

START_TEST(test_proxy) {
    use_up("X-Forwarded-For: 192.0.2.1\r\n");
    ck_assert_uint_eq(get("/login", "X-Forwarded-For: 192.0.2.2\r\n"), 302);
    /* The last one counts: what a client wrote itself stands before it. */
    ck_assert_uint_eq(get("/login", "X-Forwarded-For: 192.0.2.9, 192.0.2.1\r\n"), 429);
    ck_assert_uint_eq(get("/login", "X-Forwarded-For: 192.0.2.9\r\n"
                                    "X-Forwarded-For: 192.0.2.1\r\n"),
                      429);
    /* Proxies behind proxies are passed over. */
    ck_assert_uint_eq(get("/login", "X-Forwarded-For: 192.0.2.1, 10.0.0.9 ,127.0.0.1\r\n"), 429);
    ck_assert_uint_eq(get("/login", "X-Forwarded-For: 192.0.2.1, 2001:db8:0::7\r\n"), 429);
    /* Keys are limited by the same address, and one IPv6 network is one address. */
    use_up("X-Forwarded-For: 2001:db8:1:2::1\r\n");
    ck_assert_uint_eq(get("/login", "X-Forwarded-For: 2001:db8:1:2:3::4\r\n"), 429);
    ck_assert_uint_eq(get("/login", "X-Forwarded-For: 2001:db8:1:3::1\r\n"), 302);
    /* Malformed, missing or nothing but proxies: the peer itself. */
    use_up("X-Forwarded-For: nonsense\r\n");
    static const char *const peers[] = {
        "",
        "X-Forwarded-For: \r\n",
        "X-Forwarded-For: 192.0.2.77:1234\r\n",
        "X-Forwarded-For: 192.0.2.77, unknown\r\n",
        "X-Forwarded-For: 192.0.2.77,\r\n",
        "X-Forwarded-For: 010.0.2.77\r\n",
        "X-Forwarded-For: 127.0.0.1, 10.0.0.9\r\n",
        "Forwarded: for=192.0.2.77\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(peers); i++)
        ck_assert_msg(get("/login", peers[i]) == 429, "%s", peers[i]);
    ck_assert_uint_eq(get("/login", "X-Forwarded-For: 192.0.2.77\r\n"), 302);
}
END_TEST

/* ---- connections, keys, the public ---- */

static void crowded_start(const char *config) {
    struct gateway_limits limits = rig_limits();
    limits.connections = 20;
    limits.connections_per_address = 8;
    limits.bad_key_burst = 3;
    limits.public_burst = 4;
    limits.public_rate = 1;
    rig_start(&rig, &limits, config);
}

static void crowded_setup(void) {
    crowded_start("public_url=https://cloister.example");
}

static void proxied_setup(void) {
    crowded_start("trusted_proxies=127.0.0.1");
}

START_TEST(test_crowd) {
    int fds[8];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = rig_connect(&rig);
        rig_send_text(fds[i], "GET /");
    }
    SCOPE_FD int late = rig_connect(&rig);
    SCOPE_FREE char *got = rig_read_all(late, 65536, NULL);
    check_problem(got, 503, "too_many_connections");
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
    uint64_t until = clock_ms() + 8000;
    for (;;) {
        SCOPE_FREE char *again = rig_call(&rig, "GET", "/v1/users/ann/memory", "", NULL);
        if (status_of(again) == 200)
            break;
        ck_assert_uint_lt(clock_ms(), until);
    }
}
END_TEST

/* Who was refused and does not hang up is hung up on: it keeps nobody's place for long. */
START_TEST(test_the_refused_go) {
    int fds[8];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = rig_connect(&rig);
        rig_send_text(fds[i], "nonsense\r\n\r\n");
        SCOPE_FREE char *got = rig_read_until(fds[i], "\r\n\r\n");
        ck_assert_uint_eq(status_of(got), 400);
    }
    uint64_t until = clock_ms() + 8000;
    for (;;) {
        SCOPE_FREE char *again = rig_call(&rig, "GET", "/v1/users/ann/memory", "", NULL);
        if (status_of(again) == 200)
            break;
        ck_assert_uint_eq(status_of(again), 503);
        ck_assert_uint_lt(clock_ms(), until);
    }
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
}
END_TEST

/* Behind a reverse proxy everybody comes from one address. */
START_TEST(test_proxy_is_no_crowd) {
    int fds[12];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = rig_connect(&rig);
        rig_send_text(fds[i], "GET /");
    }
    SCOPE_FREE char *got = rig_call(&rig, "GET", "/v1/users/ann/memory", "", NULL);
    ck_assert_uint_eq(status_of(got), 200);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
}
END_TEST

START_TEST(test_rates) {
    static const char bad[] = "GET /v1/users/a/memory HTTP/1.1\r\nHost: x\r\n\r\n";
    for (unsigned i = 0; i < 3; i++) {
        SCOPE_FREE char *got = rig_raw(&rig, bad, sizeof(bad) - 1);
        check_problem(got, 401, "unauthorized");
    }
    SCOPE_FREE char *limited = rig_raw(&rig, bad, sizeof(bad) - 1);
    check_problem(limited, 429, "rate_limited");
    ck_assert(has_header(limited, "Retry-After: "));
    /* A good key is not punished for its neighbours. */
    SCOPE_FREE char *good = rig_call(&rig, "GET", "/v1/users/ann/memory", "", NULL);
    ck_assert_uint_eq(status_of(good), 200);
    for (unsigned i = 0; i < 4; i++) {
        SCOPE_FREE char *got = rig_call(&rig, "GET", "/healthz", "", NULL);
        ck_assert_uint_eq(status_of(got), 200);
    }
    SCOPE_FREE char *often = rig_call(&rig, "GET", "/healthz", "", NULL);
    check_problem(often, 429, "rate_limited");
}
END_TEST

/* Whoever shows some session, or none where one is needed: each costs a look at the database, or
 * could guess. */
static unsigned at_public_rate(const char *method, const char *path, const char *headers,
                               const char *form) {
    SCOPE_FREE char *got = rig_browse(&rig, method, path, headers, form);
    return status_of(got);
}

START_TEST(test_rate_of_sessions) {
    static const char cookie[] = "Cookie: __Host-cloister-session=session-of-nobody\r\n";
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_ne(at_public_rate("GET", "/v1/session", cookie, NULL), 429);
    ck_assert_uint_eq(at_public_rate("GET", "/v1/session", cookie, NULL), 429);
}
END_TEST

START_TEST(test_rate_of_strangers) {
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_ne(at_public_rate("POST", "/connect", "", "features=events"), 429);
    ck_assert_uint_eq(at_public_rate("POST", "/connect", "", "features=events"), 429);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway limits");
    TCase *tcase = tcase_create("bursts"), *failures = tcase_create("failures"),
          *proxy = tcase_create("proxy"), *crowd = tcase_create("crowd"),
          *proxied = tcase_create("crowd behind a proxy");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_checked_fixture(failures, setup_failures, teardown);
    tcase_add_checked_fixture(proxy, setup_proxy, teardown);
    tcase_set_timeout(failures, 40);
    tcase_set_timeout(proxy, 20);
    tcase_set_timeout(tcase, 20);
    tcase_add_test(tcase, test_bursts);
    tcase_add_test(tcase, test_not_trusted);
    tcase_add_test(failures, test_back_off);
    tcase_add_test(failures, test_neighbours);
    tcase_add_test(failures, test_no_failures);
    tcase_add_test(proxy, test_proxy);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, failures);
    tcase_add_checked_fixture(crowd, crowded_setup, teardown);
    tcase_set_timeout(crowd, 30);
    tcase_add_test(crowd, test_crowd);
    tcase_add_test(crowd, test_the_refused_go);
    tcase_add_test(crowd, test_rates);
    tcase_add_test(crowd, test_rate_of_sessions);
    tcase_add_test(crowd, test_rate_of_strangers);
    tcase_add_checked_fixture(proxied, proxied_setup, teardown);
    tcase_add_test(proxied, test_proxy_is_no_crowd);
    suite_add_tcase(suite, proxy);
    suite_add_tcase(suite, crowd);
    suite_add_tcase(suite, proxied);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
