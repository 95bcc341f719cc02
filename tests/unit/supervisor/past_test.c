/* Every turn that ran leaves word of what it did, however it ended and whoever still listened. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"

#define CREDIT 4096

static struct rig rig;
static struct past {
    unsigned n;
    char id[ID_LEN + 1], user[ID_LEN + 1], origin[17], outcome[49];
    int64_t began_ms;
    bool said;
    uint64_t input, output;
    uint32_t reads;
} past;

static void on_over(void *ctx, const struct turn_past *told) {
    struct past *kept = ctx;
    kept->n++;
    (void)snprintf(kept->id, sizeof(kept->id), "%s", told->id);
    (void)snprintf(kept->user, sizeof(kept->user), "%s", told->user);
    (void)snprintf(kept->origin, sizeof(kept->origin), "%s", told->origin);
    (void)snprintf(kept->outcome, sizeof(kept->outcome), "%s", told->outcome);
    kept->began_ms = told->began_ms;
    kept->said = told->usage != NULL;
    kept->input = told->usage != NULL ? told->usage->input_tokens : 0;
    kept->output = told->usage != NULL ? told->usage->output_tokens : 0;
    kept->reads = told->audit != NULL ? told->audit->calendar_reads : 0;
    ck_assert_uint_lt(told->took_ms, 60000);
}

static void setup(void) {
    memset(&past, 0, sizeof(past));
    rig_prepare(&rig, "normal");
    rig.setup.hooks.turn_over = on_over;
    rig.setup.hooks.past_ctx = &past;
    rig_start(&rig);
}

static void teardown(void) {
    rig_stop(&rig);
}

static bool told(void *ctx) {
    return past.n >= *(unsigned *)ctx;
}

static void until_told(unsigned n) {
    rig_until(&rig, told, &n);
    ck_assert_uint_eq(past.n, n);
}

static void begin(const char *message, struct heard *heard) {
    ck_assert(rig_submit(&rig, USER_A, "owner", message, CREDIT, heard));
}

START_TEST(what_it_used) {
    struct heard heard;
    begin("used 1200 34", &heard);
    until_told(1);
    ck_assert_uint_eq(heard.done, 1); /* its listener was first */
    ck_assert(id_valid(past.id));
    ck_assert_str_eq(past.user, USER_A);
    ck_assert_str_eq(past.origin, "owner");
    ck_assert_str_eq(past.outcome, "done");
    ck_assert(past.said && past.input == 1200 && past.output == 34 && past.reads == 2);
    ck_assert(past.began_ms <= wall_ms() && past.began_ms > wall_ms() - 60000);
}
END_TEST

START_TEST(how_it_ended) {
    static const struct {
        const char *message, *outcome;
    } rows[] = {{"error google_unavailable", "google_unavailable"},
                {"error lunch_with_sam", "internal"}, /* a word of its own is not kept */
                {"exited", "agent_lost"},
                {"die", "agent_lost"},
                {"latin", "agent_lost"}};
    struct heard heard;
    begin(rows[_i].message, &heard);
    until_told(1);
    ck_assert_str_eq(past.outcome, rows[_i].outcome);
    ck_assert(!past.said);
}
END_TEST

START_TEST(who_does_not_listen_any_more) {
    struct heard heard;
    begin("hang", &heard);
    rig_until(&rig, heard_started, &heard);
    turn_cancel(heard.turn);
    until_told(1);
    ck_assert_str_eq(past.outcome, "cancelled");
    ck_assert(!heard.over);
}
END_TEST

START_TEST(what_never_ran_did_nothing) {
    struct heard first, second;
    begin("hang", &first);
    begin("used 5 5", &second);
    rig_until(&rig, heard_started, &first);
    turn_cancel(second.turn);
    ck_assert_int_eq(turns_stop_user(rig.turns, USER_A), 1);
    until_told(1);
    ck_assert_str_eq(past.outcome, "agent_lost");
    begin("used 7 7", &second);
    until_told(2);
    ck_assert_uint_eq(past.input, 7);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("past turns");
    TCase *t = tcase_create("past");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, what_it_used);
    tcase_add_loop_test(t, how_it_ended, 0, 5);
    tcase_add_test(t, who_does_not_listen_any_more);
    tcase_add_test(t, what_never_ran_did_nothing);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
