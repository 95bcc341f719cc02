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
#include "stack.h"

struct turn {
    int agent, channel;
    struct http *http;
};

static struct turn turn_begin(void) {
    struct turn turn = {.agent = stack_agent()};
    turn.channel = stack_turn(turn.agent);
    stack_wall();
    ck_assert_int_eq(http_new(turn.channel, &turn.http), 0);
    return turn;
}

static void turn_end(struct turn *turn) {
    http_free(turn->http);
    (void)close(turn->channel);
    (void)close(turn->agent);
}

static struct http_request get(const char *url) {
    return (struct http_request){
        .method = "GET", .url = url, .trust = stack.trust, .deadline = clock_ms() + 20000};
}

/* Runs one request to its end; the caller finishes *ret. */
static int run(struct turn *turn, const struct http_request *request, struct http_transfer **ret) {
    ck_assert_int_eq(http_start(turn->http, request, ret), 0);
    return http_wait(turn->http, *ret);
}

static void expect(struct turn *turn, const char *url, int result, int status) {
    struct http_transfer *t;
    struct http_request request = get(url);
    int r = run(turn, &request, &t);
    ck_assert_msg(r == result, "%s gave %d (%s), not %d", url, r, http_why(t), result);
    ck_assert_int_eq(http_status(t), status);
    ck_assert(http_done(t));
    if (result != 0)
        ck_assert_uint_gt(strlen(http_why(t)), 0);
    http_finish(t);
}

static void expect_body(struct turn *turn, const char *url, const char *body) {
    struct http_transfer *t;
    struct http_request request = get(url);
    size_t len;
    int r = run(turn, &request, &t);
    ck_assert_msg(r == 0, "%s gave %d (%s)", url, r, http_why(t));
    ck_assert_str_eq(http_body(t, &len), body);
    ck_assert_uint_eq(len, strlen(body));
    ck_assert(http_sent(t));
    http_finish(t);
}

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
    tcase_add_test(t, certificates);
    tcase_add_test(t, refusals);
    tcase_add_test(t, what_is_sent);
    tcase_add_test(t, streaming);
    tcase_add_loop_test(t, large_upload, 0, 2);
    tcase_add_test(t, timeouts);
    tcase_add_loop_test(t, reuse, 0, 2);
    tcase_add_test(t, reuse_needs_the_same_trust);
    tcase_add_loop_test(t, stale_connections, 0, 2);
    tcase_add_test(t, prepared_connection);
    tcase_add_test(t, prepared_while_another_waits);
    tcase_add_test(t, many_at_once);
    tcase_add_test(t, given_up_midway);
    tcase_add_test(t, watched_descriptor);
    tcase_add_test(t, egress_gone);
    tcase_add_loop_test(t, revoked_midway, 0, 2);
    tcase_add_test(t, no_descriptor_left_over);
    tcase_add_test(t, randomness_differs);
    tcase_add_test(t, trust_that_is_wrong);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
