/* Browsers that are signed in: what their cookie opens, what is refused, and what comes back. Every
 * refusal stands beside the same request that succeeds. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/gateway/rig.h"

#define COOKIE "Cookie: other=1; __Host-cloister-session=good-session\r\n"
#define AGING  "Cookie: __Host-cloister-session=aging-session\r\n"
#define OVER   "Cookie: __Host-cloister-session=ended-session\r\n"
#define CSRF   "Cloister-CSRF: good-csrf\r\n"
#define OURS   "Origin: http://127.0.0.1:8420\r\nSec-Fetch-Site: same-origin\r\n"
#define YOUNG                                                                                      \
    "Set-Cookie: __Host-cloister-session=young-session; Path=/; Max-Age=7200; HttpOnly; "          \
    "SameSite=Lax; Secure\r"

static struct rig rig;

static void setup(void) {
    struct gateway_limits limits = rig_limits();
    rig_start(&rig, &limits, "");
}

static void teardown(void) {
    rig_stop(&rig);
}

/* JSON bodies and forms go their own ways; everything else is the same. */
static char *ask(const char *method, const char *path, const char *headers, const char *body) {
    char request[4096];
    const char *type =
        body != NULL && body[0] == '{' ? "application/json" : "application/x-www-form-urlencoded";
    int n = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\n%s", method, path,
                     headers);
    if (body != NULL)
        n += snprintf(request + n, sizeof(request) - (size_t)n,
                      "Content-Type: %s\r\nContent-Length: %zu\r\n", type, strlen(body));
    n += snprintf(request + n, sizeof(request) - (size_t)n, "\r\n%s", body != NULL ? body : "");
    return rig_raw(&rig, request, (size_t)n);
}

static const struct {
    const char *method, *path, *body; /* of the session's user */
    unsigned status;
    bool changes; /* needs the csrf token */
} api[] = {
    {"POST", "/v1/chat", "{\"message\":\"say hi\"}", 200, true},
    {"POST", "/v1/chat", "{\"user\":\"me\",\"message\":\"say hi\"}", 200, true},
    {"POST", "/v1/proposals/" RIG_PROPOSAL "/confirm", NULL, 200, true},
    {"POST", "/v1/proposals/" RIG_PROPOSAL "/reject", "{\"user\":\"me\"}", 200, true},
    {"DELETE", "/v1/users/me/session", NULL, 204, true},
    {"GET", "/v1/users/me/memory", NULL, 200, false},
    {"DELETE", "/v1/users/me/memory", NULL, 204, true},
    {"PUT", "/v1/users/me/memory/m1", "{\"text\":\"late\"}", 200, true},
    {"DELETE", "/v1/users/me/memory/m1", NULL, 204, true},
    {"GET", "/v1/users/me/connections/google", NULL, 200, false},
    {"DELETE", "/v1/users/me/connections/google", NULL, 200, true},
    {"DELETE", "/v1/users/me/grants", NULL, 204, true},
    {"GET", "/v1/session", NULL, 200, false},
};

/* The session and its token alone are passed on; a grant never comes back to a browser. */
START_TEST(test_good) {
    SCOPE_FREE char *got = ask(api[_i].method, api[_i].path, COOKIE CSRF OURS, api[_i].body);
    ck_assert_msg(status_of(got) == api[_i].status, "%s", got);
    struct fake_seen now = rig_seen(&rig);
    ck_assert_str_eq(now.last_session, "good-session");
    ck_assert_str_eq(now.last_csrf, "good-csrf");
    ck_assert_str_eq(now.last_user, "");
    ck_assert_str_eq(now.last_frontend, "");
    ck_assert_str_eq(now.last_grant, "");
    ck_assert_ptr_null(strstr(got, "grant\":"));
    ck_assert_ptr_null(strcasestr(got, "Cloister-Grant"));
    ck_assert_ptr_null(strstr(got, "good-session"));
    ck_assert(has_header(got, "Cache-Control: no-store\r"));
}
END_TEST

START_TEST(test_without_token) {
    SCOPE_FREE char *got = ask(api[_i].method, api[_i].path, COOKIE, api[_i].body);
    if (api[_i].changes)
        check_problem(got, 403, "csrf_invalid");
    else
        ck_assert_uint_eq(status_of(got), api[_i].status);
    SCOPE_FREE char *odd =
        ask(api[_i].method, api[_i].path, COOKIE "Cloister-CSRF: a b\r\n", api[_i].body);
    check_problem(odd, 403, "csrf_invalid");
    ck_assert_uint_eq(rig_seen(&rig).changes, 0);
}
END_TEST

/* Fetch Metadata and Origin: whatever another website can make a browser send. */
START_TEST(test_from_elsewhere) {
    static const char *const bad[] = {
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: nonsense\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://127.0.0.1:8421\r\n",
        "Origin: http://127.0.0.1:8420.evil.example\r\n",
        "Origin: " RIG_ORIGIN "\r\n", /* may call the API, not act as who is signed in */
        "Origin: http://127.0.0.1:8420\r\nSec-Fetch-Site: cross-site\r\n",
        "Origin: https://evil.example\r\nSec-Fetch-Site: same-origin\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char headers[400];
        (void)snprintf(headers, sizeof(headers), COOKIE CSRF "%s", bad[i]);
        SCOPE_FREE char *got = ask(api[_i].method, api[_i].path, headers, api[_i].body);
        check_problem(got, 403, "csrf_invalid");
        ck_assert_ptr_null(strcasestr(got, "Access-Control-Allow-Credentials"));
    }
    ck_assert_str_eq(rig_seen(&rig).last_session, ""); /* nothing reached cloisterd */
    SCOPE_FREE char *control =
        ask(api[_i].method, api[_i].path, COOKIE CSRF "Sec-Fetch-Site: none\r\n", api[_i].body);
    ck_assert_uint_eq(status_of(control), api[_i].status);
}
END_TEST

START_TEST(test_over) {
    SCOPE_FREE char *got = ask(api[_i].method, api[_i].path, OVER CSRF, api[_i].body);
    check_problem(got, 401, "session_invalid");
    ck_assert(has_header(got, "WWW-Authenticate: Cloister-Session"));
    static const char *const none[] = {"", "Cookie: __Host-cloister-session=\r\n",
                                       "Cookie: cloister-session=good-session\r\n",
                                       "Cookie: __Host-cloister-session=a b\r\n",
                                       "Cookie: __Host-cloister-session=good-session; "
                                       "__Host-cloister-session=other\r\n"};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        SCOPE_FREE char *nobody = ask(api[_i].method, api[_i].path, none[i], api[_i].body);
        check_problem(nobody, 401,
                      strcmp(api[_i].path, "/v1/session") == 0 ? "session_invalid"
                                                               : "unauthorized");
        ck_assert(has_header(nobody, "WWW-Authenticate: "));
    }
}
END_TEST

/* Nobody but oneself, whatever the path or the body says. */
START_TEST(test_other_users) {
    static const char *const paths[] = {"/v1/users/ann/memory", "/v1/users/Me/memory",
                                        "/v1/users/me%20/memory"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        SCOPE_FREE char *got = ask("GET", paths[i], COOKIE, NULL);
        check_problem(got, 403, "not_allowed");
    }
    SCOPE_FREE char *chat =
        ask("POST", "/v1/chat", COOKIE CSRF, "{\"user\":\"ann\",\"message\":\"say hi\"}");
    check_problem(chat, 403, "not_allowed");
    ck_assert_uint_eq(rig_seen(&rig).chats, 0);
    /* Links and codes belong to frontends: no session makes or redeems them here. */
    SCOPE_FREE char *link = ask("POST", "/v1/users/me/connect-links", COOKIE CSRF OURS,
                                "{\"features\":[\"events\"],\"return_to\":\"" RIG_RETURN "\"}");
    check_problem(link, 401, "unauthorized");
    SCOPE_FREE char *code =
        ask("POST", "/v1/users/me/connections/redeem", COOKIE CSRF OURS, "{\"code\":\"abc\"}");
    check_problem(code, 401, "unauthorized");
}
END_TEST

/* A key wins over a cookie, and a wrong key is not saved by one. */
START_TEST(test_key_wins) {
    SCOPE_FREE char *got =
        rig_call(&rig, "GET", "/v1/users/ann/memory",
                 COOKIE "Cloister-Grant: g\r\nOrigin: https://x.example\r\n", NULL);
    ck_assert_uint_eq(status_of(got), 200);
    struct fake_seen now = rig_seen(&rig);
    ck_assert_str_eq(now.last_session, "");
    ck_assert_str_eq(now.last_frontend, "demo");
    ck_assert_str_eq(now.last_user, "ann");
    ck_assert_str_eq(now.last_grant, "g");
    SCOPE_FREE char *wrong =
        ask("GET", "/v1/users/me/memory", COOKIE "Authorization: Bearer wrong-key\r\n", NULL);
    check_problem(wrong, 401, "unauthorized");
}
END_TEST

START_TEST(test_session) {
    SCOPE_FREE char *got = ask("GET", "/v1/session", COOKIE, NULL);
    ck_assert_str_eq(body_of(got),
                     "{\"account\":\"ann<b>&\\\"@example.org\",\"csrf\":\"good-csrf\"}");
    ck_assert(!has_header(got, "Set-Cookie"));
    SCOPE_FREE char *aging = ask("GET", "/v1/session", AGING, NULL);
    ck_assert_msg(has_header(aging, YOUNG), "%s", aging);
    ck_assert_ptr_null(strstr(body_of(aging), "young-session"));
    SCOPE_FREE char *nobody = ask("GET", "/v1/session", "", NULL);
    ck_assert_ptr_nonnull(strstr(nobody, "\"action_url\":\"http://127.0.0.1:8420/login\""));
}
END_TEST

START_TEST(test_root) {
    SCOPE_FREE char *out = ask("GET", "/", "", NULL);
    ck_assert_uint_eq(status_of(out), 200);
    ck_assert_ptr_nonnull(strstr(out, "href=\"/login\""));
    ck_assert(!has_header(out, "Set-Cookie"));
    SCOPE_FREE char *in = ask("GET", "/", COOKIE "Sec-Fetch-Site: cross-site\r\n", NULL);
    ck_assert_uint_eq(status_of(in), 200);
    ck_assert_ptr_nonnull(strstr(in, "<meta name=\"csrf\" content=\"good-csrf\">"));
    ck_assert_ptr_nonnull(strstr(in, "ann&lt;b&gt;&amp;&quot;@example.org"));
    ck_assert_ptr_null(strstr(in, "ann<b>"));
    ck_assert(has_header(in, "Referrer-Policy: same-origin\r"));
    SCOPE_FREE char *aging = ask("GET", "/?connected", AGING, NULL);
    ck_assert(has_header(aging, YOUNG));
    ck_assert_ptr_nonnull(strstr(aging, "Your Google Calendar is connected."));
    SCOPE_FREE char *missing = ask("GET", "/?missing=events", COOKIE, NULL);
    ck_assert_ptr_nonnull(strstr(missing, "Connected, but without the right to read and change"));
    SCOPE_FREE char *odd = ask("GET", "/?missing=%3Cscript%3E&connected=1", COOKIE, NULL);
    ck_assert_ptr_nonnull(strstr(odd, "Connected, but not with everything"));
    ck_assert_ptr_null(strstr(odd, "<script>"));
    SCOPE_FREE char *over = ask("GET", "/", OVER, NULL);
    ck_assert_uint_eq(status_of(over), 200);
    ck_assert_ptr_nonnull(strstr(over, "You have been signed out."));
    ck_assert(has_header(over, "Set-Cookie: __Host-cloister-session=; Path=/; Max-Age=0; HttpOnly; "
                               "SameSite=Lax; Secure\r"));
    SCOPE_FREE char *head = ask("HEAD", "/", COOKIE, NULL);
    ck_assert_uint_eq(status_of(head), 200);
    ck_assert_str_eq(body_of(head), "");
}
END_TEST

static void check_sent_to(const char *got, const char *location) {
    char line[200];
    (void)snprintf(line, sizeof(line), "Location: %s\r", location);
    ck_assert_msg(status_of(got) == 303 && has_header(got, line), "wanted %s: %s", location, got);
}

START_TEST(test_strangers_on_pages) {
    SCOPE_FREE char *page = ask("GET", "/connect", "", NULL);
    check_sent_to(page, "/login");
    SCOPE_FREE char *over = ask("GET", "/connect", OVER, NULL);
    check_sent_to(over, "/login");
    SCOPE_FREE char *form = ask("POST", "/connect", "", "csrf=good-csrf&features=events");
    ck_assert_uint_eq(status_of(form), 401);
    SCOPE_FREE char *out = ask("POST", "/logout", "", "csrf=good-csrf");
    check_sent_to(out, "/");
    SCOPE_FREE char *key = rig_call(&rig, "GET", "/connect", "", NULL); /* a key opens no page */
    check_sent_to(key, "/login");
}
END_TEST

static void check_page(const char *got, unsigned status, const char *title) {
    ck_assert_msg(status_of(got) == status, "%s", got);
    ck_assert(has_header(got, "Content-Type: text/html; charset=utf-8\r"));
    ck_assert_msg(strstr(got, title) != NULL, "wanted %s: %s", title, got);
}

/* Whoever is signed out in the middle of a form gets back what they typed; so does who sends it
 * with the token of an earlier session. Not so who was led to send it. */
START_TEST(test_typed_is_kept) {
    static const char form[] = "csrf=other-csrf&act=save&id=" RIG_MEMORY "&text=late+%3Cb%3E",
                      kept[] = " readonly>late &lt;b&gt;</textarea>";
    static const struct {
        const char *headers;
        unsigned status;
        const char *title;
    } rows[] = {{"", 401, "You have been signed out"},
                {OVER, 401, "You have been signed out"},
                {COOKIE OURS, 403, "That page was no longer good"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        SCOPE_FREE char *got = ask("POST", "/memory", rows[i].headers, form);
        check_page(got, rows[i].status, rows[i].title);
        ck_assert_msg(strstr(got, kept) != NULL, "%s", got);
        ck_assert_ptr_null(strstr(got, "other-csrf"));
    }
    SCOPE_FREE char *cross = ask("POST", "/memory", COOKIE "Sec-Fetch-Site: cross-site\r\n", form);
    check_page(cross, 403, "That page was no longer good");
    ck_assert_ptr_null(strstr(cross, "late"));
    SCOPE_FREE char *led = ask("POST", "/memory", "Sec-Fetch-Site: cross-site\r\n", form);
    check_sent_to(led, "/");
    SCOPE_FREE char *nothing = ask("POST", "/memory", "", "csrf=good-csrf&act=empty&sure=1");
    check_page(nothing, 401, "target=\"_self\"");
    ck_assert_ptr_null(strstr(nothing, "What you wrote"));
    ck_assert_uint_eq(rig_seen(&rig).changes, 0);
}
END_TEST

START_TEST(test_connect_page) {
    SCOPE_FREE char *got = ask("GET", "/connect", AGING "Sec-Fetch-Site: cross-site\r\n", NULL);
    ck_assert_uint_eq(status_of(got), 200);
    ck_assert(has_header(got, YOUNG));
    ck_assert(has_header(got, "Referrer-Policy: same-origin\r"));
    ck_assert_ptr_nonnull(strstr(got, "name=\"csrf\" value=\"good-csrf\""));
    ck_assert_ptr_nonnull(strstr(got, "value=\"events\""));
    ck_assert_ptr_nonnull(strstr(got, "state on"));
    ck_assert_ptr_nonnull(strstr(got, "state off"));
    ck_assert_ptr_nonnull(strstr(got, "hidden><input type=\"checkbox\" name=\"switch_account\""));
    SCOPE_FREE char *other = ask("GET", "/connect?switch=1", COOKIE, NULL);
    ck_assert_uint_eq(status_of(other), 200);
    ck_assert_ptr_null(strstr(other, "hidden><input type=\"checkbox\" name=\"switch_account\""));
}
END_TEST

START_TEST(test_connect_form) {
    SCOPE_FREE char *got = ask("POST", "/connect", COOKIE OURS,
                               "csrf=good-csrf&features=availability&features=events");
    check_sent_to(got, "http://127.0.0.1/connect/abc");
    struct fake_seen now = rig_seen(&rig);
    ck_assert_str_eq(now.last_return, "http://127.0.0.1:8420/");
    ck_assert_str_eq(now.last_features, "availability events ");
    ck_assert_str_eq(now.last_session, "good-session");
    ck_assert(!now.last_switch);
    SCOPE_FREE char *one = ask("POST", "/connect", COOKIE,
                               "csrf=good-csrf&features=events&switch_account=1&unknown=x%2Fy");
    check_sent_to(one, "http://127.0.0.1/connect/abc");
    ck_assert(rig_seen(&rig).last_switch);
    ck_assert_str_eq(rig_seen(&rig).last_features, "events ");
    SCOPE_FREE char *no =
        ask("POST", "/connect", COOKIE, "csrf=good-csrf&features=events&switch_account=0");
    check_sent_to(no, "http://127.0.0.1/connect/abc");
    ck_assert(!rig_seen(&rig).last_switch);
}
END_TEST

START_TEST(test_bad_forms) {
    static const struct {
        const char *body;
        unsigned status;
        const char *title;
    } bad[] = {
        {"csrf=good-csrf", 400, "Something was left out"},
        {"csrf=good-csrf&features=everything", 400, "Something was left out"},
        {"csrf=good-csrf&features=events&features=events", 400, "Something was left out"},
        {"csrf=good-csrf&features=events&switch_account=yes", 400, "Something was left out"},
        {"csrf=good-csrf&csrf=good-csrf&features=events", 400, "That form could not be read"},
        {"csrf=good-csrf&features=events&x=1&x=2", 400, "That form could not be read"},
        {"csrf=good-csrf&features=%zz", 400, "That form could not be read"},
        {"csrf=good-csrf&features=%00", 400, "That form could not be read"},
        {"csrf=good-csrf&features=%ff", 400, "That form could not be read"},
        {"csrf", 400, "That form could not be read"},
        {"features=events", 403, "That page was no longer good"},
        {"csrf=other&features=events", 403, "That page was no longer good"},
        {"csrf=%3Cb%3E&features=events", 403, "That page was no longer good"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        SCOPE_FREE char *got = ask("POST", "/connect", COOKIE OURS, bad[i].body);
        check_page(got, bad[i].status, bad[i].title);
    }
    ck_assert_uint_eq(rig_seen(&rig).changes, 0);
    /* The token of a header is none for a form: that is sent by scripts alone. */
    SCOPE_FREE char *header = ask("POST", "/connect", COOKIE CSRF, "features=events");
    check_page(header, 403, "That page was no longer good");
    SCOPE_FREE char *json = ask("POST", "/connect", COOKIE, "{\"features\":[\"events\"]}");
    ck_assert_uint_eq(status_of(json), 415);
    SCOPE_FREE char *cross = ask("POST", "/connect", COOKIE "Sec-Fetch-Site: cross-site\r\n",
                                 "csrf=good-csrf&features=events");
    check_page(cross, 403, "That page was no longer good");
    SCOPE_FREE char *origin =
        ask("POST", "/logout", COOKIE "Origin: https://evil.example\r\n", "csrf=good-csrf");
    check_page(origin, 403, "That page was no longer good");
    ck_assert_uint_eq(rig_seen(&rig).changes, 0);
}
END_TEST

START_TEST(test_logout) {
    static const char gone[] = "Set-Cookie: __Host-cloister-session=; Path=/; Max-Age=0; HttpOnly; "
                               "SameSite=Lax; Secure\r";
    SCOPE_FREE char *got = ask("POST", "/logout", COOKIE OURS, "csrf=good-csrf");
    check_sent_to(got, "/");
    ck_assert(has_header(got, gone));
    ck_assert(!rig_seen(&rig).last_everywhere);
    SCOPE_FREE char *all = ask("POST", "/logout", COOKIE, "csrf=good-csrf&everywhere=1");
    check_sent_to(all, "/");
    ck_assert(rig_seen(&rig).last_everywhere);
    SCOPE_FREE char *here = ask("POST", "/logout", COOKIE, "csrf=good-csrf&everywhere=0");
    check_sent_to(here, "/");
    ck_assert(!rig_seen(&rig).last_everywhere);
    SCOPE_FREE char *again = ask("POST", "/logout", OVER, "csrf=good-csrf");
    check_sent_to(again, "/");
    ck_assert(has_header(again, gone));
    SCOPE_FREE char *bad = ask("POST", "/logout", COOKIE, "csrf=wrong");
    check_page(bad, 403, "That page was no longer good");
    ck_assert(!has_header(bad, "Set-Cookie"));
}
END_TEST

/* ---- grants of frontends ---- */

START_TEST(test_renewed) {
    static const char old[] = "Cloister-Grant: old-grant\r\n";
    SCOPE_FREE char *list = rig_call(&rig, "GET", "/v1/users/ann/memory", old, NULL);
    ck_assert(has_header(list, "Cloister-Grant: fresh-grant\r"));
    SCOPE_FREE char *gone = rig_call(&rig, "DELETE", "/v1/users/ann/memory/m1", old, NULL);
    ck_assert_uint_eq(status_of(gone), 204);
    ck_assert(has_header(gone, "Cloister-Grant: fresh-grant\r"));
    static const char body[] = "{\"user\":\"ann\",\"message\":\"say hi\"}";
    SCOPE_FREE char *chat = rig_call(&rig, "POST", "/v1/chat", old, body);
    ck_assert(has_header(chat, "Cloister-Grant: fresh-grant\r"));
    ck_assert_ptr_nonnull(strstr(body_of(chat), ",\"grant\":\"fresh-grant\"}"));
    SCOPE_FREE char *stream =
        rig_call(&rig, "POST", "/v1/chat",
                 "Accept: text/event-stream\r\nCloister-Grant: old-grant\r\n", body);
    const char *done = strstr(stream, "event: done");
    ck_assert_ptr_nonnull(done);
    ck_assert_ptr_nonnull(strstr(done, "\"grant\":\"fresh-grant\""));
    SCOPE_FREE char *same =
        rig_call(&rig, "POST", "/v1/chat", "Cloister-Grant: good-grant\r\n", body);
    ck_assert_ptr_null(strcasestr(same, "grant"));
    SCOPE_FREE char *cors =
        rig_call(&rig, "GET", "/v1/users/ann/memory", "Origin: " RIG_ORIGIN "\r\n", NULL);
    ck_assert(has_header(
        cors, "Access-Control-Expose-Headers: X-Request-Id, Retry-After, Cloister-Grant, "
              "Traceparent\r"));
}
END_TEST

START_TEST(test_bad_grant) {
    SCOPE_FREE char *got =
        rig_call(&rig, "GET", "/v1/users/ann/memory", "Cloister-Grant: bad-grant\r\n", NULL);
    check_problem(got, 401, "grant_invalid");
    ck_assert(has_header(got, "WWW-Authenticate: Cloister-Grant"));
    ck_assert_ptr_null(strstr(got, "bad-grant"));
}
END_TEST

START_TEST(test_switch_account) {
    static const char *const flags[] = {"true", "false"};
    for (size_t i = 0; i < 2; i++) {
        char body[256];
        (void)snprintf(body, sizeof(body),
                       "{\"features\":[\"events\"],\"return_to\":\"" RIG_RETURN
                       "\",\"switch_account\":%s}",
                       flags[i]);
        SCOPE_FREE char *got =
            rig_call(&rig, "POST", "/v1/users/ann/connect-links", "Cloister-Grant: g2\r\n", body);
        ck_assert_uint_eq(status_of(got), 201);
        ck_assert(rig_seen(&rig).last_switch == (i == 0));
        ck_assert_str_eq(rig_seen(&rig).last_grant, "g2");
    }
    SCOPE_FREE char *odd = rig_call(&rig, "POST", "/v1/users/ann/connect-links", "",
                                    "{\"features\":[\"events\"],\"return_to\":\"" RIG_RETURN
                                    "\",\"switch_account\":1}");
    check_problem(odd, 400, "invalid_field");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway sessions");
    TCase *each = tcase_create("each route"), *tcase = tcase_create("sessions");
    tcase_add_checked_fixture(each, setup, teardown);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(each, 30);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(each, test_good, 0, (int)COUNT_OF(api));
    tcase_add_loop_test(each, test_without_token, 0, (int)COUNT_OF(api));
    tcase_add_loop_test(each, test_from_elsewhere, 0, (int)COUNT_OF(api));
    tcase_add_loop_test(each, test_over, 0, (int)COUNT_OF(api));
    tcase_add_test(tcase, test_other_users);
    tcase_add_test(tcase, test_key_wins);
    tcase_add_test(tcase, test_session);
    tcase_add_test(tcase, test_root);
    tcase_add_test(tcase, test_strangers_on_pages);
    tcase_add_test(tcase, test_typed_is_kept);
    tcase_add_test(tcase, test_connect_page);
    tcase_add_test(tcase, test_connect_form);
    tcase_add_test(tcase, test_bad_forms);
    tcase_add_test(tcase, test_logout);
    tcase_add_test(tcase, test_renewed);
    tcase_add_test(tcase, test_bad_grant);
    tcase_add_test(tcase, test_switch_account);
    suite_add_tcase(suite, each);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
