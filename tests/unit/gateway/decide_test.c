/* The owner's word on a proposal, and what is remembered as a page: over real sockets. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/gateway/rig.h"

#define COOKIE  "Cookie: __Host-cloister-session=good-session\r\n"
#define OVER    "Cookie: __Host-cloister-session=ended-session\r\n"
#define CONFIRM "/v1/proposals/" RIG_PROPOSAL "/confirm"
#define REJECT  "/v1/proposals/" RIG_PROPOSAL "/reject"

static struct rig rig;

static void setup(void) {
    struct gateway_limits limits = rig_limits();
    rig_start(&rig, &limits, "");
}

static void teardown(void) {
    rig_stop(&rig);
}

/* ---- deciding ---- */

START_TEST(test_answers_as_a_chat_does) {
    SCOPE_FREE char *json = rig_call(&rig, "POST", CONFIRM, "", NULL);
    take_request(json);
    ck_assert_msg(strncmp(body_of(json), "{\"turn\":\"turn-1\",\"reply\":\"Done.\",", 32) == 0,
                  "%s", json);
    ck_assert_ptr_nonnull(strstr(json, "\"proposals\":[]"));
    SCOPE_FREE char *stream =
        rig_call(&rig, "POST", REJECT, "Accept: text/event-stream\r\n", "{\"user\":\"ann\"}");
    ck_assert(has_header(stream, "Content-Type: text/event-stream"));
    ck_assert_ptr_nonnull(strstr(stream, "event: delta\ndata: {\"text\":\"Left as it was.\"}"));
    ck_assert_ptr_nonnull(strstr(stream, "event: done\n"));
    SCOPE_FREE char *neither = rig_call(&rig, "POST", REJECT, "Accept: text/html\r\n", NULL);
    check_problem(neither, 406, "not_acceptable");
}
END_TEST

START_TEST(test_what_is_passed_on) {
    SCOPE_FREE char *got =
        rig_call(&rig, "POST", CONFIRM, "Cloister-Grant: g1\r\nIdempotency-Key: key-7\r\n",
                 "{\"timezone\":\"Europe/Berlin\",\"message\":\"say x\",\"conversation\":\"c\"}");
    ck_assert_uint_eq(status_of(got), 200);
    struct fake_seen now = rig_seen(&rig);
    ck_assert_str_eq(now.last_proposal, RIG_PROPOSAL);
    ck_assert_str_eq(now.last_grant, "g1");
    ck_assert_str_eq(now.last_key, "key-7");
    ck_assert_str_eq(now.last_zone, "Europe/Berlin");
    ck_assert_str_eq(now.last_user, ""); /* cloisterd knows */
    ck_assert_str_eq(now.last_message, "");
    ck_assert_str_eq(now.last_conversation, "");
    SCOPE_FREE char *named = rig_call(&rig, "POST", CONFIRM, "", "{\"user\":\"bob\"}");
    ck_assert_uint_eq(status_of(named), 200);
    ck_assert_str_eq(rig_seen(&rig).last_user, "bob");
}
END_TEST

START_TEST(test_failures_are_statuses) {
    static const struct {
        const char *id, *code;
        unsigned status;
    } rows[] = {{RIG_PROPOSAL_USED, "proposal_used", 409},
                {RIG_PROPOSAL_GONE, "proposal_gone", 404},
                {RIG_PROPOSAL_OLD, "proposal_expired", 410},
                {"nonsense", "proposal_gone", 404},
                {"..%2Fchat", "proposal_gone", 404}};
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/proposals/%s/confirm", rows[_i].id);
    SCOPE_FREE char *got =
        rig_call(&rig, "POST", path, "Accept: text/event-stream, application/json\r\n", NULL);
    check_problem(got, rows[_i].status, rows[_i].code);
}
END_TEST

START_TEST(test_bad_requests) {
    SCOPE_FREE char *zone = rig_call(&rig, "POST", CONFIRM, "", "{\"timezone\":\"Mars/Base\"}");
    check_problem(zone, 400, "invalid_timezone");
    SCOPE_FREE char *user = rig_call(&rig, "POST", CONFIRM, "", "{\"user\":7}");
    check_problem(user, 400, "invalid_field");
    SCOPE_FREE char *nobody = rig_call(&rig, "POST", CONFIRM, "", "{\"user\":\"nobody\"}");
    check_problem(nobody, 404, "unknown_user");
    SCOPE_FREE char *grant = rig_call(&rig, "POST", CONFIRM, "Cloister-Grant: bad-grant\r\n", NULL);
    check_problem(grant, 401, "grant_invalid");
    SCOPE_FREE char *get = rig_call(&rig, "GET", CONFIRM, "", NULL);
    check_problem(get, 405, "method_not_allowed");
}
END_TEST

/* ---- correcting by the API ---- */

START_TEST(test_correct) {
    SCOPE_FREE char *got =
        rig_call(&rig, "PUT", "/v1/users/ann/memory/" RIG_MEMORY, "", "{\"text\":\"afternoons\"}");
    ck_assert_str_eq(body_of(got), "{\"id\":\"" RIG_MEMORY "\",\"text\":\"afternoons\","
                                   "\"created_at\":\"2026-01-01T00:00:00.000Z\"}");
    ck_assert_str_eq(rig_seen(&rig).last_memory, RIG_MEMORY);
    ck_assert_str_eq(rig_seen(&rig).last_message, "afternoons");
    SCOPE_FREE char *gone =
        rig_call(&rig, "PUT", "/v1/users/ann/memory/" RIG_MEMORY, "", "{\"text\":\"gone\"}");
    check_problem(gone, 404, "not_found");
    SCOPE_FREE char *blank =
        rig_call(&rig, "PUT", "/v1/users/ann/memory/" RIG_MEMORY, "", "{\"text\":\"  \"}");
    check_problem(blank, 400, "invalid_field");
    char text[1400] = "{\"text\":\"";
    memset(text + 9, 'x', 1201);
    strcpy(text + 1210, "\"}");
    SCOPE_FREE char *large = rig_call(&rig, "PUT", "/v1/users/ann/memory/m1", "", text);
    check_problem(large, 400, "invalid_field");
}
END_TEST

/* ---- the page ---- */

static void check_page(const char *got, unsigned status, const char *title) {
    ck_assert_msg(status_of(got) == status, "%s", got);
    ck_assert(has_header(got, "Content-Type: text/html; charset=utf-8\r"));
    ck_assert_msg(strstr(got, title) != NULL, "wanted %s: %s", title, got);
}

static void check_sent_to(const char *got, const char *where) {
    char line[128];
    (void)snprintf(line, sizeof(line), "Location: %s\r", where);
    ck_assert_msg(status_of(got) == 303 && has_header(got, line), "%s", got);
}

START_TEST(test_page) {
    SCOPE_FREE char *got = rig_browse(&rig, "GET", "/memory", COOKIE, NULL);
    check_page(got, 200, "What Cloister remembers");
    ck_assert_ptr_nonnull(strstr(got, ">mornings &lt;only&gt; &amp; &quot;early&quot;</textarea>"));
    ck_assert_ptr_nonnull(strstr(got, "name=\"id\" value=\"" RIG_MEMORY "\""));
    ck_assert_ptr_nonnull(strstr(got, "1 January 2026"));
    ck_assert_ptr_nonnull(strstr(got, "notes some"));
    SCOPE_FREE char *saved = rig_browse(&rig, "GET", "/memory?done=saved", COOKIE, NULL);
    ck_assert_ptr_nonnull(strstr(saved, "Saved."));
    SCOPE_FREE char *odd = rig_browse(&rig, "GET", "/memory?done=%3Cb%3E", COOKIE, NULL);
    check_page(odd, 200, "role=\"status\"></p>");
    SCOPE_FREE char *over = rig_browse(&rig, "GET", "/memory", OVER, NULL);
    check_sent_to(over, "/login");
    SCOPE_FREE char *nobody = rig_browse(&rig, "GET", "/memory", "", NULL);
    check_sent_to(nobody, "/login");
}
END_TEST

START_TEST(test_page_forms) {
    static const struct {
        const char *form, *to, *memory, *text;
    } rows[] = {
        {"act=save&id=" RIG_MEMORY "&text=late%0D%0Aand+early", "/memory?done=saved", RIG_MEMORY,
         "late and early"},
        {"act=save&id=" RIG_MEMORY "&text=gone", "/memory?done=gone", RIG_MEMORY, "gone"},
        {"act=delete&id=" RIG_MEMORY "&text=", "/memory?done=deleted", RIG_MEMORY, ""},
        {"act=delete&id=m1", "/memory?done=gone", "", ""},
        {"act=save&id=&text=x", "/memory?done=gone", "", ""},
        {"act=empty&sure=1", "/memory?done=emptied", "", ""},
        {"act=empty&sure=0", "/memory?done=unsure", "", ""},
        {"act=empty", "/memory?done=unsure", "", ""},
    };
    char form[256];
    (void)snprintf(form, sizeof(form), "csrf=good-csrf&%s", rows[_i].form);
    SCOPE_FREE char *got = rig_browse(&rig, "POST", "/memory", COOKIE, form);
    check_sent_to(got, rows[_i].to);
    struct fake_seen now = rig_seen(&rig);
    ck_assert_str_eq(now.last_memory, rows[_i].memory);
    ck_assert_str_eq(now.last_message, rows[_i].text);
    ck_assert_uint_eq(now.changes, _i < 3 || _i == 5);
}
END_TEST

START_TEST(test_page_bad_forms) {
    static const struct {
        const char *headers, *form;
        unsigned status;
        const char *title;
    } rows[] = {
        {COOKIE, "csrf=good-csrf&act=other&id=" RIG_MEMORY, 400, "Something was left out"},
        {COOKIE, "csrf=good-csrf&id=" RIG_MEMORY, 400, "Something was left out"},
        {COOKIE, "csrf=good-csrf&act=save&id=" RIG_MEMORY "&text=", 400, "Something was left out"},
        {COOKIE, "csrf=good-csrf&act=empty&sure=maybe", 400, "Something was left out"},
        {COOKIE, "act=empty&sure=1", 403, "That page was no longer good"},
        {COOKIE, "csrf=other&act=delete&id=" RIG_MEMORY, 403, "That page was no longer good"},
        {COOKIE "Origin: https://evil.example\r\n", "csrf=good-csrf&act=empty&sure=1", 403,
         "That page was no longer good"},
    };
    SCOPE_FREE char *got = rig_browse(&rig, "POST", "/memory", rows[_i].headers, rows[_i].form);
    check_page(got, rows[_i].status, rows[_i].title);
    ck_assert_ptr_null(strstr(got, "href=\"/connect\"")); /* it was no form of that page */
    ck_assert_uint_eq(rig_seen(&rig).changes, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway decide");
    TCase *tcase = tcase_create("decide");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_answers_as_a_chat_does);
    tcase_add_test(tcase, test_what_is_passed_on);
    tcase_add_loop_test(tcase, test_failures_are_statuses, 0, 5);
    tcase_add_test(tcase, test_bad_requests);
    tcase_add_test(tcase, test_correct);
    tcase_add_test(tcase, test_page);
    tcase_add_loop_test(tcase, test_page_forms, 0, 8);
    tcase_add_loop_test(tcase, test_page_bad_forms, 0, 7);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
