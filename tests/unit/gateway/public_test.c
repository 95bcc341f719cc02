/* The public instance by itself: what it answers before anybody behind it is asked. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/gateway/rig.h"

static struct rig rig;

static void setup(void) {
    struct gateway_limits limits = rig_limits();
    limits.keep_ms = 20; /* replies are read to the end */
    rig_start_public(&rig, &limits);
}

static void teardown(void) {
    rig_stop(&rig);
}

static char *mcp(const char *body) {
    return rig_call(&rig, "POST", "/mcp", "Accept: application/json, text/event-stream\r\n", body);
}

START_TEST(test_mcp_bodies) {
    static const char *const no_object[] = {"[]", "7", "\"text\"", "null"};
    for (size_t i = 0; i < COUNT_OF(no_object); i++) {
        SCOPE_FREE char *got = mcp(no_object[i]);
        ck_assert_msg(status_of(got) == 400 && strstr(got, "-32600") != NULL, "%s", got);
    }
    SCOPE_FREE char *broken = mcp("{");
    ck_assert_msg(status_of(broken) == 400 && strstr(broken, "-32700") != NULL, "%s", broken);
    SCOPE_FREE char *told = mcp("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    ck_assert_uint_eq(status_of(told), 202);
    ck_assert_msg(!has_header(told, "Content-Type:"), "%s", told);
}
END_TEST

/* Which version is spoken is agreed on in initialize: its header decides nothing, whatever a client
 * puts there. */
START_TEST(test_mcp_begins_with_any_header) {
    static const char *const versions[] = {"2025-11-25", "2026-07-28", "2099-01-01", "soon"};
    static const char body[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
        "\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"n\",\"version\":\"1\"}}}";
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        char head[128];
        (void)snprintf(
            head, sizeof(head),
            "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: %s\r\n",
            versions[i]);
        SCOPE_FREE char *got = rig_call(&rig, "POST", "/mcp", head, body);
        ck_assert_msg(status_of(got) == 200 && strstr(got, "\"2025-06-18\"") != NULL, "%s", got);
        SCOPE_FREE char *ping = rig_call(&rig, "POST", "/mcp", head,
                                         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}");
        ck_assert_msg((status_of(ping) == 200) == (i == 0), "%s", ping); /* the control */
    }
}
END_TEST

/* An answer names the id of what it answers, or none. */
START_TEST(test_mcp_ids) {
    static const char *const ids[] = {"{\"a\":1}", "[1]", "1.5", "true", "null"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        char body[80];
        (void)snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"ping\"}",
                       ids[i]);
        SCOPE_FREE char *got = mcp(body);
        ck_assert_msg(status_of(got) == 400 && strstr(got, "-32600") != NULL, "%s", got);
        ck_assert_msg(strstr(got, "\"id\":null") != NULL, "%s", got);
    }
}
END_TEST

/* A form of another site's page is refused, by an old browser's Origin alone, too; one of our own,
 * and one that does not say where it is from, gets past that. */
START_TEST(test_forms_from_elsewhere) {
    static const struct {
        const char *header;
        bool refused;
    } cases[] = {{"Origin: https://evil.example\r\n", true},
                 {"Sec-Fetch-Site: cross-site\r\n", true},
                 {"Origin: https://x\r\n", true},
                 {"Origin: file://x\r\n", true},
                 {"Origin: http://x\r\n", false},
                 {"Origin: null\r\n", false},
                 {"", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        SCOPE_FREE char *got =
            rig_browse(&rig, "POST", "/b/salon/inquire", cases[i].header, "key=k&name=Sam");
        ck_assert_msg((status_of(got) == 403) == cases[i].refused, "%zu: %s", i, got);
    }
}
END_TEST

/* What a page elsewhere has its reader's browser ask, perhaps by a name that leads here by now. */
START_TEST(test_programs_from_elsewhere) {
    static const struct {
        const char *headers;
        bool refused;
    } cases[] = {{"Origin: https://evil.example\r\n", true},
                 {"Origin: null\r\n", true},
                 {"Origin: http://x\r\n", false},
                 {"", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char headers[160];
        (void)snprintf(headers, sizeof(headers), "Accept: application/json\r\n%s",
                       cases[i].headers);
        SCOPE_FREE char *got = rig_call(&rig, "POST", "/mcp", headers,
                                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}");
        ck_assert_msg(status_of(got) == (cases[i].refused ? 403 : 200), "%zu: %s", i, got);
    }
}
END_TEST

START_TEST(test_unreadable_query) {
    static const char *const paths[] = {"/v1/businesses?place=%ff",
                                        "/v1/businesses?attribute=parking:%ff"};
    static const char *const names[] = {"place:", "attribute:"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        SCOPE_FREE char *got = rig_call(&rig, "GET", paths[i], "", NULL);
        ck_assert_msg(status_of(got) == 400 && strstr(got, "\"invalid_argument\"") != NULL, "%s",
                      got);
        ck_assert_msg(strstr(got, names[i]) != NULL, "%s", got);
    }
    SCOPE_FREE char *page = rig_browse(&rig, "GET", "/b?place=%ff", "", NULL);
    ck_assert_uint_eq(status_of(page), 400);
    static const char *const nothing[] = {"/v1/businesses/%ff", "/v1/businesses/%ff/availability",
                                          "/v1/inquiries/%c3", "/b/salon%80"};
    for (size_t i = 0; i < COUNT_OF(nothing); i++) {
        SCOPE_FREE char *got = rig_call(&rig, "GET", nothing[i], "", NULL);
        ck_assert_msg(status_of(got) == 404, "%s: %s", nothing[i], got);
    }
    SCOPE_FREE char *fine = rig_call(&rig, "GET", "/v1/businesses?place=Z%c3%bcrich", "", NULL);
    ck_assert_uint_eq(status_of(fine), 503); /* nobody is behind it */
}
END_TEST

/* Requests that come in pieces between those of others: everybody gets the answer to what they
 * asked, and nothing of anybody else's. */
START_TEST(test_callers_between_each_other) {
    static const char one[] = "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: "
                              "application/json\r\nAccept: application/json\r\n"
                              "Content-Length: 46\r\n\r\n"
                              "{\"jsonrpc\":\"2.0\",\"id\":\"first\",\"method\":\"ping\"}";
    static const char two[] = "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: "
                              "application/json\r\nAccept: application/json\r\n"
                              "Content-Length: 47\r\n\r\n"
                              "{\"jsonrpc\":\"2.0\",\"id\":\"second\",\"method\":\"ping\"}";
    for (size_t piece = 1; piece < sizeof(one) - 1; piece += 23) {
        SCOPE_FD int slow = rig_connect(&rig);
        SCOPE_FD int fast = rig_connect(&rig);
        rig_send(slow, one, piece);
        rig_send_text(fast, two);
        SCOPE_FREE char *second = rig_read_until(fast, "\"result\":{}}");
        rig_send_text(slow, one + piece);
        SCOPE_FREE char *first = rig_read_until(slow, "\"result\":{}}");
        ck_assert_uint_eq(status_of(first), 200);
        ck_assert_uint_eq(status_of(second), 200);
        ck_assert_ptr_nonnull(strstr(first, "\"id\":\"first\""));
        ck_assert_ptr_null(strstr(first, "second"));
        ck_assert_ptr_nonnull(strstr(second, "\"id\":\"second\""));
        ck_assert_ptr_null(strstr(second, "first"));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway-public");
    TCase *tcase = tcase_create("public");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_mcp_bodies);
    tcase_add_test(tcase, test_mcp_begins_with_any_header);
    tcase_add_test(tcase, test_mcp_ids);
    tcase_add_test(tcase, test_callers_between_each_other);
    tcase_add_test(tcase, test_forms_from_elsewhere);
    tcase_add_test(tcase, test_programs_from_elsewhere);
    tcase_add_test(tcase, test_unreadable_query);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
