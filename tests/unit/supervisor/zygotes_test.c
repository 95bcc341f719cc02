/* The zygote dies, ages or never answers, and agents live on. */
#include <check.h>
#include <signal.h>
#include <sys/wait.h>

#include "turns_rig.h"

START_TEST(zygote_is_replaced_and_agents_live_on) {
    struct heard heard;
    ask(USER_A, "say 1", &heard);
    pid_t pid = rig_pid(&rig, USER_A);
    for (unsigned i = 0; i < 3; i++) {
        struct zygote_status zygote;
        zygote_status(rig.zygote, &zygote);
        ck_assert_int_eq(kill(zygote.pid, SIGKILL), 0);
        ask(USER_B, "say new", &heard); /* submitted while there is none */
        ck_assert_str_eq(heard.text, "new");
        ck_assert_int_eq(turns_stop_user(rig.turns, USER_B), 1);
        rig_until(&rig, is_idle, NULL);
    }
    ask(USER_A, "say 2", &heard);
    ck_assert_int_eq(rig_pid(&rig, USER_A), pid);
}
END_TEST

START_TEST(zygote_that_never_starts) {
    rig_prepare(&rig, "never");
    rig_start(&rig);
    struct heard heard;
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 1", CREDIT, &heard));
    struct zygote_status zygote;
    do {
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
        zygote_status(rig.zygote, &zygote);
    } while (zygote.deaths < 3);
    ck_assert(!zygote_ready(rig.zygote));
    rig_set_mode(&rig, "normal");
    rig_until(&rig, heard_over, &heard);
    ck_assert_str_eq(heard.text, "1");
    teardown();
}
END_TEST

static bool no_zombie(void *ctx) {
    (void)ctx;
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

START_TEST(zygote_that_dies_half_way) {
    rig_prepare(&rig, "half");
    rig_start(&rig);
    struct heard heard;
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 1", CREDIT, &heard));
    struct zygote_status zygote;
    do {
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
        zygote_status(rig.zygote, &zygote);
    } while (zygote.deaths < 1);
    rig_set_mode(&rig, "normal");
    rig_until(&rig, heard_over, &heard);
    ck_assert_str_eq(heard.text, "1");
    rig_until(&rig, no_zombie, NULL); /* the stray that found nobody is reaped after 6 s */
    teardown();
}
END_TEST

static pid_t zygote_pid(void) {
    struct zygote_status zygote;
    zygote_status(rig.zygote, &zygote);
    return zygote.pid;
}

static bool is_another(void *ctx) {
    return zygote_pid() != *(pid_t *)ctx;
}

START_TEST(zygote_of_age_is_replaced) {
    rig_prepare(&rig, "normal");
    rig.zygote_age_ms = 150;
    rig_start(&rig);
    struct heard heard;
    ask(USER_A, "say 1", &heard);
    pid_t pid = rig_pid(&rig, USER_A);
    for (unsigned i = 0; i < 4; i++) {
        pid_t before = zygote_pid();
        rig_until(&rig, is_another, &before);
        ask(USER_B, "say new", &heard); /* perhaps submitted while there is none */
        ck_assert_str_eq(heard.text, "new");
        ck_assert_int_eq(turns_stop_user(rig.turns, USER_B), 1);
        rig_until(&rig, is_idle, NULL);
    }
    ask(USER_A, "say 2", &heard);
    ck_assert_int_eq(rig_pid(&rig, USER_A), pid);
    struct zygote_status zygote;
    zygote_status(rig.zygote, &zygote);
    ck_assert_uint_eq(zygote.deaths, 0);
    teardown();
}
END_TEST

START_TEST(zygote_that_does_not_answer) {
    rig_prepare(&rig, "silent");
    rig_start(&rig);
    struct heard heard;
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 1", CREDIT, &heard));
    rig_until(&rig, heard_over, &heard);
    ck_assert_str_eq(heard.code, "agent_lost");
    ck_assert(heard.retryable);
    rig_set_mode(&rig, "normal");
    still_serves();
    teardown();
}
END_TEST

/* What an agent needs may be away for a moment: its turns get another one, but not for ever. */
START_TEST(agents_that_end_before_their_turns) {
    static const struct {
        const char *mode;
        unsigned lost;
        bool answered;
    } rows[] = {{"weak 1", 1, true}, {"weak 2", 2, true}, {"weak 3", 3, false}};
    rig_prepare(&rig, rows[_i].mode);
    rig_start(&rig);
    struct heard first, second;
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 1", CREDIT, &first));
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 2", CREDIT, &second));
    rig_until(&rig, heard_over, &first);
    rig_until(&rig, heard_over, &second);
    ck_assert_uint_eq(status().counters.lost, rows[_i].lost);
    ck_assert_uint_eq(first.done + second.done, rows[_i].answered ? 2 : 0);
    if (!rows[_i].answered) {
        ck_assert_str_eq(first.code, "agent_lost");
        ck_assert(first.retryable && !first.unknown_writes);
    }
    still_serves();
    teardown();
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("zygotes");
    TCase *t = tcase_create("running");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, zygote_is_replaced_and_agents_live_on);
    suite_add_tcase(s, t);
    t = tcase_create("special");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, zygote_that_never_starts);
    tcase_add_test(t, zygote_that_dies_half_way);
    tcase_add_test(t, zygote_that_does_not_answer);
    tcase_add_test(t, zygote_of_age_is_replaced);
    tcase_add_loop_test(t, agents_that_end_before_their_turns, 0, 3);
    suite_add_tcase(s, t);
    return s;
}

int main(void) {
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
