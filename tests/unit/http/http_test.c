/* The whole client side: providers/http.h over a real cloister-egress, in a process that can make
 * no socket of its own. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "providers/connect_shim.h"
#include "http_rig.h"

START_TEST(answers) {
    enum server_kind kind = _i == 0 ? SERVER_GOOD : SERVER_PLAIN;
    struct turn turn = turn_begin();
    expect_body(&turn, stack_url(kind, "/ok"), "hello");
    expect_body(&turn, stack_url(kind, "/chunked"),
                "chunk-0;chunk-1;chunk-2;chunk-3;chunk-4;chunk-5;chunk-6;chunk-7;chunk-8;chunk-9;");
    expect_body(&turn, stack_url(kind, "/interim"), "after all");
    expect_body(&turn, stack_url(kind, "/close"), "until the end");
    expect_body(&turn, stack_url(kind, "/closing"), "bye");
    expect(&turn, stack_url(kind, "/500"), 0, 500);
    expect(&turn, stack_url(kind, "/204"), 0, 204);
    expect(&turn, stack_url(kind, "/redirect"), 0, 302); /* not followed */
    expect(&turn, stack_url(kind, "/nowhere"), 0, 404);
    turn_end(&turn);
}
END_TEST

START_TEST(troubles) {
    enum server_kind kind = _i == 0 ? SERVER_GOOD : SERVER_PLAIN;
    struct turn turn = turn_begin();
    expect(&turn, stack_url(kind, "/short"), -ECONNRESET, 200);
    expect(&turn, stack_url(kind, "/cut-chunk"), -ECONNRESET, 200);
    expect(&turn, stack_url(kind, "/reset"), -ECONNRESET, 0);
    expect(&turn, stack_url(kind, "/garbage"), -EPROTO, 0);
    expect(&turn, stack_url(kind, "/bad-chunk"), -EPROTO, 200);
    expect(&turn, stack_url(kind, "/big"), -EFBIG, 200);
    expect(&turn, stack_url(kind, "/huge-head"), -EFBIG, 200);
    /* Without a length and without a goodbye only TLS can tell that something is missing. */
    expect(&turn, stack_url(kind, "/cut"), kind == SERVER_GOOD ? -ECONNRESET : 0, 200);
    expect_body(&turn, stack_url(kind, "/ok"), "hello"); /* control: the turn goes on */
    turn_end(&turn);
}
END_TEST

static bool ends_with_end(const char *body, size_t len) {
    return len >= 3 && memcmp(body + len - 3, "end", 3) == 0;
}
static bool ends_with_more(const char *body, size_t len) {
    return len >= 4 && memcmp(body + len - 4, "more", 4) == 0;
}

/* A body that says itself where it ends needs nobody's goodbye; a length that was told still holds.
 */
START_TEST(bodies_that_say_where_they_end) {
    static const struct {
        const char *path;
        bool (*whole)(const char *body, size_t len);
        int result;
    } cases[] = {
        {"/cut", ends_with_end, 0},
        {"/cut", ends_with_more, -ECONNRESET},
        {"/cut", NULL, -ECONNRESET},
        {"/short", ends_with_end, -ECONNRESET},
        {"/cut-chunk", ends_with_end, -ECONNRESET},
    };
    struct turn turn = turn_begin();
    struct http_transfer *t;
    struct http_request request = get(stack_url(SERVER_GOOD, cases[_i].path));
    request.whole = cases[_i].whole;
    ck_assert_int_eq(run(&turn, &request, &t), cases[_i].result);
    http_finish(t);
    turn_end(&turn);
}
END_TEST

START_TEST(certificates) {
    struct turn turn = turn_begin();
    struct http_transfer *t;
    static const struct {
        enum server_kind kind;
        int result;
        const char *why;
    } cases[] = {
        {SERVER_WRONG_HOST, -EKEYREJECTED, "TLS certificate is for another host"},
        {SERVER_UNKNOWN_CA, -EKEYREJECTED, "TLS certificate is not from a trusted authority"},
        {SERVER_EXPIRED, -EKEYREJECTED, "TLS certificate has expired or is not valid yet"},
        {SERVER_OLD_TLS, -EPROTO, "the server does not speak TLS as it should"},
        {SERVER_SLAMS, -ECONNRESET, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_request request = get(stack_url(cases[i].kind, "/ok"));
        int r = run(&turn, &request, &t);
        ck_assert_msg(r == cases[i].result, "kind %d gave %d (%s)", cases[i].kind, r, http_why(t));
        if (cases[i].why != NULL)
            ck_assert_str_eq(http_why(t), cases[i].why);
        ck_assert(!http_sent(t));
        ck_assert_int_eq(stack.server.seen[cases[i].kind].requests, 0);
        http_finish(t);
    }
    char by_address[64];
    (void)snprintf(by_address, sizeof(by_address), "https://127.0.0.1:%u/ok",
                   stack.server.port[SERVER_GOOD]);
    expect_body(&turn, by_address, "hello");
    (void)snprintf(by_address, sizeof(by_address), "https://127.0.0.1:%u/ok",
                   stack.server.port[SERVER_WRONG_HOST]);
    expect(&turn, by_address, -EKEYREJECTED, 0);
    turn_end(&turn);
}
END_TEST

START_TEST(refusals) {
    struct turn turn = turn_begin();
    struct http_transfer *t;
    char url[96];
    expect(&turn, "https://elsewhere.example/", -EACCES, 0);
    expect(&turn, stack_url(SERVER_PLAIN_TOO, "/ok"), -EACCES, 0); /* configured, but private */
    expect(&turn, "https://does-not-exist.invalid/v3", -ECONNREFUSED, 0);
    (void)snprintf(url, sizeof(url), "http://localhost:%u/", stack.server.closed_port);
    expect(&turn, url, -ECONNREFUSED, 0);
    expect_body(&turn, stack_url(SERVER_PLAIN, "/ok"), "hello"); /* control */
    static const char *const bad[] = {"Host: evil.example", "X-A: b\r\nX-C: d", "no colon",
                                      "A b: c", ": x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *headers[] = {bad[i], NULL};
        struct http_request request = get(stack_url(SERVER_GOOD, "/ok"));
        request.headers = headers;
        ck_assert_int_eq(http_start(turn.http, &request, &t), -EINVAL);
    }
    struct http_request request = get("https://user@localhost/");
    ck_assert_int_eq(http_start(turn.http, &request, &t), -EINVAL);
    request = get(stack_url(SERVER_GOOD, "/ok"));
    request.method = "GET / HTTP/1.1\r\nX:";
    ck_assert_int_eq(http_start(turn.http, &request, &t), -EINVAL);
    request = get(stack_url(SERVER_GOOD, "/ok"));
    request.trust = NULL;
    ck_assert_int_eq(http_start(turn.http, &request, &t), -EINVAL);
    turn_end(&turn);
}
END_TEST

START_TEST(what_is_sent) {
    struct turn turn = turn_begin();
    struct http_transfer *t;
    const char *headers[] = {"Authorization: Bearer secret", "Content-Type: application/json",
                             NULL};
    struct http_request request = get(stack_url(SERVER_GOOD, "/echo"));
    char host[64];
    request.method = "POST";
    request.headers = headers;
    request.body = "{\"a\":1}";
    request.body_len = 7;
    ck_assert_int_eq(run(&turn, &request, &t), 0);
    const char *echo = http_body(t, NULL);
    (void)snprintf(host, sizeof(host), "\r\nHost: localhost:%u\r\n",
                   stack.server.port[SERVER_GOOD]);
    ck_assert_ptr_nonnull(strstr(echo, host));
    ck_assert_int_eq(strncmp(echo, "POST /echo HTTP/1.1\r\n", 21), 0);
    ck_assert_ptr_nonnull(strstr(echo, "\r\nAuthorization: Bearer secret\r\n"));
    ck_assert_ptr_nonnull(strstr(echo, "\r\nContent-Length: 7\r\n"));
    ck_assert_ptr_nonnull(strstr(echo, "\r\n\r\n{\"a\":1}"));
    ck_assert_ptr_null(strstr(echo, "Accept-Encoding"));
    ck_assert_ptr_null(strstr(echo, "127.0.0.1"));
    ck_assert_ptr_null(strstr(echo, "Expect"));
    ck_assert_str_eq(http_header(t, "content-length") != NULL ? "yes" : "no", "yes");
    ck_assert_ptr_null(http_header(t, "content"));
    http_finish(t);
    static const char *const methods[] = {"DELETE", "PATCH", "PUT", "HEAD", "POST"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        request = get(stack_url(SERVER_GOOD, strcmp(methods[i], "HEAD") == 0 ? "/204" : "/echo"));
        request.method = methods[i];
        ck_assert_int_eq(run(&turn, &request, &t), 0);
        if (strcmp(methods[i], "HEAD") != 0) {
            ck_assert_int_eq(strncmp(http_body(t, NULL), methods[i], strlen(methods[i])), 0);
            ck_assert_ptr_null(strstr(http_body(t, NULL), "urlencoded"));
        }
        http_finish(t);
    }
    turn_end(&turn);
}
END_TEST

static int count_bytes(void *ctx, const char *data, size_t len) {
    size_t *total = ctx;
    (void)data;
    *total += len;
    return 0;
}

static int stop_at_once(void *ctx, const char *data, size_t len) {
    (void)ctx, (void)data, (void)len;
    return -ECANCELED;
}

START_TEST(streaming) {
    struct turn turn = turn_begin();
    struct http_transfer *t;
    size_t total = 0;
    struct http_request request = get(stack_url(SERVER_GOOD, "/big"));
    request.max_body = 16u << 20;
    request.on_body = count_bytes;
    request.ctx = &total;
    ck_assert_int_eq(run(&turn, &request, &t), 0);
    ck_assert_uint_eq(total, 8u << 20);
    ck_assert_str_eq(http_body(t, NULL), "");
    http_finish(t);
    request.on_body = stop_at_once;
    ck_assert_int_eq(run(&turn, &request, &t), -ECANCELED);
    http_finish(t);
    total = 0;
    request.on_body = count_bytes;
    request.url = stack_url(SERVER_GOOD, "/500"); /* an error's body is collected all the same */
    ck_assert_int_eq(run(&turn, &request, &t), 0);
    ck_assert_str_eq(http_body(t, NULL), "it broke");
    ck_assert_uint_eq(total, 0);
    http_finish(t);
    turn_end(&turn);
}
END_TEST

START_TEST(large_upload) {
    struct turn turn = turn_begin();
    struct http_transfer *t;
    size_t len = 4u << 20;
    char *body = calloc(1, len);
    struct http_request request = get(stack_url(_i == 0 ? SERVER_GOOD : SERVER_PLAIN, "/ok"));
    request.method = "POST";
    request.body = body;
    request.body_len = len;
    ck_assert_int_eq(run(&turn, &request, &t), 0);
    ck_assert_int_eq(http_status(t), 200);
    http_finish(t);
    free(body);
    turn_end(&turn);
}
END_TEST

START_TEST(timeouts) {
    struct turn turn = turn_begin();
    struct http_transfer *t;
    struct http_request request = get(stack_url(SERVER_GOOD, "/hang"));
    uint64_t begun = clock_ms();
    request.idle_ms = 200;
    ck_assert_int_eq(run(&turn, &request, &t), -ETIMEDOUT);
    ck_assert_str_eq(http_why(t), "the server fell silent");
    ck_assert(http_sent(t));
    http_finish(t);
    request = get(stack_url(SERVER_GOOD, "/drip")); /* never silent, yet too slow */
    request.idle_ms = 2000;
    request.total_ms = 300;
    ck_assert_int_eq(run(&turn, &request, &t), -ETIMEDOUT);
    ck_assert_int_eq(http_status(t), 200);
    http_finish(t);
    request = get(stack_url(SERVER_GOOD, "/hang"));
    request.deadline = clock_ms() + 200;
    ck_assert_int_eq(run(&turn, &request, &t), -ETIMEDOUT);
    http_finish(t);
    request = get(stack_url(SERVER_MUTE, "/ok")); /* TCP connects, TLS never answers */
    request.connect_ms = 200;
    ck_assert_int_eq(run(&turn, &request, &t), -ETIMEDOUT);
    ck_assert(!http_sent(t));
    http_finish(t);
    ck_assert_uint_lt(clock_ms() - begun, 5000);
    turn_end(&turn);
}
END_TEST

START_TEST(shim_is_in_place) {
    int ends[2];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7)}, peer = {0};
    struct sockaddr *address = (struct sockaddr *)&to;
    socklen_t len = sizeof(peer);
    ck_assert(connect_shim_active());
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(connect(ends[0], address, sizeof(to)), -1); /* the kernel's answer */
    ck_assert(connect_shim_adopt(ends[0]));
    ck_assert_int_eq(connect(ends[0], address, sizeof(to)), 0);
    ck_assert_int_eq(getpeername(ends[0], (struct sockaddr *)&peer, &len), 0);
    ck_assert_int_eq(peer.sin_port, htons(7));
    ck_assert_int_eq(connect(ends[0], address, sizeof(to)), -1); /* once */
    connect_shim_forget(ends[0]);
    len = sizeof(peer);
    ck_assert_int_eq(getpeername(ends[0], (struct sockaddr *)&peer, &len), 0);
    ck_assert_int_eq(peer.sin_family, AF_UNIX);
    ck_assert(connect_shim_adopt(ends[0]));
    connect_shim_forget(ends[0]);
    ck_assert_int_eq(connect(ends[0], address, sizeof(to)), -1);
    for (int fd = 1000; fd < 1064; fd++)
        ck_assert(connect_shim_adopt(fd));
    ck_assert(!connect_shim_adopt(2000));
}
END_TEST

/* Two agents have the same process id, each in a namespace of its own, and the same memory from the
 * zygote; what they draw must differ. */
START_TEST(randomness_differs) {
    uint8_t(*drawn)[32] =
        mmap(NULL, 2 * sizeof(*drawn), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t warm[32];
    int agent = stack_agent(), channel = stack_turn(agent);
    ck_assert_int_eq(RAND_bytes(warm, sizeof(warm)), 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(unshare(CLONE_NEWPID), 0);
        pid_t pid = fork();
        if (pid == 0) {
            struct http *http;
            bool ok = http_new(channel, &http) == 0 && RAND_bytes(drawn[i], 32) == 1;
            _exit(ok && getpid() == 1 ? 0 : 1);
        }
        int status = -1;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        SCOPE_FD int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(setns(own, CLONE_NEWPID), 0); /* the next child gets one of its own */
    }
    ck_assert_int_ne(memcmp(drawn[0], drawn[1], 32), 0);
}
END_TEST

START_TEST(trust_that_is_wrong) {
    char why[256] = "";
    struct http_trust *trust;
    ck_assert_int_eq(http_trust_new("/nonexistent/ca.pem", &trust, why, sizeof(why)), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent/ca.pem"));
    ck_assert_int_eq(http_trust_new("/etc/passwd", &trust, why, sizeof(why)), -EINVAL);
    ck_assert_int_eq(http_trust_new("", &trust, why, sizeof(why)), 0); /* the system's */
    http_trust_free(trust);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("http");
    TCase *t = tcase_create("http");
    tcase_add_unchecked_fixture(t, stack_setup, stack_teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, shim_is_in_place);
    tcase_add_loop_test(t, answers, 0, 2);
    tcase_add_loop_test(t, troubles, 0, 2);
    tcase_add_loop_test(t, bodies_that_say_where_they_end, 0, 5);
    tcase_add_test(t, certificates);
    tcase_add_test(t, refusals);
    tcase_add_test(t, what_is_sent);
    tcase_add_test(t, streaming);
    tcase_add_loop_test(t, large_upload, 0, 2);
    tcase_add_test(t, timeouts);
    tcase_add_test(t, randomness_differs);
    tcase_add_test(t, trust_that_is_wrong);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
