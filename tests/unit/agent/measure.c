/* Spawn and idle memory of agents, around the real program with a small turn: `agent_measure [N]`.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "harness.h"

static double now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void memory_of(pid_t pid, unsigned long *priv, unsigned long *pss) {
    char path[64], line[256];
    unsigned long value;
    *priv = *pss = 0;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Pss: %lu", &value) == 1)
            *pss = value;
        else if (sscanf(line, "Private_Clean: %lu", &value) == 1 ||
                 sscanf(line, "Private_Dirty: %lu", &value) == 1)
            *priv += value;
    }
    (void)fclose(file);
}

static void memory_print(const char *when, const struct harness_agent *agents, size_t n) {
    unsigned long most = 0, sum_priv = 0, sum_pss = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned long priv, pss;
        memory_of(agents[i].pid, &priv, &pss);
        sum_priv += priv;
        sum_pss += pss;
        most = priv > most ? priv : most;
    }
    printf("%s: private %.1f KiB (most %lu), PSS %.1f KiB\n", when, (double)sum_priv / (double)n,
           most, (double)sum_pss / (double)n);
}

static size_t n = 200;

START_TEST(measure) {
    struct harness_agent *agents = calloc(n, sizeof(*agents));
    double *took = calloc(n, sizeof(*took));
    ck_assert_ptr_nonnull(agents);
    ck_assert_ptr_nonnull(took);
    struct harness *harness = harness_new("");
    ck_assert_msg(harness->hello != NULL, "no zygote: %s", harness_log(harness));
    for (size_t i = 0; i < n; i++) {
        double start = now_us();
        harness_spawn(harness, &agents[i]);
        took[i] = now_us() - start;
    }
    qsort(took, n, sizeof(*took), by_size);
    printf("spawn to hello, %zu agents: median %.0f us, p99 %.0f us\n", n, took[n / 2],
           took[n - 1 - n / 100]);
    memory_print("before any turn", agents, n);
    for (size_t i = 0; i < n; i++) {
        double start = now_us();
        harness_turn(&agents[i], "t", "hello", 5000);
        (void)harness_next(&agents[i]);
        took[i] = now_us() - start;
    }
    qsort(took, n, sizeof(*took), by_size);
    printf("turn (start to TURN_DONE): median %.0f us\n", took[n / 2]);
    memory_print("after a turn", agents, n);
    for (size_t i = 0; i < n; i++)
        harness_agent_free(&agents[i]);
    harness_free(harness);
    free(agents);
    free(took);
}
END_TEST

int main(int argc, char **argv) {
    if (argc > 1)
        n = (size_t)strtoul(argv[1], NULL, 10);
    Suite *suite = suite_create("measure");
    TCase *tcase = tcase_create("measure");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, measure);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
