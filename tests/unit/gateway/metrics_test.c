/* Numbers as OpenMetrics text, and on their way from program to program. */
#include <check.h>
#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "gateway/metrics.h"
#include "ipc/metrics_page.h"

#define EVERYBODY                                                                                  \
    (TELLER_SUPERVISOR | TELLER_GATEWAY | TELLER_KEYS | TELLER_EGRESS | TELLER_BUSINESS |          \
     TELLER_NOTIFY)

static char *text_of(const struct metrics *metrics, unsigned tellers) {
    struct evbuffer *out = evbuffer_new();
    metrics_text(out, metrics, tellers);
    size_t len = evbuffer_get_length(out);
    char *text = calloc(1, len + 1);
    (void)evbuffer_remove(out, text, len);
    evbuffer_free(out);
    return text;
}

static bool has(const char *text, const char *line) {
    return strstr(text, line) != NULL;
}

START_TEST(test_text) {
    static struct metrics m;
    metrics_add(&m, METRIC_TURNS, KIND_CHAT, OUTCOME_done, 2);
    metrics_add(&m, METRIC_TURNS, KIND_CHAT, OUTCOME_busy, 1);
    metrics_set(&m, METRIC_AGENTS, STATE_OF_BUSY, 7);
    metrics_observe(&m, METRIC_TURN_SECONDS, PHASE_OF_KEYS, 100);                 /* on a bound */
    metrics_observe(&m, METRIC_TURN_SECONDS, PHASE_OF_KEYS, 101);                 /* above it */
    metrics_observe(&m, METRIC_TURN_SECONDS, PHASE_OF_KEYS, UINT64_C(400000000)); /* above all */
    metrics_set(&m, METRIC_START_TIME, PROGRAM_KEYS, UINT64_C(1700000000000000));
    SCOPE_FREE char *text = text_of(&m, EVERYBODY);
    static const char *const lines[] = {
        "# TYPE cloister_turns counter\n# HELP cloister_turns ",
        "\ncloister_turns_total{kind=\"chat\",outcome=\"done\"} 2\n",
        "\ncloister_turns_total{kind=\"chat\",outcome=\"busy\"} 1\n",
        "\ncloister_agents{state=\"busy\"} 7\n",
        "\ncloister_agents{state=\"idle\"} 0\n",
        "# TYPE cloister_turn_seconds histogram\n# UNIT cloister_turn_seconds seconds\n",
        "\ncloister_turn_seconds_bucket{phase=\"keys\",le=\"0.0001\"} 1\n",
        "\ncloister_turn_seconds_bucket{phase=\"keys\",le=\"0.00025\"} 2\n",
        "\ncloister_turn_seconds_bucket{phase=\"keys\",le=\"300.0\"} 2\n",
        "\ncloister_turn_seconds_bucket{phase=\"keys\",le=\"+Inf\"} 3\n",
        "\ncloister_turn_seconds_count{phase=\"keys\"} 3\n",
        "\ncloister_turn_seconds_sum{phase=\"keys\"} 400.000201\n",
        "\ncloister_spawn_seconds_bucket{le=\"0.0001\"} 0\n",
        "\ncloister_start_time_seconds{program=\"cloister-keys\"} 1700000000.000000\n",
        "\ncloister_streams_total 0\n",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        ck_assert_msg(has(text, lines[i]), "missing: %s", lines[i]);
    /* All routes by all statuses would be mostly nothing. */
    ck_assert(!has(text, "cloister_http_requests_total{"));
    ck_assert(!has(text, "kind=\"chat\",outcome=\"full\"} 0"));
    ck_assert_str_eq(text + strlen(text) - 6, "# EOF\n");
}
END_TEST

START_TEST(test_who_tells) {
    static struct metrics m;
    SCOPE_FREE char *own = text_of(&m, TELLER_GATEWAY);
    ck_assert(has(own, "# TYPE cloister_http_requests "));
    ck_assert(!has(own, "# TYPE cloister_agents "));
}
END_TEST

START_TEST(test_out_of_range) {
    static struct metrics m, none;
    metrics_add(&m, METRIC_TURNS, KIND_COUNT, 0, 1);
    metrics_add(&m, METRIC_TURNS, 0, OUTCOME_COUNT, 1);
    metrics_set(&m, METRIC_AGENTS, AGENT_STATE_COUNT, 1);
    metrics_observe(&m, METRIC_TURN_SECONDS, PHASE_COUNT, 1);
    metrics_observe(&m, METRIC_AGENTS, 0, 1); /* no histogram */
    ck_assert_mem_eq(&m, &none, sizeof(m));
}
END_TEST

/* Each program is believed its own rows alone. */
START_TEST(test_merge) {
    static struct metrics theirs, ours;
    static uint64_t cells[METRICS_CELLS];
    memset(&ours, 0, sizeof(ours));
    metrics_add(&theirs, METRIC_EGRESS_DIALS, 0, 0, 5);
    metrics_add(&theirs, METRIC_BREACHES, 0, 0, 5);
    size_t n = metrics_pack(&theirs, TELLER_EGRESS, cells);
    ck_assert_uint_lt(n, METRICS_CELLS);
    metrics_add(&ours, METRIC_EGRESS_DIALS, 0, 0, 1);
    ck_assert_int_eq(metrics_merge(&ours, TELLER_EGRESS, metrics_table(), cells, n), 0);
    ck_assert_uint_eq(metrics_get(&ours, METRIC_EGRESS_DIALS, 0, 0), 6);
    ck_assert_uint_eq(metrics_get(&ours, METRIC_BREACHES, 0, 0), 0);
    ck_assert_int_eq(metrics_merge(&ours, TELLER_EGRESS, metrics_table() + 1, cells, n), -EINVAL);
    ck_assert_int_eq(metrics_merge(&ours, TELLER_EGRESS, metrics_table(), cells, n - 1), -EINVAL);
    ck_assert_int_eq(metrics_merge(&ours, TELLER_KEYS, metrics_table(), cells, n), -EINVAL);
    ck_assert_uint_eq(metrics_get(&ours, METRIC_EGRESS_DIALS, 0, 0), 6);
}
END_TEST

static int read_page(const char *path, uid_t uid, struct metrics *into, uint64_t *resident) {
    memset(into, 0, sizeof(*into));
    return metrics_page_read(path, uid, TELLER_EGRESS, into, resident);
}

/* A child holds the page; then it is gone. */
START_TEST(test_page) {
    static struct metrics got;
    char dir[] = "/tmp/cloister-metrics.XXXXXX", path[64], byte = 0;
    int go[2], stop[2];
    uint64_t seen = 0;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/metrics", dir);
    ck_assert_int_eq(pipe(go), 0);
    ck_assert_int_eq(pipe(stop), 0);
    pid_t child = fork();
    if (child == 0) {
        struct metrics *page;
        if (metrics_page_new(path, &page) < 0)
            _exit(1);
        metrics_add(page, METRIC_EGRESS_GIVEN, 0, 0, 42);
        (void)!write(go[1], "x", 1);
        (void)close(stop[1]);
        (void)!read(stop[0], &byte, 1);
        _exit(0);
    }
    (void)close(stop[0]);
    ck_assert_int_eq(read(go[0], &byte, 1), 1);
    ck_assert_int_eq(read_page(path, getuid(), &got, &seen), 0);
    ck_assert_uint_eq(metrics_get(&got, METRIC_EGRESS_GIVEN, 0, 0), 42);
    ck_assert_uint_gt(seen, 100000);
    ck_assert_int_eq(read_page(path, getuid() + 1, &got, &seen), -EPERM);
    ck_assert_int_eq(truncate(path, 100), 0); /* what a writer may do to us */
    ck_assert_int_eq(read_page(path, getuid(), &got, &seen), -EINVAL);
    (void)close(stop[1]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(read_page(path, getuid(), &got, &seen), -ESRCH);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(read_page(path, getuid(), &got, &seen), -ENOENT);
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    ck_assert_int_eq(read_page(path, getuid(), &got, &seen), -ELOOP);
    (void)unlink(path);
    (void)rmdir(dir);
}
END_TEST

START_TEST(test_statuses) {
    ck_assert_uint_eq(metrics_status(0), STATUS_NONE);
    ck_assert_uint_eq(metrics_status(429), STATUS_429);
    ck_assert_uint_eq(metrics_status(418), STATUS_OTHER);
    ck_assert_int_eq(metrics_outcome("done"), OUTCOME_done);
    ck_assert_int_eq(metrics_outcome("Dr. Strange"), -1);
    ck_assert_uint_gt(metrics_resident(0), 100000);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("metrics");
    tcase_add_test(tcase, test_text);
    tcase_add_test(tcase, test_who_tells);
    tcase_add_test(tcase, test_out_of_range);
    tcase_add_test(tcase, test_merge);
    tcase_add_test(tcase, test_page);
    tcase_add_test(tcase, test_statuses);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
