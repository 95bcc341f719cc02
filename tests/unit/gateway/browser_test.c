/* Browsers on their way: signing in, coming back from Google, the pages of what went wrong, what
 * pages are made of, their headers. And what nobody may ever read in any of it. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "gateway/assets.h"
#include "tests/unit/gateway/rig.h"

#define CALLBACK "/connect/google/callback"

static struct rig rig;

static void setup(void) {
    struct gateway_limits limits = rig_limits();
    rig_start(&rig, &limits, "\n[google]\nauth_url=https://accounts.example/o/auth?x=1");
}

static void setup_https(void) {
    struct gateway_limits limits = rig_limits();
    rig_start(&rig, &limits, "public_url=https://Cloister.example:443/");
}

static void setup_http(void) {
    struct gateway_limits limits = rig_limits();
    rig_start(&rig, &limits, "public_url=http://cloister.example");
}

static void teardown(void) {
    rig_stop(&rig);
}

static char *get(const char *path, const char *headers) {
    return rig_browse(&rig, "GET", path, headers, NULL);
}

static unsigned cookies_set(const char *got) {
    unsigned n = 0;
    for (const char *at = got; (at = strstr(at, "\r\nSet-Cookie: ")) != NULL && at < body_of(got);
         at++)
        n++;
    return n;
}

START_TEST(test_login) {
    SCOPE_FREE char *got = get("/login", "Cookie: __Host-cloister-session=good-session\r\n");
    ck_assert_uint_eq(status_of(got), 302);
    ck_assert(has_header(got, "Location: https://accounts.example/auth?state=in\r"));
    ck_assert(has_header(got, "Set-Cookie: __Host-cloister-login=login-1; Path=/; Max-Age=600; "
                              "HttpOnly; SameSite=Lax; Secure\r"));
    ck_assert_uint_eq(cookies_set(got), 1);
    ck_assert(!rig_seen(&rig).last_choose);
    SCOPE_FREE char *choose = get("/login?choose=1", "");
    ck_assert_uint_eq(status_of(choose), 302);
    ck_assert(rig_seen(&rig).last_choose);
    SCOPE_FREE char *form = rig_browse(&rig, "POST", "/login", "", "x=1");
    ck_assert_uint_eq(status_of(form), 405);
}
END_TEST

/* Signing in gives a session and takes the login cookie; connecting takes the connect cookie. */
START_TEST(test_back) {
    SCOPE_FREE char *in =
        get(CALLBACK "?state=in&code=sign-in", "Cookie: __Host-cloister-login=login-1\r\n");
    ck_assert_uint_eq(status_of(in), 302);
    ck_assert(has_header(in, "Location: http://127.0.0.1:8420/\r"));
    ck_assert(has_header(in, "Set-Cookie: __Host-cloister-session=young-session; Path=/; "
                             "Max-Age=3600; HttpOnly; SameSite=Lax; Secure\r"));
    ck_assert(has_header(in, "Referrer-Policy: no-referrer\r"));
    ck_assert_uint_eq(cookies_set(in), 2);
    const char *gone = "Set-Cookie: __Host-cloister-login=; Path=/; Max-Age=0; HttpOnly; "
                       "SameSite=Lax; Secure\r";
    ck_assert_ptr_nonnull(strstr(in, gone));
    struct fake_seen now = rig_seen(&rig);
    ck_assert_str_eq(now.last_login, "login-1");
    ck_assert_str_eq(now.last_cookie, "");
    ck_assert_str_eq(now.last_session, "");
    SCOPE_FREE char *connected =
        get(CALLBACK "?state=s&code=c", "Cookie: cloister-connect=fresh-cookie; "
                                        "__Host-cloister-session=good-session\r\n");
    ck_assert_uint_eq(status_of(connected), 302);
    ck_assert(has_header(connected, "Set-Cookie: cloister-connect=; Path=/; Max-Age=0; HttpOnly; "
                                    "SameSite=Lax\r"));
    ck_assert_uint_eq(cookies_set(connected), 1);
    now = rig_seen(&rig);
    ck_assert_str_eq(now.last_cookie, "fresh-cookie");
    ck_assert_str_eq(now.last_session, "good-session");
    ck_assert_str_eq(now.last_login, "");
}
END_TEST

START_TEST(test_not_the_browser) {
    SCOPE_FREE char *none =
        get(CALLBACK "?state=in&code=sign-in", "Cookie: __Host-cloister-session=good-session\r\n");
    ck_assert_uint_eq(status_of(none), 403);
    ck_assert_ptr_nonnull(strstr(none, "the browser you started in"));
    ck_assert_uint_eq(rig_seen(&rig).callbacks, 0); /* nothing to ask */
    SCOPE_FREE char *other =
        get(CALLBACK "?state=in&code=sign-in", "Cookie: __Host-cloister-login=login-2\r\n");
    ck_assert_uint_eq(status_of(other), 403);
    ck_assert_uint_eq(cookies_set(other), 0);
}
END_TEST

static void check_page(const char *got, unsigned status) {
    ck_assert_msg(status_of(got) == status, "%s", got);
    ck_assert(has_header(got, "Content-Type: text/html; charset=utf-8"));
    ck_assert(has_header(got, "Content-Security-Policy: default-src 'none'"));
    ck_assert(has_header(got, "Referrer-Policy: "));
    ck_assert(has_header(got, "X-Content-Type-Options: nosniff"));
    ck_assert(has_header(got, "Cache-Control: no-store"));
    ck_assert_ptr_nonnull(strstr(body_of(got), "<html lang=\"en\">"));
    ck_assert_ptr_nonnull(strstr(body_of(got), "<h1>"));
    ck_assert_ptr_null(strstr(body_of(got), "{{"));
}

START_TEST(test_connecting) {
    SCOPE_FREE char *opened = rig_call(&rig, "GET", "/connect/abc", "", NULL);
    ck_assert_uint_eq(status_of(opened), 302);
    ck_assert(has_header(opened, "Location: https://accounts.example/auth?state=s"));
    ck_assert(has_header(opened, "Set-Cookie: cloister-connect=fresh-cookie; Path=/; Max-Age=600; "
                                 "HttpOnly; SameSite=Lax\r"));
    ck_assert_str_eq(rig_seen(&rig).last_cookie, "");
    SCOPE_FREE char *back =
        rig_call(&rig, "GET", "/connect/google/callback?state=s&code=4%2Fabc&scope=a+b&authuser=0",
                 "Cookie: other=1; cloister-connect=fresh-cookie\r\n", NULL);
    ck_assert_uint_eq(status_of(back), 302);
    ck_assert(has_header(back, "Location: http://app.example/back?code=c"));
    ck_assert(has_header(back, "Set-Cookie: cloister-connect=; Path=/; Max-Age=0"));
    ck_assert_str_eq(rig_seen(&rig).last_cookie, "fresh-cookie");
    ck_assert_str_eq(rig_seen(&rig).last_code, "4/abc");
    SCOPE_FREE char *refused =
        rig_call(&rig, "GET", "/connect/google/callback?state=s&error=access_denied",
                 "Cookie: cloister-connect=c\r\n", NULL);
    check_page(refused, 409);
    ck_assert_ptr_nonnull(strstr(refused, "Nothing was connected"));
    SCOPE_FREE char *old = rig_call(&rig, "GET", "/connect/used", "", NULL);
    check_page(old, 410);
    SCOPE_FREE char *root = rig_call(&rig, "GET", "/", "", NULL);
    check_page(root, 200);
    SCOPE_FREE char *head = rig_call(&rig, "HEAD", "/", "", NULL);
    ck_assert_uint_eq(status_of(head), 200);
    ck_assert_str_eq(body_of(head), "");
}
END_TEST

START_TEST(test_connecting_bad) {
    static const struct {
        const char *path;
        unsigned status;
    } bad[] = {
        {"/connect/google/callback", 400},
        {"/connect/google/callback?state=s", 400},
        {"/connect/google/callback?code=c", 400},
        {"/connect/google/callback?state=s&code=c&error=x", 400},
        {"/connect/google/callback?state=s&state=t&code=c", 400},
        {"/connect/google/callback?state=%3Cb%3E&code=c", 400},
        {"/connect/google/callback?state=s&error=%3Cscript%3Ealert(1)%3C/script%3E", 400},
        {"/connect/google/callback?state=s&code=c", 403}, /* no cookie */
        {"/connect/%3Cscript%3E", 400},
        {"/connect/a%0d%0aX-Bad:%201", 400},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        SCOPE_FREE char *got = rig_call(&rig, "GET", bad[i].path, "", NULL);
        check_page(got, bad[i].status);
        ck_assert_ptr_null(strstr(got, "alert("));
        ck_assert(!has_header(got, "X-Bad"));
    }
}
END_TEST

/* Each failure, its page's first words, and where its one button leads: from another frontend's
 * link, from the web pages' own, and for who is signed in. */
static const struct {
    const char *failure, *title, *button, *web_button;
} failures[] = {
    {"link_invalid.400", "This link does not work", "/", "/connect"},
    {"link_expired.410", "This link has expired", "/", "/connect"},
    {"wrong_browser.403", "Please use the browser you started in", "/", "/connect"},
    {"consent_refused.409", "Nothing was connected", "/", "/connect"},
    {"connect_failed.502", "Google could not be connected", "/", "/connect"},
    {"wrong_account.409", "This is another Google account", "/", "/connect"},
    {"scopes_missing.409", "No box was ticked at Google", "/", "/connect"},
    {"sign_in_failed.502", "You could not be signed in", "/login", "/login"},
    {"sign_in_refused.409", "You are not signed in", "/login", "/login"},
    {"session_invalid.401", "You have been signed out", "/login", "/login"},
    {"csrf_invalid.403", "That page was no longer good", "/", "/"},
    {"rate_limited.429", "One moment, please", "/", "/"},
    {"supervisor_unavailable.503", "Just a moment", "/", "/"},
    {"database_unavailable.503", "Just a moment", "/", "/"},
    {"keys_unavailable.503", "Just a moment", "/", "/"},
    {"something_new.409", "Something went wrong", "/", "/"},
};

static void check_failure(const char *more, const char *cookies, const char *link) {
    char path[200], button[200];
    (void)snprintf(path, sizeof(path), CALLBACK "?state=s&code=fail.%s", more);
    (void)snprintf(button, sizeof(button), "href=\"%s\"", link);
    SCOPE_FREE char *got = get(path, cookies);
    const char *status = strchr(more, '.') + 1;
    ck_assert_uint_eq(status_of(got), strtoul(status, NULL, 10));
    ck_assert(has_header(got, "Content-Type: text/html; charset=utf-8\r"));
    ck_assert(has_header(got, "Referrer-Policy: no-referrer\r"));
    const char *main_part = strstr(body_of(got), "<h1");
    ck_assert_ptr_nonnull(main_part);
    ck_assert_msg(strstr(main_part, button) != NULL, "%s: wanted %s: %s", more, button, got);
    ck_assert_ptr_nonnull(strstr(got, "src=\"/assets/result.js\""));
    ck_assert_ptr_null(strstr(body_of(got), "state=s"));
    ck_assert_ptr_null(strstr(body_of(got), "fail."));
}

START_TEST(test_failures) {
    char more[100];
    const char *plain = "Cookie: cloister-connect=c\r\n";
    const char *signed_in = "Cookie: cloister-connect=c; __Host-cloister-session=good-session\r\n";
    SCOPE_FREE char *title = NULL;
    (void)snprintf(more, sizeof(more), "%s", failures[_i].failure);
    check_failure(more, plain, failures[_i].button);
    check_failure(more, signed_in, failures[_i].web_button);
    (void)snprintf(more, sizeof(more), "%s.web", failures[_i].failure);
    check_failure(more, plain, failures[_i].web_button);
    (void)snprintf(more, sizeof(more), "%s.app", failures[_i].failure);
    check_failure(more, signed_in, "http://app.example/?e=x");
    (void)snprintf(more, sizeof(more), CALLBACK "?state=s&code=fail.%s", failures[_i].failure);
    title = get(more, plain);
    ck_assert_msg(strstr(title, failures[_i].title) != NULL, "%s", title);
}
END_TEST

START_TEST(test_other_account) {
    const char *plain = "Cookie: cloister-connect=c\r\n";
    SCOPE_FREE char *web = get(CALLBACK "?state=s&code=fail.wrong_account.409.web", plain);
    ck_assert_ptr_nonnull(strstr(web, "href=\"/connect?switch=1\""));
    SCOPE_FREE char *app = get(CALLBACK "?state=s&code=fail.wrong_account.409.app", plain);
    ck_assert_ptr_null(strstr(app, "switch=1"));
    SCOPE_FREE char *said = get(CALLBACK "?state=s&code=fail.something_new.409", plain);
    ck_assert_ptr_nonnull(strstr(said, "In plain words."));
}
END_TEST

static void check_page_headers(const char *got, const char *policy) {
    static const char *const wanted[] = {
        "X-Content-Type-Options: nosniff\r",
        "X-Frame-Options: DENY\r",
        "Cross-Origin-Opener-Policy: same-origin\r",
        "Cross-Origin-Resource-Policy: same-origin\r",
        "Permissions-Policy: accelerometer=(), camera=()",
        "Cache-Control: no-store\r",
    };
    char line[600];
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        ck_assert_msg(has_header(got, wanted[i]), "%s: %s", wanted[i], got);
    (void)snprintf(line, sizeof(line),
                   "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src "
                   "'self'; img-src 'self' data:; connect-src 'self'; form-action 'self' %s; "
                   "base-uri 'none'; frame-ancestors 'none'\r",
                   policy);
    ck_assert_msg(has_header(got, line), "%s: %s", line, got);
    ck_assert_ptr_null(strcasestr(body_of(got), "style="));
    ck_assert_ptr_null(strcasestr(body_of(got), "<style"));
    for (const char *at = body_of(got); (at = strstr(at, "<script")) != NULL; at++)
        ck_assert_ptr_nonnull(memmem(at, strcspn(at, ">"), "src=\"/assets/", 13));
}

START_TEST(test_page_headers) {
    static const char *const pages[] = {"/", "/connect", "/connect/used", CALLBACK, "/docs"};
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        SCOPE_FREE char *got = get(pages[i], "Cookie: __Host-cloister-session=good-session\r\n");
        check_page_headers(got, "https://accounts.example http://127.0.0.1:8420");
        ck_assert(!has_header(got, "Strict-Transport-Security"));
    }
    SCOPE_FREE char *json = get("/v1/session", "");
    ck_assert(has_header(json, "X-Content-Type-Options: nosniff\r"));
    ck_assert(has_header(json, "Content-Security-Policy: default-src 'none'; "
                               "frame-ancestors 'none'\r"));
}
END_TEST

/* The setting was written as people do: capital letters, the port that https has anyway. */
START_TEST(test_https) {
    SCOPE_FREE char *got = get("/", "");
    check_page_headers(got, "https://accounts.google.com https://cloister.example");
    ck_assert(has_header(got, "Strict-Transport-Security: max-age=31536000\r"));
    SCOPE_FREE char *opened = get("/connect/abc", "");
    ck_assert(has_header(opened, "Set-Cookie: __Host-cloister-connect=fresh-cookie; Path=/; "
                                 "Max-Age=600; HttpOnly; SameSite=Lax; Secure\r"));
    SCOPE_FREE char *login = get("/login", "");
    ck_assert_uint_eq(status_of(login), 302);
    SCOPE_FREE char *ours = get("/v1/session", "Cookie: __Host-cloister-session=good-session\r\n"
                                               "Origin: https://cloister.example\r\n");
    ck_assert_uint_eq(status_of(ours), 200);
    SCOPE_FREE char *form =
        rig_browse(&rig, "POST", "/connect", "Cookie: __Host-cloister-session=good-session\r\n",
                   "csrf=good-csrf&features=events");
    ck_assert_uint_eq(status_of(form), 303);
    ck_assert_str_eq(rig_seen(&rig).last_return, "https://Cloister.example:443/");
}
END_TEST

START_TEST(test_plain_http) {
    SCOPE_FREE char *got = get("/login", "");
    ck_assert_uint_eq(status_of(got), 409);
    ck_assert_ptr_nonnull(strstr(got, "Signing in needs https"));
    ck_assert_uint_eq(rig_seen(&rig).sign_ins, 0);
}
END_TEST

/* ---- what pages are made of ---- */

static char *read_web(const char *name, size_t *ret_len) {
    static uint8_t text[1u << 20];
    char path[400];
    (void)snprintf(path, sizeof(path), WEB_DIR "/%s", name);
    ssize_t len = file_read(path, text, sizeof(text) - 1);
    ck_assert_msg(len >= 0, "%s", path);
    text[len] = '\0';
    *ret_len = (size_t)len;
    return (char *)text;
}

static const char *type_of(const char *name) {
    const char *dot = strrchr(name, '.');
    return strcmp(dot, ".js") == 0    ? "Content-Type: text/javascript; charset=utf-8\r"
           : strcmp(dot, ".css") == 0 ? "Content-Type: text/css; charset=utf-8\r"
           : strcmp(dot, ".svg") == 0 ? "Content-Type: image/svg+xml\r"
                                      : NULL;
}

/* Every file of the folder is in the program, byte for byte, and served unless it is a template. */
START_TEST(test_assets) {
    DIR *dir = opendir(WEB_DIR);
    ck_assert_ptr_nonnull(dir);
    unsigned served = 0;
    for (const struct dirent *at; (at = readdir(dir)) != NULL;) {
        char path[300];
        size_t len;
        if (at->d_name[0] == '.')
            continue;
        const char *type = type_of(at->d_name), *text = read_web(at->d_name, &len);
        const struct asset *asset = asset_find(at->d_name);
        ck_assert_msg(asset != NULL, "%s is not embedded: gateway/meson.build", at->d_name);
        ck_assert_msg(asset->len >= len && memcmp(asset->data, text, len) == 0, "%s", at->d_name);
        (void)snprintf(path, sizeof(path), "/assets/%s", at->d_name);
        SCOPE_FREE char *got = get(path, "");
        if (type == NULL) {
            check_problem(got, 404, "not_found");
            continue;
        }
        served++;
        ck_assert_uint_eq(status_of(got), 200);
        ck_assert_msg(has_header(got, type), "%s", got);
        ck_assert(has_header(got, "Cache-Control: no-cache\r"));
        ck_assert(strncmp(body_of(got), text, len) == 0);
    }
    (void)closedir(dir);
    ck_assert_uint_ge(served, 5);
    SCOPE_FREE char *none = get("/assets/..%2fopenapi.yaml", "");
    check_problem(none, 404, "not_found");
}
END_TEST

START_TEST(test_tags) {
    char tag[64], header[200];
    SCOPE_FREE char *got = get("/assets/style.css", "");
    const char *at = strstr(got, "ETag: ");
    ck_assert_ptr_nonnull(at);
    (void)snprintf(tag, sizeof(tag), "%.*s", (int)strcspn(at + 6, "\r"), at + 6);
    (void)snprintf(header, sizeof(header), "If-None-Match: \"x\", %s\r\n", tag);
    SCOPE_FREE char *same = get("/assets/style.css", header);
    ck_assert_uint_eq(status_of(same), 304);
    ck_assert_str_eq(body_of(same), "");
    ck_assert(has_header(same, "ETag: ") && !has_header(same, "Content-Length"));
    SCOPE_FREE char *other = get("/assets/result.js", header);
    ck_assert_uint_eq(status_of(other), 200);
}
END_TEST

START_TEST(test_documents) {
    SCOPE_FREE char *yaml = get("/openapi.yaml", "");
    ck_assert_uint_eq(status_of(yaml), 200);
    ck_assert(has_header(yaml, "Content-Type: application/yaml\r"));
    ck_assert_ptr_nonnull(strstr(body_of(yaml), "openapi: 3.1"));
    SCOPE_FREE char *docs = get("/docs", "");
    ck_assert_uint_eq(status_of(docs), 200);
    ck_assert_ptr_nonnull(strstr(body_of(docs), "/v1/chat"));
}
END_TEST

/* ---- what nobody may read ---- */

static const struct {
    const char *method, *path, *headers, *form;
} journey[] = {
    {"GET", "/login?choose=1&code=secret-code", "", NULL},
    {"GET", CALLBACK "?state=secret-state&code=sign-in",
     "Cookie: __Host-cloister-login=login-1\r\n", NULL},
    {"GET", CALLBACK "?state=secret-state&code=secret-code",
     "Cookie: cloister-connect=secret-connect\r\n", NULL},
    {"GET", CALLBACK "?state=secret-state&code=fail.wrong_account.409.web",
     "Cookie: cloister-connect=secret-connect; __Host-cloister-session=good-session\r\n", NULL},
    {"GET", CALLBACK "?state=secret-state&state=secret-code", "", NULL},
    {"GET", "/", "Cookie: __Host-cloister-session=good-session\r\n", NULL},
    {"GET", "/", "Cookie: __Host-cloister-session=secret-session\r\n", NULL},
    {"GET", "/connect", "Cookie: __Host-cloister-session=good-session\r\n", NULL},
    {"GET", "/connect/secret-link", "Cookie: cloister-connect=secret-connect\r\n", NULL},
    {"GET", "/v1/session", "Cookie: __Host-cloister-session=good-session\r\n", NULL},
    {"GET", "/v1/users/me/memory", "Cookie: __Host-cloister-session=good-session\r\n", NULL},
    {"GET", "/v1/users/ann/memory",
     "Authorization: Bearer " RIG_KEY "\r\nCloister-Grant: secret-grant\r\n", NULL},
    {"GET", "/v1/users/ann/memory",
     "Authorization: Bearer secret-key\r\nCloister-Grant: bad-grant\r\n", NULL},
    {"GET", "/nowhere/secret-code?code=secret-code", "Cloister-CSRF: secret-csrf\r\n", NULL},
    {"POST", "/connect", "Cookie: __Host-cloister-session=good-session\r\n",
     "csrf=good-csrf&features=events"},
    {"POST", "/connect", "Cookie: __Host-cloister-session=good-session\r\n",
     "csrf=secret-csrf&features=events&code=secret-code"},
    {"POST", "/connect", "Cookie: __Host-cloister-session=good-session\r\n", "csrf=secret-csrf%00"},
    {"POST", "/logout", "Cookie: __Host-cloister-session=good-session\r\n", "csrf=good-csrf"},
};
static const char *const secrets[] = {
    RIG_KEY,          "secret-key",   "secret-code",  "secret-state", "secret-session",
    "secret-connect", "secret-grant", "secret-csrf",  "secret-link",  "good-session",
    "bad-grant",      "login-1",      "young-session"};

/* What a reply may hold after all: cookies in Set-Cookie, nothing anywhere else. */
static void check_no_secrets(const char *what, const char *text) {
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        for (const char *at = text; (at = strstr(at, secrets[i])) != NULL; at++) {
            const char *line = at;
            while (line > text && line[-1] != '\n')
                line--;
            ck_assert_msg(strncmp(line, "Set-Cookie: __Host-cloister-", 28) == 0 &&
                              at < body_of(text),
                          "%s holds %s: %s", what, secrets[i], text);
        }
    }
}

START_TEST(test_secrets) {
    for (size_t i = 0; i < COUNT_OF(journey); i++) {
        SCOPE_FREE char *got = rig_browse(&rig, journey[i].method, journey[i].path,
                                          journey[i].headers, journey[i].form);
        ck_assert_uint_gt(status_of(got), 0);
        check_no_secrets(journey[i].path, got);
    }
    SCOPE_FREE char *logged = rig_logged(&rig);
    unsigned lines = 0;
    for (const char *at = logged; (at = strstr(at, "ms ")) != NULL; at++)
        lines++;
    ck_assert_uint_ge(lines, COUNT_OF(journey)); /* it was written, and looked at */
    check_no_secrets("the log", logged);
    ck_assert_ptr_null(strstr(logged, "good-csrf"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway browsers");
    TCase *plain = tcase_create("browsers"), *https = tcase_create("https"),
          *http = tcase_create("http");
    tcase_add_checked_fixture(plain, setup, teardown);
    tcase_add_checked_fixture(https, setup_https, teardown);
    tcase_add_checked_fixture(http, setup_http, teardown);
    tcase_set_timeout(plain, 30);
    tcase_add_test(plain, test_login);
    tcase_add_test(plain, test_back);
    tcase_add_test(plain, test_not_the_browser);
    tcase_add_test(plain, test_connecting);
    tcase_add_test(plain, test_connecting_bad);
    tcase_add_loop_test(plain, test_failures, 0, (int)COUNT_OF(failures));
    tcase_add_test(plain, test_other_account);
    tcase_add_test(plain, test_page_headers);
    tcase_add_test(plain, test_assets);
    tcase_add_test(plain, test_tags);
    tcase_add_test(plain, test_documents);
    tcase_add_test(plain, test_secrets);
    tcase_add_test(https, test_https);
    tcase_add_test(http, test_plain_http);
    suite_add_tcase(suite, plain);
    suite_add_tcase(suite, https);
    suite_add_tcase(suite, http);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
