/* Chat over real sockets: events, credit, slow and vanished readers, a supervisor that goes away.
 */
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/unit/gateway/rig.h"

#define SSE  "text/event-stream"
#define JSON "application/json"

static struct rig rig;

static void setup(void) {
    struct gateway_limits limits = rig_limits();
    rig_start(&rig, &limits, "");
}

static void teardown(void) {
    rig_stop(&rig);
}

/* Takes the chunked coding off a response's body, checking it; to free. */
static char *unchunk(const char *response) {
    const char *at = body_of(response);
    char *out = calloc(1, strlen(response) + 1), *end = out;
    ck_assert_msg(has_header(response, "Transfer-Encoding: chunked"), "%s", response);
    for (;;) {
        char *after;
        unsigned long n = strtoul(at, &after, 16);
        ck_assert_msg(after > at && strncmp(after, "\r\n", 2) == 0, "chunk: %.40s", at);
        at = after + 2;
        if (n == 0)
            break;
        ck_assert_uint_ge(strlen(at), n + 2);
        end = mempcpy(end, at, n);
        at += n;
        ck_assert_int_eq(strncmp(at, "\r\n", 2), 0);
        at += 2;
    }
    ck_assert_str_eq(at, "\r\n");
    return out;
}

static char *stream(const char *message) {
    SCOPE_FREE char *got = rig_chat(&rig, message, SSE);
    ck_assert_msg(status_of(got) == 200, "%s", got);
    ck_assert(has_header(got, "Content-Type: text/event-stream"));
    return unchunk(got);
}

START_TEST(test_events) {
    SCOPE_FREE char *got = stream("say Hello\\nworld, caf\xc3\xa9 \xf0\x9f\x99\x82 \\\"q\\\"");
    take_request(got);
    ck_assert_str_eq(got,
                     ": accepted\n\n"
                     "event: tool\ndata: {\"name\":\"list_events\",\"state\":\"running\"}\n\n"
                     "event: tool\ndata: {\"name\":\"list_events\",\"state\":\"done\"}\n\n"
                     "event: delta\ndata: {\"text\":\"Hello\\nworld, café 🙂 \\\"q\\\"\"}\n\n"
                     "event: done\ndata: {\"turn\":\"turn-1\",\"usage\":{\"input_tokens\":11,"
                     "\"output_tokens\":7,\"model_calls\":2,\"tool_calls\":1},"
                     "\"shown\":[\"message\",\"titles\"],\"settled\":[\"p0\"]}\n\n");
}
END_TEST

START_TEST(test_json) {
    SCOPE_FREE char *got = rig_chat(&rig, "say one\\ntwo \xc3\xa9", JSON);
    ck_assert_uint_eq(status_of(got), 200);
    take_request(got);
    ck_assert_str_eq(body_of(got),
                     "{\"turn\":\"turn-1\",\"reply\":\"one\\ntwo é\",\"proposals\":[],"
                     "\"usage\":{\"input_tokens\":11,\"output_tokens\":7,"
                     "\"model_calls\":2,\"tool_calls\":1},"
                     "\"shown\":[\"message\",\"titles\"],\"settled\":[\"p0\"]}");
    SCOPE_FREE char *proposed = rig_chat(&rig, "propose", "*/*");
    ck_assert_ptr_nonnull(strstr(proposed,
                                 "\"proposals\":[{\"id\":\"p1\",\"summary\":\"Move lunch\","
                                 "\"arguments\":{\"event\":\"e1\"},\"expires_at\":"
                                 "\"2026-01-01T00:00:00Z\"}]"));
}
END_TEST

START_TEST(test_characters_cut_in_two) {
    SCOPE_FREE char *events = stream("split"), *whole = rig_chat(&rig, "split", JSON);
    ck_assert_ptr_nonnull(strstr(events, "{\"text\":\"caf\"}"));
    ck_assert_ptr_nonnull(strstr(events, "{\"text\":\"é!\xef\xbf\xbd?\"}"));
    ck_assert_ptr_nonnull(strstr(whole, "\"reply\":\"café!\xef\xbf\xbd?\""));
}
END_TEST

START_TEST(test_proposal_and_tools) {
    SCOPE_FREE char *got = stream("propose"), *many = stream("tools 400");
    ck_assert_ptr_nonnull(strstr(got,
                                 "event: proposal\ndata: {\"id\":\"p1\",\"summary\":\"Move lunch\","
                                 "\"arguments\":{\"event\":\"e1\"},\"expires_at\":"
                                 "\"2026-01-01T00:00:00Z\"}\n\n"));
    ck_assert_ptr_nonnull(strstr(many, "event: done"));
}
END_TEST

START_TEST(test_failures) {
    SCOPE_FREE char *got = stream("break");
    ck_assert_ptr_nonnull(strstr(got, "{\"text\":\"half an ans\"}"));
    take_request(got);
    ck_assert_ptr_nonnull(
        strstr(got, "event: error\ndata: {\"code\":\"agent_lost\",\"detail\":\"In plain "
                    "words.\",\"retryable\":true,\"unknown_writes\":true,"
                    "\"retry_after_ms\":1500}\n\n"));
    SCOPE_FREE char *json = rig_chat(&rig, "break", JSON);
    check_problem(json, 502, "agent_lost");
    ck_assert(has_header(json, "Retry-After: 2"));
    ck_assert_ptr_nonnull(strstr(json, "\"unknown_writes\":true,\"reply\":\"half an ans\"}"));
    SCOPE_FREE char *nothing = rig_chat(&rig, "hang", "text/plain"); /* refused before it began */
    ck_assert_ptr_null(strstr(nothing, "\"reply\""));
}
END_TEST

/* A supervisor that sends more than it was given credit for, to a reader that does not read. */
START_TEST(test_overrun) {
    SCOPE_FD int fd = rig_connect(&rig);
    int small = 16384;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    rig_chat_send(fd, "overrun", SSE);
    rig_wait(&rig, seen_cancels, 1);
    SCOPE_FREE char *over = rig_read_all(fd, 16u << 20, NULL);
    ck_assert_ptr_nonnull(strstr(over, "event: error\ndata: {\"code\":\"internal\""));
}
END_TEST

/* The stream is there before the first word, and stays alive in silence. */
START_TEST(test_heartbeat) {
    SCOPE_FD int fd = rig_connect(&rig);
    rig_chat_send(fd, "hang", SSE);
    SCOPE_FREE char *start = rig_read_until(fd, ": accepted\n\n");
    ck_assert_uint_eq(status_of(start), 200);
    SCOPE_FREE char *beat = rig_read_until(fd, ": still here\n\n");
    SCOPE_FREE char *more = rig_read_until(fd, ": still here\n\n");
}
END_TEST

START_TEST(test_reader_gone) {
    static const char *const messages[] = {"hang", "silent", "flood 100000000"};
    static const char *const kinds[] = {SSE, JSON};
    unsigned cancels = 0, chats = 0;
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            if (i == 2 && k == 1)
                continue; /* a JSON answer that long is refused anyway */
            SCOPE_FD int fd = rig_connect(&rig);
            rig_chat_send(fd, messages[i], kinds[k]);
            rig_wait(&rig, seen_chats, ++chats);
            (void)close(take_fd(&fd));
            uint64_t began = clock_ms();
            rig_wait(&rig, seen_cancels, ++cancels);
            ck_assert_uint_lt(clock_ms() - began, 1000); /* at once, not at the next write */
        }
}
END_TEST

/* A flood through a reader that takes it all: every byte arrives, none too many. */
START_TEST(test_flood) {
    SCOPE_FREE char *got = stream("flood 3000000");
    size_t n = 0;
    for (const char *at = got; (at = strstr(at, "{\"text\":\"")) != NULL;) {
        at += 9;
        size_t run = strspn(at, "x");
        ck_assert_uint_le(run, 4096);
        n += run;
        at += run;
    }
    ck_assert_uint_eq(n, 3000000);
    ck_assert_ptr_nonnull(strstr(got, "event: done"));
    struct fake_seen now = rig_seen(&rig);
    ck_assert_uint_le(now.credit_bytes, now.sent_bytes);
    ck_assert_uint_ge(now.credit_bytes + 65536, now.sent_bytes);
}
END_TEST

START_TEST(test_json_too_long) {
    SCOPE_FREE char *got = rig_chat(&rig, "flood 3000000", JSON);
    check_problem(got, 502, "reply_too_large");
    ck_assert_ptr_null(strstr(got, "\"reply\""));
    rig_wait(&rig, seen_cancels, 1);
}
END_TEST

static int stalled_reader(void) {
    int fd = rig_connect(&rig), small = 2048;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    rig_chat_send(fd, "flood 50000000", SSE);
    return fd;
}

/* Readers that take nothing: their turns stop after their credit, memory stays, the others go on,
 * and after stall_ms they are dropped and their turns cancelled. */
START_TEST(test_stalled_readers) {
    int fds[48];
    long before = rig_rss(&rig);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        fds[i] = stalled_reader();
    rig_wait(&rig, seen_chats, COUNT_OF(fds));
    for (unsigned i = 0; i < 20; i++) {
        uint64_t began = clock_ms();
        SCOPE_FREE char *got = stream("say quick");
        ck_assert_ptr_nonnull(strstr(got, "quick"));
        ck_assert_uint_lt(clock_ms() - began, 500);
    }
    /* Each wants to say 50 MB. The gateway holds a credit and a high mark for each, beside what nng
     * and malloc keep once for all. */
    rig_grown_less(&rig, before, (long)(COUNT_OF(fds) * 256 + 8192));
    rig_wait(&rig, seen_cancels, COUNT_OF(fds));
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
}
END_TEST

/* Slow but not stalled: 4 KiB now and then is progress. */
START_TEST(test_slow_reader) {
    SCOPE_FD int fd = rig_connect(&rig);
    int small = 4096;
    char piece[65536];
    size_t got = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    rig_chat_send(fd, "flood 400000", SSE);
    for (;;) {
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        ck_assert_int_ge(n, 0);
        if (n == 0)
            break;
        got += (size_t)n;
        (void)poll(NULL, 0, 2);
    }
    ck_assert_uint_gt(got, 400000);
    ck_assert_uint_eq(rig_seen(&rig).cancels, 0);
}
END_TEST

START_TEST(test_input_while_streaming) {
    SCOPE_FD int fd = rig_connect(&rig);
    static char noise[65536];
    rig_chat_send(fd, "hang", SSE);
    SCOPE_FREE char *start = rig_read_until(fd, ": accepted\n\n");
    for (unsigned i = 0; i < 16; i++) /* its buffers are touched once before it is measured */
        rig_send(fd, noise, sizeof(noise));
    SCOPE_FREE char *first = rig_read_until(fd, ": still here\n\n");
    long before = rig_rss(&rig);
    for (unsigned i = 0; i < 512; i++) /* 32 MiB */
        rig_send(fd, noise, sizeof(noise));
    SCOPE_FREE char *beat = rig_read_until(fd, ": still here\n\n");
    rig_grown_less(&rig, before, 1024);
}
END_TEST

START_TEST(test_supervisor_lost) {
    SCOPE_FREE char *died = stream("die");
    ck_assert_ptr_nonnull(strstr(died, "{\"text\":\"half\"}"));
    ck_assert_ptr_nonnull(strstr(died, "event: error\ndata: {\"code\":\"agent_lost\""));
    ck_assert_ptr_nonnull(strstr(died, "\"retryable\":true,\"unknown_writes\":true"));
    rig_wait(&rig, seen_hellos, 2); /* it dialled again by itself */
    SCOPE_FD int fd = rig_connect(&rig);
    rig_chat_send(fd, "silent", JSON);
    rig_wait(&rig, seen_chats, 2);
    rig_fake_stop(&rig);
    SCOPE_FREE char *got = rig_read_all(fd, 65536, NULL);
    check_problem(got, 503, "supervisor_unavailable");
    rig_fake_start(&rig);
    SCOPE_FREE char *again = stream("say back");
    ck_assert_ptr_nonnull(strstr(again, "back"));
}
END_TEST

START_TEST(test_many_at_once) {
    int fds[100];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = rig_connect(&rig);
        rig_chat_send(fds[i], "flood 30000", SSE);
    }
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        SCOPE_FREE char *raw = rig_read_all(fds[i], 1u << 22, NULL);
        SCOPE_FREE char *got = unchunk(raw);
        ck_assert_ptr_nonnull(strstr(got, "event: done"));
        (void)close(fds[i]);
    }
}
END_TEST

static void short_setup(void) {
    struct gateway_limits limits = rig_limits();
    limits.chat_ms = 700;
    limits.ask_ms = 700;
    rig_start(&rig, &limits, "");
}

START_TEST(test_too_late) {
    SCOPE_FREE char *got = stream("hang");
    ck_assert_ptr_nonnull(strstr(got, "event: error\ndata: {\"code\":\"turn_timeout\""));
    rig_wait(&rig, seen_cancels, 1);
    SCOPE_FREE char *json = rig_chat(&rig, "silent", JSON);
    check_problem(json, 504, "turn_timeout");
    rig_wait(&rig, seen_cancels, 2);
}
END_TEST

/* SIGTERM: nobody new, the running one ends in peace. */
START_TEST(test_drain) {
    SCOPE_FD int fd = rig_connect(&rig);
    rig_chat_send(fd, "hang", SSE);
    SCOPE_FREE char *start = rig_read_until(fd, ": accepted\n\n");
    ck_assert_int_eq(kill(rig.gateway, SIGTERM), 0);
    SCOPE_FREE char *beat = rig_read_until(fd, ": still here\n\n");
    ck_assert_int_eq(waitpid(rig.gateway, NULL, WNOHANG), 0);
    SCOPE_FREE char *rest = rig_read_all(fd, 65536, NULL); /* told at drain_ms */
    ck_assert_ptr_nonnull(strstr(rest, "event: error\ndata: {\"code\":\"agent_lost\""));
    rig_ended(&rig);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway stream");
    TCase *tcase = tcase_create("stream"), *late = tcase_create("late"), *end = tcase_create("end");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_checked_fixture(late, short_setup, teardown);
    tcase_add_checked_fixture(end, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_set_timeout(late, 30);
    tcase_set_timeout(end, 30);
    tcase_add_test(tcase, test_events);
    tcase_add_test(tcase, test_json);
    tcase_add_test(tcase, test_characters_cut_in_two);
    tcase_add_test(tcase, test_proposal_and_tools);
    tcase_add_test(tcase, test_failures);
    tcase_add_test(tcase, test_overrun);
    tcase_add_test(tcase, test_heartbeat);
    tcase_add_test(tcase, test_reader_gone);
    tcase_add_test(tcase, test_flood);
    tcase_add_test(tcase, test_json_too_long);
    tcase_add_test(tcase, test_stalled_readers);
    tcase_add_test(tcase, test_slow_reader);
    tcase_add_test(tcase, test_input_while_streaming);
    tcase_add_test(tcase, test_supervisor_lost);
    tcase_add_test(tcase, test_many_at_once);
    tcase_add_test(late, test_too_late);
    tcase_add_test(end, test_drain);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, late);
    suite_add_tcase(suite, end);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
