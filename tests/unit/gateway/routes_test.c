/* Every route over real sockets: what it answers, and what it answers to bad input. */
#include <check.h>
#include <signal.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/gateway/rig.h"

static struct rig rig;

static void setup(void) {
    struct gateway_limits limits = rig_limits();
    rig_start(&rig, &limits, "");
}

static void teardown(void) {
    rig_stop(&rig);
}

static const struct {
    const char *method, *path, *body; /* a body that is good */
    unsigned status;                  /* with a good request */
} api[] = {
    {"POST", "/v1/chat", "{\"user\":\"ann\",\"message\":\"say hi\"}", 200},
    {"POST", "/v1/proposals/" RIG_PROPOSAL "/confirm", "{\"user\":\"ann\"}", 200},
    {"POST", "/v1/proposals/" RIG_PROPOSAL "/reject", "{\"user\":\"ann\"}", 200},
    {"DELETE", "/v1/users/ann/session?conversation=work", NULL, 204},
    {"GET", "/v1/users/ann/memory", NULL, 200},
    {"DELETE", "/v1/users/ann/memory", NULL, 204},
    {"PUT", "/v1/users/ann/memory/m1", "{\"text\":\"afternoons\"}", 200},
    {"DELETE", "/v1/users/ann/memory/m1", NULL, 204},
    {"POST", "/v1/users/ann/connect-links",
     "{\"features\":[\"events\",\"availability\"],\"return_to\":\"" RIG_RETURN "\"}", 201},
    {"POST", "/v1/users/ann/connections/redeem", "{\"code\":\"abc\"}", 200},
    {"GET", "/v1/users/ann/connections/google", NULL, 200},
    {"DELETE", "/v1/users/ann/connections/google", NULL, 200},
    {"DELETE", "/v1/users/ann/grants", NULL, 204},
};

START_TEST(test_good) {
    SCOPE_FREE char *got = rig_call(&rig, api[_i].method, api[_i].path, "", api[_i].body);
    ck_assert_msg(status_of(got) == api[_i].status, "%s", got);
    ck_assert(has_header(got, "X-Request-Id: ") && has_header(got, "Cache-Control: no-store"));
    ck_assert(has_header(got, "Connection: close"));
    ck_assert_ptr_null(strstr(got, RIG_KEY));
    if (api[_i].status == 204)
        ck_assert_str_eq(body_of(got), "");
    else
        ck_assert(has_header(got, "Content-Type: application/json"));
}
END_TEST

START_TEST(test_wrong_method) {
    static const char *const methods[] = {"PUT", "PATCH", "TRACE", "BREW", "HEAD"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (strcmp(methods[i], "PUT") == 0 && strstr(api[_i].path, "/memory/") != NULL)
            continue;
        SCOPE_FREE char *got = rig_call(&rig, methods[i], api[_i].path, "", NULL);
        ck_assert_msg(status_of(got) == 405, "%s", got);
        ck_assert(has_header(got, "Allow: "));
        if (strcmp(methods[i], "HEAD") != 0)
            check_problem(got, 405, "method_not_allowed");
        else
            ck_assert_str_eq(body_of(got), "");
    }
}
END_TEST

START_TEST(test_keys) {
    static const char *const headers[] = {
        "",
        "Authorization: Bearer wrong-key\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Basic " RIG_KEY "\r\n",
        "Authorization: " RIG_KEY "\r\n",
        "Authorization: Bearer " RIG_KEY " \t x\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        char request[1024];
        int n = snprintf(request, sizeof(request),
                         "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: 0\r\n\r\n", api[_i].method,
                         api[_i].path, headers[i]);
        SCOPE_FREE char *got = rig_raw(&rig, request, (size_t)n);
        check_problem(got, 401, "unauthorized");
        ck_assert(has_header(got, "WWW-Authenticate: Bearer"));
    }
}
END_TEST

START_TEST(test_old_key_and_scheme_case) {
    static const char request[] = "GET /v1/users/a/memory HTTP/1.1\r\nHost: x\r\n"
                                  "authorization: bEARER " RIG_KEY_OLD "\r\n\r\n";
    SCOPE_FREE char *got = rig_raw(&rig, request, sizeof(request) - 1);
    ck_assert_uint_eq(status_of(got), 200);
}
END_TEST

START_TEST(test_bodies) {
    static const struct {
        const char *body;
        const char *code;
    } bad[] = {{"{not json", "invalid_json"},
               {"[1]", "invalid_json"},
               {"\"text\"", "invalid_json"},
               {"{\"user\":\"\xff\"}", "invalid_utf8"},
               {"{}", "invalid_field"},
               {"{\"code\":7,\"user\":7,\"message\":7}", "invalid_field"},
               {"{\"user\":null,\"message\":[],\"code\":{},\"features\":3,\"return_to\":1}",
                "invalid_field"},
               {"{\"a\":1,\"a\":2}", "invalid_json"},
               {"", "invalid_json"}};
    if (api[_i].body == NULL) {
        SCOPE_FREE char *got = rig_call(&rig, api[_i].method, api[_i].path, "", "{}");
        check_problem(got, 400, "bad_request");
        return;
    }
    bool maybe = strstr(api[_i].path, "/proposals/") != NULL; /* all of it may be left out */
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        SCOPE_FREE char *got = rig_call(&rig, api[_i].method, api[_i].path, "", bad[i].body);
        if (maybe && (bad[i].body[0] == '\0' || strcmp(bad[i].body, "{}") == 0 ||
                      strncmp(bad[i].body, "{\"user\":null", 12) == 0))
            ck_assert_uint_eq(status_of(got), 200);
        else
            check_problem(got, 400, bad[i].code);
    }
    char request[512];
    int n = snprintf(request, sizeof(request),
                     "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " RIG_KEY
                     "\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
                     api[_i].method, api[_i].path);
    SCOPE_FREE char *plain = rig_raw(&rig, request, (size_t)n);
    check_problem(plain, 415, "unsupported_media_type");
    SCOPE_FREE char *long_body = malloc(70001);
    memset(long_body, ' ', 70000);
    long_body[70000] = '\0';
    SCOPE_FREE char *large = rig_call(&rig, api[_i].method, api[_i].path, "", long_body);
    check_problem(large, 413, "payload_too_large");
}
END_TEST

START_TEST(test_unknown_user) {
    char path[128];
    const char *user = strstr(api[_i].path, "/ann/");
    if (user == NULL)
        (void)snprintf(path, sizeof(path), "%s", api[_i].path);
    else
        (void)snprintf(path, sizeof(path), "%.*s/nobody/%s", (int)(user - api[_i].path),
                       api[_i].path, user + 5);
    SCOPE_FREE char *got =
        rig_call(&rig, api[_i].method, path, "",
                 user == NULL ? "{\"user\":\"nobody\",\"message\":\"say hi\"}" : api[_i].body);
    check_problem(got, 404, "unknown_user");
}
END_TEST

START_TEST(test_user_in_path) {
    static const char *const bad[] = {"%0a", "a%7fb", "%c2%85", "%ff"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "/v1/users/%s/memory", bad[i]);
        SCOPE_FREE char *got = rig_call(&rig, "GET", path, "", NULL);
        check_problem(got, 400, "invalid_field");
    }
    char path[1300];
    memset(path, 'u', sizeof(path));
    memcpy(path, "/v1/users/", 10);
    (void)snprintf(path + 1200, 32, "/memory");
    SCOPE_FREE char *got = rig_call(&rig, "GET", path, "", NULL);
    check_problem(got, 400, "invalid_field");
    SCOPE_FREE char *odd = rig_call(&rig, "GET", "/v1/users/a%2Fb%20%C3%A9/memory", "", NULL);
    ck_assert_uint_eq(status_of(odd), 200);
    struct fake_seen now = rig_seen(&rig);
    ck_assert_str_eq(now.last_user, "a/b é");
    SCOPE_FREE char *id = rig_call(&rig, "DELETE", "/v1/users/ann/memory/a%20b", "", NULL);
    check_problem(id, 400, "invalid_field");
    SCOPE_FREE char *twice =
        rig_call(&rig, "DELETE", "/v1/users/ann/session?conversation=a&conversation=b", "", NULL);
    check_problem(twice, 400, "invalid_field");
}
END_TEST

START_TEST(test_chat_fields) {
    static const struct {
        const char *body, *code;
    } bad[] = {
        {"{\"user\":\"\",\"message\":\"x\"}", "invalid_field"},
        {"{\"user\":\"a\\nb\",\"message\":\"x\"}", "invalid_field"},
        {"{\"user\":\"ann\",\"message\":\"\"}", "invalid_field"},
        {"{\"user\":\"ann\",\"message\":\" \\n\"}", "invalid_field"},
        {"{\"user\":\"ann\",\"message\":\"\\u200b\\u00a0\"}", "invalid_field"},
        {"{\"user\":\"ann\",\"message\":\"x\",\"conversation\":\"a\\u0007\"}", "invalid_field"},
        {"{\"user\":\"ann\",\"message\":\"x\",\"timezone\":\"Mars/Olympus\"}", "invalid_timezone"},
        {"{\"user\":\"ann\",\"message\":\"x\",\"timezone\":\"../../etc/passwd\"}",
         "invalid_timezone"},
        {"{\"user\":\"ann\",\"message\":\"x\",\"timezone\":3}", "invalid_field"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        SCOPE_FREE char *got = rig_call(&rig, "POST", "/v1/chat", "", bad[i].body);
        check_problem(got, 400, bad[i].code);
    }
    static char body[60000];
    char *at = stpcpy(body, "{\"user\":\"ann\",\"message\":\"");
    memset(at, 'm', 16385);
    (void)strcpy(at + 16385, "\"}");
    SCOPE_FREE char *long_message = rig_call(&rig, "POST", "/v1/chat", "", body);
    check_problem(long_message, 400, "invalid_field");
    at[16384 - 4] = '\0';
    memcpy(at, "say ", 4);
    (void)strcat(body, "\"}");
    SCOPE_FREE char *fits = rig_call(&rig, "POST", "/v1/chat", "", body);
    ck_assert_uint_eq(status_of(fits), 200);
    SCOPE_FREE char *picture =
        rig_call(&rig, "POST", "/v1/chat", "Accept: image/png\r\n", api[0].body);
    check_problem(picture, 406, "not_acceptable");
    SCOPE_FREE char *key =
        rig_call(&rig, "POST", "/v1/chat", "Idempotency-Key: a b\r\n", api[0].body);
    check_problem(key, 400, "bad_request");
    SCOPE_FREE char *grant =
        rig_call(&rig, "POST", "/v1/chat", "Cloister-Grant: caf\xc3\xa9\r\n", api[0].body);
    check_problem(grant, 400, "bad_request");
}
END_TEST

START_TEST(test_what_is_passed_on) {
    SCOPE_FREE char *got = rig_call(
        &rig, "POST", "/v1/chat", "Idempotency-Key: k-1\r\nCloister-Grant: grant.abc\r\n",
        "{\"user\":\"ann\",\"message\":\"say hi\",\"timezone\":\"Asia/Kathmandu\",\"conversation\":"
        "\"work\",\"new_field\":true}");
    ck_assert_uint_eq(status_of(got), 200);
    struct fake_seen now = rig_seen(&rig);
    ck_assert_str_eq(now.last_key, "k-1");
    ck_assert_str_eq(now.last_grant, "grant.abc");
    ck_assert_str_eq(now.last_zone, "Asia/Kathmandu");
    ck_assert_str_eq(now.last_conversation, "work");
}
END_TEST

START_TEST(test_answers) {
    SCOPE_FREE char *link = rig_call(&rig, api[8].method, api[8].path, "", api[8].body);
    ck_assert_str_eq(body_of(link), "{\"url\":\"http://127.0.0.1/connect/abc\",\"expires_at\":"
                                    "\"2026-01-01T00:00:00.000Z\"}");
    SCOPE_FREE char *redeem = rig_call(&rig, api[9].method, api[9].path, "", api[9].body);
    ck_assert_str_eq(body_of(redeem), "{\"grant\":\"g1\",\"scopes\":[\"openid\",\"email\"]}");
    SCOPE_FREE char *state = rig_call(&rig, api[10].method, api[10].path, "", NULL);
    ck_assert_str_eq(body_of(state),
                     "{\"state\":\"broken\",\"scopes\":[],\"features\":[\"events\"],\"missing\":[],"
                     "\"connected_at\":\"2026-01-01T00:00:00.123Z\",\"action_url\":"
                     "\"https://cloister.example/connect/x\"}");
    SCOPE_FREE char *gone = rig_call(&rig, api[11].method, api[11].path, "", NULL);
    ck_assert_str_eq(body_of(gone), "{\"revoked\":true}");
    SCOPE_FREE char *memory = rig_call(&rig, api[4].method, api[4].path, "", NULL);
    ck_assert_str_eq(body_of(memory), "{\"items\":[{\"id\":\"" RIG_MEMORY
                                      "\",\"text\":\"mornings <only> & \\\"early\\\"\","
                                      "\"created_at\":\"2026-01-01T00:00:00.000Z\"}]}");
}
END_TEST

START_TEST(test_links) {
    static const char *const bad[] = {
        "{\"features\":[],\"return_to\":\"" RIG_RETURN "\"}",
        "{\"features\":[\"nope\"],\"return_to\":\"" RIG_RETURN "\"}",
        "{\"features\":[\"events\",\"events\"],\"return_to\":\"" RIG_RETURN "\"}",
        "{\"features\":\"events\",\"return_to\":\"" RIG_RETURN "\"}",
        "{\"features\":[\"events\"],\"return_to\":\"http://app.example/back\"}",
        "{\"features\":[\"events\"],\"return_to\":\"https://evil.example/\"}",
        "{\"features\":[\"events\"]}",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        SCOPE_FREE char *got = rig_call(&rig, api[8].method, api[8].path, "", bad[i]);
        check_problem(got, 400, "invalid_field");
    }
}
END_TEST

START_TEST(test_paths) {
    SCOPE_FREE char *none = rig_call(&rig, "GET", "/nowhere", "", NULL);
    check_problem(none, 404, "not_found");
    SCOPE_FREE char *page =
        rig_call(&rig, "GET", "/nowhere", "Accept: text/html,application/xhtml+xml\r\n", NULL);
    ck_assert_uint_eq(status_of(page), 404);
    ck_assert(has_header(page, "Content-Type: text/html; charset=utf-8\r"));
    ck_assert_ptr_nonnull(strstr(body_of(page), "href=\"/\""));
    SCOPE_FREE char *form =
        rig_call(&rig, "GET", "/logout", "Accept: text/html,*/*;q=0.8\r\n", NULL);
    ck_assert_uint_eq(status_of(form), 405);
    ck_assert(has_header(form, "Content-Type: text/html; charset=utf-8\r"));
    ck_assert(has_header(form, "Allow: POST, OPTIONS\r"));
    SCOPE_FREE char *program = rig_call(&rig, "GET", "/logout", "", NULL);
    check_problem(program, 405, "method_not_allowed");
    SCOPE_FREE char *operators = rig_call(&rig, "GET", "/metrics", "", NULL);
    check_problem(operators, 404, "not_found");
    SCOPE_FREE char *health = rig_call(&rig, "GET", "/healthz", "", NULL);
    ck_assert_str_eq(body_of(health), "ok\n");
}
END_TEST

START_TEST(test_cross_origin) {
    SCOPE_FREE char *ask =
        rig_call(&rig, "OPTIONS", "/v1/chat",
                 "Origin: " RIG_ORIGIN "\r\nAccess-Control-Request-Method: POST\r\n", NULL);
    ck_assert_uint_eq(status_of(ask), 204);
    ck_assert(has_header(ask, "Access-Control-Allow-Origin: " RIG_ORIGIN "\r"));
    ck_assert(has_header(ask, "Access-Control-Allow-Methods: POST, OPTIONS"));
    ck_assert(has_header(ask, "Access-Control-Allow-Headers: Authorization"));
    SCOPE_FREE char *other = rig_call(&rig, "OPTIONS", "/v1/chat",
                                      "Origin: https://evil.example\r\n"
                                      "Access-Control-Request-Method: POST\r\n",
                                      NULL);
    ck_assert(!has_header(other, "Access-Control-"));
    SCOPE_FREE char *real =
        rig_call(&rig, "GET", "/v1/users/ann/memory", "Origin: " RIG_ORIGIN "\r\n", NULL);
    ck_assert(has_header(real, "Access-Control-Allow-Origin: " RIG_ORIGIN "\r"));
    ck_assert(has_header(real, "Vary: Origin"));
}
END_TEST

static char *operators_get(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char request[128];
    SCOPE_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, rig.operators, strlen(rig.operators) + 1);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    rig_send_text(fd, request);
    return rig_read_all(fd, 1u << 20, NULL);
}

START_TEST(test_operators) {
    SCOPE_FREE char *health = operators_get("/healthz"), *ready = operators_get("/readyz"),
                    *metrics = operators_get("/metrics"), *chat = operators_get("/v1/chat");
    ck_assert_uint_eq(status_of(health), 200);
    ck_assert_uint_eq(status_of(ready), 200);
    ck_assert_str_eq(body_of(ready), "{\"ready\":true,\"reasons\":[]}");
    ck_assert_uint_eq(status_of(metrics), 200);
    ck_assert(has_header(metrics, "Content-Type: application/openmetrics-text"));
    ck_assert_ptr_nonnull(
        strstr(metrics, "cloister_http_requests_total{route=\"GET /healthz\",status=\"200\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(metrics, "cloister_agents{state=\"idle\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(metrics, "cloister_frontends 1\n"));
    ck_assert_ptr_nonnull(strstr(metrics, "cloister_gateway_supervisor_up 1\n"));
    ck_assert_str_eq(metrics + strlen(metrics) - 6, "# EOF\n");
    check_problem(chat, 404, "not_found");
    rig_fake_stop(&rig);
    SCOPE_FREE char *away = operators_get("/readyz");
    ck_assert_uint_eq(status_of(away), 503);
    /* What cloisterd tells is left out, not nothing all at once. */
    SCOPE_FREE char *alone = operators_get("/metrics");
    ck_assert_uint_eq(status_of(alone), 200);
    ck_assert_ptr_nonnull(strstr(alone, "cloister_gateway_supervisor_up 0\n"));
    ck_assert_ptr_null(strstr(alone, "cloister_agents{"));
}
END_TEST

START_TEST(test_smuggling) {
    static const char *const bad[] = {
        "Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: +2\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked\r\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char request[512];
        int n = snprintf(request, sizeof(request),
                         "POST /v1/chat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " RIG_KEY
                         "\r\nContent-Type: application/json\r\n%s\r\n{}GET / HTTP/1.1\r\n\r\n",
                         bad[i]);
        SCOPE_FREE char *got = rig_raw(&rig, request, (size_t)n);
        check_problem(got, strstr(bad[i], "Length") != NULL ? 400 : 411,
                      strstr(bad[i], "Length") != NULL ? "bad_request" : "length_required");
    }
    /* A second request behind the first is not answered and does no harm. */
    static const char two[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    SCOPE_FREE char *got = rig_raw(&rig, two, sizeof(two) - 1);
    ck_assert_uint_eq(status_of(got), 200);
    ck_assert(has_header(got, "Connection: close"));
    ck_assert_str_eq(body_of(got), "ok\n");
    static const char keep[] = "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    SCOPE_FREE char *kept = rig_raw(&rig, keep, sizeof(keep) - 1);
    ck_assert_ptr_null(strcasestr(kept, "keep-alive"));
}
END_TEST

START_TEST(test_expect) {
    static const char head[] = "POST /v1/chat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " RIG_KEY
                               "\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
                               "Content-Length: 34\r\n\r\n";
    SCOPE_FD int fd = rig_connect(&rig);
    rig_send_text(fd, head);
    SCOPE_FREE char *go_on = rig_read_until(fd, "\r\n\r\n");
    ck_assert_str_eq(go_on, "HTTP/1.1 100 Continue\r\n\r\n");
    rig_send_text(fd, "{\"user\":\"a\",\"message\":\"say hello\"}");
    SCOPE_FREE char *got = rig_read_all(fd, 1u << 20, NULL);
    ck_assert_msg(status_of(got) == 200, "%s", got);
}
END_TEST

/* One byte every 100 ms: cut at the absolute deadline, with words. */
static void drip(const char *start, uint64_t limit_ms) {
    SCOPE_FD int fd = rig_connect(&rig);
    uint64_t began = clock_ms();
    struct pollfd wait = {fd, POLLIN, 0};
    rig_send_text(fd, start);
    while (poll(&wait, 1, 100) == 0) {
        ck_assert_uint_lt(clock_ms() - began, limit_ms + 3000);
        rig_send_text(fd, "x");
    }
    ck_assert_uint_ge(clock_ms() - began, limit_ms - 100);
    SCOPE_FREE char *got = rig_read_all(fd, 65536, NULL);
    check_problem(got, 408, "request_timeout");
}

START_TEST(test_slow) {
    drip("GET /", 1500);
    drip("POST /v1/chat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " RIG_KEY
         "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
         2500);
    /* Silence is cut without a word. */
    SCOPE_FD int fd = rig_connect(&rig);
    SCOPE_FREE char *got = rig_read_all(fd, 65536, NULL);
    ck_assert_str_eq(got, "");
}
END_TEST

START_TEST(test_supervisor_away) {
    rig_fake_stop(&rig);
    for (size_t i = 0; i < COUNT_OF(api); i++) {
        SCOPE_FREE char *got = rig_call(&rig, api[i].method, api[i].path, "", api[i].body);
        check_problem(got, 503, "supervisor_unavailable");
        ck_assert(has_header(got, "Retry-After: 1"));
    }
    SCOPE_FREE char *page = rig_call(&rig, "GET", "/connect/abc", "", NULL);
    ck_assert_uint_eq(status_of(page), 503);
    ck_assert(has_header(page, "Content-Type: text/html; charset=utf-8"));
    rig_fake_start(&rig);
    SCOPE_FREE char *got = rig_call(&rig, "GET", "/v1/users/ann/memory", "", NULL);
    ck_assert_uint_eq(status_of(got), 200);
}
END_TEST

START_TEST(test_memory_flat) {
    static char body[3200];
    for (unsigned round = 0; round < 2; round++) {
        long before = rig_rss(&rig);
        for (unsigned i = 0; i < 1000; i++) {
            memset(body, 'x', sizeof(body));
            body[0] = '{';
            body[i * 3 + 1] = '\0';
            SCOPE_FREE char *got =
                rig_call(&rig, i % 3 == 0 ? "PUT" : "POST", "/v1/chat", "", body);
            ck_assert_uint_ge(status_of(got), 400);
        }
        if (round == 1) /* the first warms the allocator up */
            rig_grown_less(&rig, before, 512);
    }
}
END_TEST

START_TEST(test_frontends_reload) {
    char path[160];
    static const char request[] = "GET /v1/users/a/memory HTTP/1.1\r\nHost: x\r\n"
                                  "Authorization: Bearer " RIG_KEY "\r\n\r\n";
    (void)snprintf(path, sizeof(path), "%s/frontends/demo.conf", rig.dir);
    ck_assert_int_eq(unlink(path), 0);
    uint64_t until = clock_ms() + 8000;
    for (;;) { /* found within two seconds without being told */
        SCOPE_FREE char *got = rig_raw(&rig, request, sizeof(request) - 1);
        if (status_of(got) == 401)
            break;
        ck_assert_uint_lt(clock_ms(), until);
        (void)poll(NULL, 0, 50);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway routes");
    TCase *each = tcase_create("each route"), *tcase = tcase_create("routes");
    tcase_add_checked_fixture(each, setup, teardown);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(each, 30);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(each, test_good, 0, (int)COUNT_OF(api));
    tcase_add_loop_test(each, test_wrong_method, 0, (int)COUNT_OF(api));
    tcase_add_loop_test(each, test_keys, 0, (int)COUNT_OF(api));
    tcase_add_loop_test(each, test_bodies, 0, (int)COUNT_OF(api));
    tcase_add_loop_test(each, test_unknown_user, 0, (int)COUNT_OF(api));
    tcase_add_test(tcase, test_old_key_and_scheme_case);
    tcase_add_test(tcase, test_user_in_path);
    tcase_add_test(tcase, test_chat_fields);
    tcase_add_test(tcase, test_what_is_passed_on);
    tcase_add_test(tcase, test_answers);
    tcase_add_test(tcase, test_links);
    tcase_add_test(tcase, test_paths);
    tcase_add_test(tcase, test_cross_origin);
    tcase_add_test(tcase, test_operators);
    tcase_add_test(tcase, test_smuggling);
    tcase_add_test(tcase, test_expect);
    tcase_add_test(tcase, test_slow);
    tcase_add_test(tcase, test_supervisor_away);
    tcase_add_test(tcase, test_memory_flat);
    tcase_add_test(tcase, test_frontends_reload);
    suite_add_tcase(suite, each);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
