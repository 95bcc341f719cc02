/* Agents that mean harm: each ends alone, and the supervisor serves the others. */
#include <check.h>
#include <string.h>

#include "turns_rig.h"

static const char *const harm[] = {
    "garbage 1", "garbage 2", "garbage 3", "garbage 4", "garbage 5", "other", "overrun",
    "twice",     "hello",     "latin",     "token",     "memories",  "huge",  "error Bad Code",
    "empty",     "tools",     "grant",     "account",   "calls"};

START_TEST(harm_ends_the_agent_alone) {
    struct heard heard;
    ck_assert(rig_submit(&rig, USER_A, "owner", harm[_i], 4096, &heard));
    rig_until(&rig, heard_over, &heard);
    if (strcmp(harm[_i], "twice") != 0)
        ck_assert_str_eq(heard.code, "agent_lost");
    while (status().idle + status().starting + status().busy + status().ending > 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    if (strcmp(harm[_i], "huge") != 0) /* nng itself hangs up on that one */
        ck_assert_uint_eq(status().counters.breaches, 1);
    still_serves();
}
END_TEST

START_TEST(customers_may_not_remember) {
    struct heard heard;
    ck_assert(rig_submit(&rig, USER_A, "customer", "prefer", CREDIT, &heard));
    rig_until(&rig, heard_over, &heard);
    ck_assert_str_eq(heard.code, "agent_lost");
    ck_assert_uint_eq(heard.calls, 0);
    ck_assert_uint_eq(status().counters.breaches, 1);
}
END_TEST

/* What nobody would ask a customer's turn for, though an owner's chat gives it. */
START_TEST(customers_leave_no_token_and_no_grant) {
    static const char *const given[] = {"access", "who"};
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        struct heard heard;
        ask(USER_A, given[i], &heard);
        ck_assert_uint_eq(heard.done, 1);
        ck_assert(rig_submit(&rig, USER_A, "customer", given[i], CREDIT, &heard));
        rig_until(&rig, heard_over, &heard);
        ck_assert_str_eq(heard.code, "agent_lost");
        ck_assert_uint_eq(status().counters.breaches, i + 1);
    }
}
END_TEST

/* Credit enough for all of it: it is the length that ends it. */
START_TEST(no_answer_is_endless) {
    struct heard heard;
    ck_assert(rig_submit(&rig, USER_A, "owner", "endless", 1u << 20, &heard));
    rig_until(&rig, heard_over, &heard);
    ck_assert_str_eq(heard.code, "agent_lost");
    ck_assert_uint_eq(status().counters.breaches, 1);
}
END_TEST

/* Its agent broke the rules: who waits behind it is told to ask later, as is who asks meanwhile.
 * Where there is no rest they get another process. */
START_TEST(who_waits_rests_as_well) {
    static const uint64_t rests[] = {0, 60000};
    for (size_t i = 0; i < COUNT_OF(rests); i++) {
        rig_prepare(&rig, "normal");
        rig.setup.rest_ms = rests[i];
        rig_start(&rig);
        struct heard first, second, third;
        ck_assert(rig_submit(&rig, USER_A, "owner", "garbage 1", CREDIT, &first));
        ck_assert(rig_submit(&rig, USER_A, "owner", "say 2", CREDIT, &second));
        rig_until(&rig, heard_over, &first);
        ck_assert_str_eq(first.code, "agent_lost");
        bool taken = rig_submit(&rig, USER_A, "owner", "say 3", CREDIT, &third);
        ck_assert(taken == (rests[i] == 0));
        rig_until(&rig, heard_over, &second);
        if (taken)
            rig_until(&rig, heard_over, &third);
        ck_assert_uint_eq(second.done, rests[i] == 0);
        ck_assert_str_eq(second.code, rests[i] == 0 ? "" : "busy");
        ck_assert_str_eq(third.code, rests[i] == 0 ? "" : "busy");
        rig_stop(&rig);
    }
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("harm");
    TCase *t = tcase_create("running");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, harm_ends_the_agent_alone, 0, (int)COUNT_OF(harm));
    tcase_add_test(t, customers_may_not_remember);
    tcase_add_test(t, customers_leave_no_token_and_no_grant);
    tcase_add_test(t, no_answer_is_endless);
    suite_add_tcase(s, t);
    t = tcase_create("special");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, who_waits_rests_as_well);
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
