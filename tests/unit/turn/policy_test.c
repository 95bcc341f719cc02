/* The table of what a turn may do, in both directions: every cell that matters is named here once
 * more, so that a slip in policy.def is seen. */
#include <check.h>
#include <string.h>

#include "agent/policy.h"

#define A VERDICT_ALLOW
#define P VERDICT_PROPOSE
#define R VERDICT_REFUSE

static const struct {
    const char *tool;
    enum verdict owner[2], scheduler[2], customer[2]; /* clean, tainted */
} tools[] = {
    {"check_availability", {A, A}, {A, A}, {R, R}}, {"list_events", {A, A}, {A, A}, {R, R}},
    {"get_event", {A, A}, {A, A}, {R, R}},          {"create_event", {A, P}, {A, R}, {R, R}},
    {"update_event", {A, P}, {A, R}, {R, R}},       {"delete_event", {A, P}, {A, R}, {R, R}},
    {"remember", {A, R}, {R, R}, {R, R}},           {"forget", {A, R}, {R, R}, {R, R}},
    {"free_times", {R, R}, {R, R}, {A, A}},         {"get_business", {R, R}, {R, R}, {A, A}},
    {"create_booking", {R, R}, {R, R}, {A, A}},     {"get_booking", {R, R}, {R, R}, {A, A}},
    {"reschedule_booking", {R, R}, {R, R}, {A, A}}, {"cancel_booking", {R, R}, {R, R}, {A, A}},
    {"send_inquiry", {R, R}, {R, R}, {A, A}},       {"get_own_business", {A, A}, {R, R}, {R, R}},
    {"edit_business", {A, R}, {R, R}, {R, R}},      {"list_bookings", {A, A}, {R, R}, {R, R}},
    {"list_inquiries", {A, A}, {R, R}, {R, R}},
};

static enum tool_id tool_of(const char *word) {
    int tool = 0;
    while (tool < TOOL_COUNT && strcmp(policy_tool_word((enum tool_id)tool), word) != 0)
        tool++;
    ck_assert_int_lt(tool, TOOL_COUNT);
    return (enum tool_id)tool;
}

START_TEST(tools_by_origin_and_taint) {
    ck_assert_uint_eq(COUNT_OF(tools), TOOL_COUNT);
    for (size_t i = 0; i < COUNT_OF(tools); i++) {
        enum tool_id tool = tool_of(tools[i].tool);
        for (int tainted = 0; tainted < 2; tainted++) {
            ck_assert_int_eq(policy_tool(tool, ORIGIN_OWNER, tainted), tools[i].owner[tainted]);
            ck_assert_int_eq(policy_tool(tool, ORIGIN_SCHEDULER, tainted),
                             tools[i].scheduler[tainted]);
            ck_assert_int_eq(policy_tool(tool, ORIGIN_CUSTOMER, tainted),
                             tools[i].customer[tainted]);
            ck_assert_int_eq(policy_tool(tool, ORIGIN_OTHER, tainted), R);
            ck_assert_int_eq(policy_tool(tool, ORIGIN_COUNT, tainted), R);
        }
    }
    ck_assert_int_eq(policy_tool(TOOL_COUNT, ORIGIN_OWNER, false), R);
}
END_TEST

START_TEST(offered_and_tainting) {
    for (int i = 0; i < TOOL_COUNT; i++) {
        enum tool_id tool = (enum tool_id)i;
        bool customers = tool >= TOOL_FREE_TIMES && tool <= TOOL_SEND_INQUIRY;
        ck_assert(policy_offers(tool, ORIGIN_OWNER) == !customers);
        ck_assert(policy_offers(tool, ORIGIN_SCHEDULER) == (tool < TOOL_REMEMBER));
        ck_assert(policy_offers(tool, ORIGIN_CUSTOMER) == customers);
        ck_assert(!policy_offers(tool, ORIGIN_OTHER));
        ck_assert(policy_taints(tool) == (tool == TOOL_LIST_EVENTS || tool == TOOL_GET_EVENT ||
                                          tool == TOOL_LIST_BOOKINGS ||
                                          tool == TOOL_LIST_INQUIRIES));
    }
}
END_TEST

START_TEST(changes_by_kind) {
    static const struct {
        bool own, guests, tainted;
        enum verdict owner, scheduler;
    } rows[] = {
        {true, false, false, A, A}, {true, true, false, P, R}, {false, false, false, P, R},
        {false, true, false, P, R}, {true, false, true, P, R}, {true, true, true, P, R},
        {false, false, true, P, R}, {false, true, true, P, R},
    };
    static const enum tool_id writes[] = {TOOL_CREATE_EVENT, TOOL_UPDATE_EVENT, TOOL_DELETE_EVENT};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t k = 0; k < COUNT_OF(writes); k++) {
            ck_assert(policy_writes(writes[k]));
            ck_assert_int_eq(
                policy_write(writes[k], ORIGIN_OWNER, rows[i].tainted, rows[i].own, rows[i].guests),
                rows[i].owner);
            ck_assert_int_eq(policy_write(writes[k], ORIGIN_SCHEDULER, rows[i].tainted, rows[i].own,
                                          rows[i].guests),
                             rows[i].scheduler);
            ck_assert_int_eq(policy_write(writes[k], ORIGIN_CUSTOMER, rows[i].tainted, rows[i].own,
                                          rows[i].guests),
                             R);
            ck_assert_int_eq(
                policy_write(writes[k], ORIGIN_OTHER, rows[i].tainted, rows[i].own, rows[i].guests),
                R);
        }
    ck_assert(!policy_writes(TOOL_GET_EVENT) && !policy_writes(TOOL_REMEMBER));
}
END_TEST

START_TEST(words) {
    ck_assert_int_eq(origin_of("owner"), ORIGIN_OWNER);
    ck_assert_int_eq(origin_of("scheduler"), ORIGIN_SCHEDULER);
    ck_assert_int_eq(origin_of("customer"), ORIGIN_CUSTOMER);
    ck_assert_int_eq(origin_of(""), ORIGIN_OTHER);
    ck_assert_int_eq(origin_of("connect"), ORIGIN_OTHER);
    ck_assert_str_eq(policy_verdict_word(A), "allow");
    ck_assert_str_eq(policy_verdict_word(P), "propose");
    ck_assert_str_eq(policy_verdict_word(R), "refuse");
    size_t changes, limits;
    const struct policy_change_row *kinds = policy_changes(&changes);
    const struct policy_limit_row *most = policy_limits(&limits);
    ck_assert_uint_eq(changes, 4);
    ck_assert_int_eq(kinds[0].verdict[ORIGIN_OWNER], A);
    ck_assert_uint_eq(limits, 5);
    ck_assert_str_eq(most[0].word, "WRITES");
    ck_assert_uint_eq(most[0].most, 10);
    ck_assert_int_eq(LIMIT_DELETIONS, 3);
    ck_assert_int_eq(LIMIT_GUESTS, 20);
    ck_assert_int_eq(LIMIT_PROPOSALS, 5);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("policy");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, tools_by_origin_and_taint);
    tcase_add_test(tc, offered_and_tainting);
    tcase_add_test(tc, changes_by_kind);
    tcase_add_test(tc, words);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
