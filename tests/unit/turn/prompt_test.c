/* What the model is told of earlier turns: when they were, once that is another day than now. */
#include <check.h>
#include <string.h>

#include "agent/prompt.h"
#include "providers/json_get.h"

#define NOW "2026-11-24T00:05:00+01:00" /* in Berlin */

static struct turn turn;
static Cloister__TurnStart start;

static void setup(void) {
    ck_assert_int_eq(seal_init(), 0);
    cloister__turn_start__init(&start);
    start.message = (char *)"Good, put lunch there.";
    turn = (struct turn){.start = &start, .origin = ORIGIN_OWNER, .notes = notes_new()};
    strcpy(turn.zone, "Europe/Berlin");
}
static void teardown(void) {
    notes_free(turn.notes);
}

static int64_t moment(const char *text) {
    struct stamp stamp;
    ck_assert_int_eq(stamp_parse(text, &stamp), 0);
    return stamp_utc(&stamp) * 1000;
}

static void earlier(const char *at, const char *record) {
    notes_add(turn.notes, &(struct notes_turn){.at_ms = moment(at),
                                               .said = "Am I free tomorrow at three?",
                                               .answer = "Yes.",
                                               .record = record});
}

static void expect_content(const json_t *messages, size_t n, const char *text) {
    ck_assert_str_eq(json_text(json_array_get(messages, n), "content"), text);
}

/* A midnight ago, and three minutes ago: only the first is told with its day. */
START_TEST(another_day_is_named) {
    earlier("2026-11-23T23:50:00+01:00", "check_availability free");
    earlier("2026-11-23T23:51:00+01:00", "");
    earlier("2026-11-24T00:02:00+01:00", "check_availability free");
    earlier("2026-11-24T00:03:00+01:00", "");
    json_t *messages = prompt_messages(&turn, moment(NOW));
    ck_assert_uint_eq(json_array_size(messages), 9);
    for (size_t i = 0; i < 8; i += 2) /* the owner's words stay as they were */
        expect_content(messages, i, "Am I free tomorrow at three?");
    expect_content(messages, 1,
                   "Yes.\n(Record of that turn, on Monday 2026-11-23 at 23:50: "
                   "check_availability free)");
    expect_content(messages, 3, "Yes.\n(Record of that turn, on Monday 2026-11-23 at 23:51)");
    expect_content(messages, 5, "Yes.\n(Record of that turn: check_availability free)");
    expect_content(messages, 7, "Yes.");
    expect_content(messages, 8, "Good, put lunch there.");
    json_decref(messages);
}
END_TEST

/* The day is one of the owner's clocks, wherever those stand: the same turn, three zones. */
START_TEST(days_are_the_owners) {
    static const struct {
        const char *zone, *told;
    } rows[] = {
        {"Europe/Berlin", "Yes.\n(Record of that turn, on Monday 2026-11-23 at 23:50)"},
        {"UTC", "Yes."},
        {"Asia/Tokyo", "Yes."},
    };
    earlier("2026-11-23T23:50:00+01:00", "");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        strcpy(turn.zone, rows[i].zone);
        json_t *messages = prompt_messages(&turn, moment(NOW));
        expect_content(messages, 1, rows[i].told);
        json_decref(messages);
    }
}
END_TEST

/* What providers keep between turns is the same whatever the day is. */
START_TEST(stable_part_knows_no_day) {
    const char *before = prompt_stable(&turn);
    earlier("2026-11-23T23:50:00+01:00", "");
    json_decref(prompt_messages(&turn, moment(NOW)));
    ck_assert_ptr_eq(prompt_stable(&turn), before);
    ck_assert_ptr_null(strstr(before, "2026"));
    ck_assert_ptr_nonnull(strstr(before, "that turn's own date"));
}
END_TEST

static const struct model_dialect *const dialects[] = {&model_anthropic, &model_openai};

START_TEST(both_dialects_carry_it) {
    const struct model_settings settings = {.dialect = dialects[_i], .model = "m"};
    earlier("2026-11-23T23:50:00+01:00", "");
    struct model_prompt prompt = {.stable = prompt_stable(&turn), .current = ""};
    prompt.messages = prompt_messages(&turn, moment(NOW));
    json_t *request = dialects[_i]->request(&settings, &prompt, 100);
    char *body = model_body(dialects[_i], request, &prompt);
    ck_assert_ptr_nonnull(strstr(body, "that turn, on Monday 2026-11-23 at 23:50)"));
    free(body);
    json_decref(request);
    json_decref(prompt.messages);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("prompt");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, another_day_is_named);
    tcase_add_test(tc, days_are_the_owners);
    tcase_add_test(tc, stable_part_knows_no_day);
    tcase_add_loop_test(tc, both_dialects_carry_it, 0, COUNT_OF(dialects));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
