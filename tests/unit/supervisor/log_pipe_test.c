/* Agents' lines: bounded, and a flood ends its own pipe. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/log_pipe.h"

static struct event_base *base;

struct lines {
    unsigned count, closed;
    enum log_level level;
    char text[LOG_PIPE_LINE * 2];
};

static void on_line(void *ctx, enum log_level level, const char *text) {
    struct lines *lines = ctx;
    lines->count++;
    lines->level = level;
    (void)snprintf(lines->text, sizeof(lines->text), "%s", text);
}

static void run_pipe(struct log_pipe *pipe, const char *text, size_t len) {
    ck_assert_int_eq(write_all(log_pipe_fd(pipe), text, len), 0);
    ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

START_TEST(log_lines_are_bounded) {
    struct lines lines = {0};
    struct log_pipe *pipe;
    base = event_base_new();
    ck_assert_int_eq(log_pipe_new(base, on_line, &lines, &pipe), 0);
    static const char warning[] = "cloister-agent: warning: low\n";
    run_pipe(pipe, warning, strlen(warning));
    ck_assert_str_eq(lines.text, "low");
    ck_assert_int_eq(lines.level, LOG_LEVEL_WARN);
    static const char odd[] = "<0>fatal: nonsense\n";
    run_pipe(pipe, odd, strlen(odd));
    ck_assert_str_eq(lines.text, "<0>fatal: nonsense");
    ck_assert_int_eq(lines.level, LOG_LEVEL_INFO);
    char flood[4000];
    memset(flood, 'x', sizeof(flood));
    flood[sizeof(flood) - 1] = '\n';
    run_pipe(pipe, flood, sizeof(flood));
    ck_assert_uint_eq(strlen(lines.text), LOG_PIPE_LINE);
    ck_assert_uint_eq(lines.count, 3);
    for (int i = 0; i < 1000; i++)
        run_pipe(pipe, "a\n", 2);
    ck_assert_uint_le(lines.count, 3 + 3 * LOG_PIPE_RATE); /* the second may turn meanwhile */
    log_pipe_free(pipe);
    event_base_free(base);
}
END_TEST

static void on_closed(void *ctx) {
    ((struct lines *)ctx)->closed++;
}

/* An agent's pipe: an ordinary line passes, a flood is cut off after its budget, and the writer,
 * which keeps its end, is told so. */
START_TEST(an_agents_flood_closes_its_pipe) {
    struct lines lines = {0};
    struct log_share share = {0};
    struct log_pipe *pipe;
    (void)signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    ck_assert_int_eq(log_pipe_new_agent(base, &share, on_line, on_closed, &lines, &pipe), 0);
    int writer = dup(log_pipe_fd(pipe));
    log_pipe_handed(pipe);
    ck_assert_int_eq(fcntl(writer, F_GETPIPE_SZ), 4096);
    static const char warning[] = "cloister-agent: warning: low\n";
    ck_assert_int_eq(write_all(writer, warning, strlen(warning)), 0);
    ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
    ck_assert_str_eq(lines.text, "low");
    for (int i = 0; i < 1000 && write(writer, "a\n", 2) == 2; i++)
        ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
    ck_assert_uint_le(lines.count, LOG_PIPE_LINES + 3 * LOG_PIPE_LINES_SECOND);
    ck_assert_uint_eq(lines.closed, 1);
    ck_assert_int_eq(write(writer, "a\n", 2), -1);
    ck_assert_int_eq(errno, EPIPE);
    log_pipe_drain(pipe); /* nothing, and no second word of it */
    ck_assert_uint_eq(lines.closed, 1);
    (void)close(writer);
    log_pipe_free(pipe);
    event_base_free(base);
}
END_TEST

/* Bytes without an end of line count as well; and last words are not lost. */
START_TEST(an_agents_bytes_and_last_words) {
    struct lines lines = {0};
    struct log_share share = {0};
    struct log_pipe *pipe, *other;
    char noise[512];
    base = event_base_new();
    memset(noise, 'x', sizeof(noise));
    ck_assert_int_eq(log_pipe_new_agent(base, &share, on_line, on_closed, &lines, &pipe), 0);
    ck_assert_int_eq(log_pipe_new_agent(base, &share, on_line, on_closed, &lines, &other), 0);
    for (int i = 0; i < 1000 && lines.closed == 0; i++) {
        ck_assert_int_eq(write_all(log_pipe_fd(pipe), noise, sizeof(noise)), 0);
        ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
    }
    ck_assert_uint_eq(lines.closed, 1);
    ck_assert_uint_eq(lines.count, 1); /* cut, and the rest of it dropped */
    ck_assert_int_eq(write_all(log_pipe_fd(other), "last\n", 5), 0);
    log_pipe_handed(other);
    log_pipe_drain(other); /* the flood of one is nothing to the other */
    ck_assert_str_eq(lines.text, "last");
    ck_assert_uint_eq(lines.closed, 1);
    log_pipe_free(pipe);
    log_pipe_free(other);
    event_base_free(base);
}
END_TEST

/* A flood is not read for ever: the pipe fills, and its writer is told. */
START_TEST(log_floods_fill_their_pipe) {
    struct lines lines = {0};
    struct log_pipe *pipe;
    char flood[4096];
    base = event_base_new();
    ck_assert_int_eq(log_pipe_new(base, on_line, &lines, &pipe), 0);
    for (size_t i = 0; i < sizeof(flood); i++)
        flood[i] = i % 2 == 0 ? 'a' : '\n';
    unsigned taken = 0;
    while (taken < 100 && write(log_pipe_fd(pipe), flood, sizeof(flood)) > 0) {
        ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
        taken++;
    }
    ck_assert_uint_lt(taken, 100);
    ck_assert_int_eq(errno, EAGAIN);
    unsigned before = lines.count;
    for (int i = 0; i < 100 && lines.count <= before; i++) /* once it is over it goes on */
        ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
    ck_assert_uint_gt(lines.count, before);
    log_pipe_free(pipe);
    event_base_free(base);
}
END_TEST

int main(void) {
    Suite *s = suite_create("log_pipe");
    TCase *t = tcase_create("log_pipe");
    tcase_add_test(t, log_lines_are_bounded);
    tcase_add_test(t, log_floods_fill_their_pipe);
    tcase_add_test(t, an_agents_flood_closes_its_pipe);
    tcase_add_test(t, an_agents_bytes_and_last_words);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
