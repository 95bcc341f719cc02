/* Too many agents for the machine: who waits, who is refused, who is parked. */
#include <check.h>

#include "turns_rig.h"

static bool is_half_idle(void *ctx) {
    (void)ctx;
    struct turns_status now = status();
    return now.idle == 1 && now.busy == 1 && now.starting + now.ending == 0;
}

START_TEST(full_parks_the_longest_idle) {
    rig_prepare(&rig, "normal");
    rig.setup.max = 2;
    rig_start(&rig);
    struct heard heard, hangs;
    static const char third[] = "cccccccccccccccccccccccccccccccc";
    ask(USER_A, "say 1", &heard);
    ck_assert(rig_submit(&rig, USER_B, "owner", "hang", CREDIT, &hangs));
    rig_until(&rig, heard_started, &hangs);
    ask(third, "say 3", &heard); /* A is parked for it */
    ck_assert_str_eq(heard.text, "3");
    ck_assert_int_eq(rig_pid(&rig, USER_A), 0);
    teardown();
}
END_TEST

static const char user_c[] = "cccccccccccccccccccccccccccccccc";

/* As many live agents as there may be, each with a turn that hangs. */
static void fill(uint64_t wait_ms, uint64_t waiting, struct heard hangs[2]) {
    rig_prepare(&rig, "normal");
    rig.setup.max = 2;
    rig.setup.full_wait_ms = wait_ms;
    rig.setup.full_waiting = waiting;
    rig_start(&rig);
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &hangs[0]));
    ck_assert(rig_submit(&rig, USER_B, "owner", "hang", CREDIT, &hangs[1]));
    rig_until(&rig, heard_started, &hangs[0]);
    rig_until(&rig, heard_started, &hangs[1]);
}

START_TEST(full_waits_for_the_first_that_turns_idle) {
    struct heard hangs[2], waits;
    fill(10000, 10, hangs);
    ck_assert(rig_submit(&rig, user_c, "owner", "say at last", CREDIT, &waits));
    ck_assert_uint_eq(status().waiting, 1);
    turn_cancel(hangs[0].turn);
    rig_until(&rig, heard_over, &waits);
    ck_assert_str_eq(waits.text, "at last");
    ck_assert_int_eq(rig_pid(&rig, USER_A), 0);
    ck_assert(!hangs[1].over);
    ck_assert_uint_eq(status().counters.refused, 0);
    teardown();
}
END_TEST

START_TEST(full_is_told_in_time) {
    struct heard hangs[2], waits, refused;
    fill(100, 1, hangs);
    ck_assert(rig_submit(&rig, user_c, "owner", "say never", CREDIT, &waits));
    static const char user_d[] = "dddddddddddddddddddddddddddddddd";
    ck_assert(!rig_submit(&rig, user_d, "owner", "say never", CREDIT, &refused));
    ck_assert_str_eq(refused.code, "full");
    ck_assert_uint_eq(refused.status, 503);
    rig_until(&rig, heard_over, &waits);
    ck_assert_str_eq(waits.code, "full");
    ck_assert_uint_eq(waits.status, 503);
    ck_assert(waits.retryable && !hangs[0].over && !hangs[1].over);
    ck_assert_uint_eq(status().counters.refused, 2);
    turn_cancel(hangs[1].turn); /* who comes later is served all the same */
    ask(user_d, "say now", &waits);
    ck_assert_str_eq(waits.text, "now");
    teardown();
}
END_TEST

START_TEST(full_lets_users_take_turns) {
    struct heard hangs[2], more, waits;
    fill(10000, 10, hangs);
    ck_assert(rig_submit(&rig, USER_A, "owner", "say more", CREDIT, &more));
    ck_assert(rig_submit(&rig, user_c, "owner", "say mine", CREDIT, &waits));
    turn_cancel(hangs[0].turn);
    rig_until(&rig, heard_over, &more);
    ck_assert_str_eq(more.text, "more");
    ck_assert(waits.over);
    ck_assert_uint_lt(waits.order, more.order);
    teardown();
}
END_TEST

START_TEST(full_starts_nothing_for_who_has_gone) {
    struct heard hangs[2], waits;
    fill(10000, 10, hangs);
    ck_assert(rig_submit(&rig, user_c, "owner", "say never", CREDIT, &waits));
    turn_cancel(waits.turn);
    turn_cancel(hangs[0].turn);
    rig_until(&rig, is_half_idle, NULL);
    ck_assert_int_eq(rig_pid(&rig, user_c), 0);
    ck_assert_uint_eq(status().counters.spawns, 2);
    teardown();
}
END_TEST

START_TEST(short_memory_parks_and_refuses) {
    struct heard heard;
    ask(USER_A, "say 1", &heard);
    ask(USER_B, "say 2", &heard);
    ck_assert_uint_eq(turns_relieve(rig.turns, 1), 1);
    rig_until(&rig, is_idle, NULL);
    ck_assert_int_eq(rig_pid(&rig, USER_A), 0);
    turns_refuse(rig.turns, true);
    ck_assert(!rig_submit(&rig, USER_A, "owner", "say 3", CREDIT, &heard));
    ck_assert_str_eq(heard.code, "full");
    ck_assert_uint_eq(heard.status, 503);
    ask(USER_B, "say on", &heard); /* who has an agent is served */
    ck_assert_str_eq(heard.text, "on");
    turns_refuse(rig.turns, false);
    ask(USER_A, "say 4", &heard);
    ck_assert_str_eq(heard.text, "4");
    ck_assert_uint_eq(status().counters.relieved, 1);
    ck_assert_uint_eq(status().counters.refused, 1);
}
END_TEST

START_TEST(idle_agents_are_parked) {
    rig_prepare(&rig, "normal");
    rig.setup.idle_park_ms = 50;
    rig_start(&rig);
    struct heard heard;
    ask(USER_A, "say 1", &heard);
    rig_until(&rig, is_empty, NULL);
    ck_assert_uint_eq(status().counters.parked, 1);
    teardown();
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("room");
    TCase *t = tcase_create("running");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, short_memory_parks_and_refuses);
    suite_add_tcase(s, t);
    t = tcase_create("special");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, full_parks_the_longest_idle);
    tcase_add_test(t, full_waits_for_the_first_that_turns_idle);
    tcase_add_test(t, full_is_told_in_time);
    tcase_add_test(t, full_lets_users_take_turns);
    tcase_add_test(t, full_starts_nothing_for_who_has_gone);
    tcase_add_test(t, idle_agents_are_parked);
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
