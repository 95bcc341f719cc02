/* How often one address may sign in, what failing costs it, and whose address that is when a
 * reverse proxy stands in between. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

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

int main(void) {
    Suite *suite = suite_create("gateway limits");
    TCase *tcase = tcase_create("bursts"), *failures = tcase_create("failures"),
          *proxy = tcase_create("proxy");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_checked_fixture(failures, setup_failures, teardown);
    tcase_add_checked_fixture(proxy, setup_proxy, teardown);
    tcase_set_timeout(failures, 40);
    tcase_set_timeout(proxy, 20);
    tcase_set_timeout(tcase, 20);
    tcase_add_test(tcase, test_bursts);
    tcase_add_test(tcase, test_not_trusted);
    tcase_add_test(failures, test_back_off);
    tcase_add_test(failures, test_no_failures);
    tcase_add_test(proxy, test_proxy);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, failures);
    suite_add_tcase(suite, proxy);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
