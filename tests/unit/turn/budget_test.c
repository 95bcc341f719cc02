/* The day's budgets inside a turn: what is left ends it, and what broke off is counted. Each answer
 * of the scripted model says that it took 3 tokens in and 5 out. */
#include <errno.h>
#include <string.h>

#include "fake.h"
#include "providers/json_get.h"

#define SPAN "{\\\"start\\\":\\\"2026-11-23T00:00:00\\\",\\\"end\\\":\\\"2026-11-24T00:00:00\\\"}"

static struct fake *fake;

static void setup(void) {
    fake = fake_new();
}
static void teardown(void) {
    fake_free(fake);
}

/* Looks, then answers: two calls. */
static void ask(void) {
    fake->model[0] = CALL(1, "check_availability", SPAN) END_TOOLS;
    fake->model[1] = SAY("You are free.") END_TURN;
    fake_chat(fake, "Am I free tomorrow?");
}

static json_int_t most(size_t asked) {
    return json_integer_value(json_object_get(fake->asked[asked], "max_tokens"));
}

static const Cloister__Usage *usage(void) {
    return *fake_code(fake) != '\0' ? fake->last->turn_error->usage : fake->last->turn_done->usage;
}

START_TEST(without_a_budget_nothing_is_lowered) {
    ask();
    ck_assert_str_eq(fake_code(fake), "");
    ck_assert_int_eq(most(0), fake->world.max_output_tokens);
    ck_assert_uint_eq(usage()->input_tokens, 6);
    ck_assert_uint_eq(usage()->output_tokens, 10);
}
END_TEST

START_TEST(tokens_that_are_used_up_end_it) {
    fake->start.tokens_left = 8;
    ask();
    ck_assert_str_eq(fake_code(fake), "budget_used_up");
    ck_assert(!fake->last->turn_error->retryable);
    ck_assert_uint_gt(fake->last->turn_error->retry_after_ms, 0);
    ck_assert_uint_le(fake->last->turn_error->retry_after_ms, 86400000);
    ck_assert_int_eq(most(0), 8);
    ck_assert_uint_eq(fake->model_calls, 1);
    ck_assert_uint_eq(usage()->input_tokens, 3);
    ck_assert_uint_eq(usage()->output_tokens, 5);
}
END_TEST

START_TEST(one_token_more_is_one_call_more) {
    fake->start.tokens_left = 9;
    ask();
    ck_assert_str_eq(fake_code(fake), "");
    ck_assert_int_eq(most(1), 1);
    ck_assert_str_eq(fake->text, "You are free.");
}
END_TEST

START_TEST(money_that_is_used_up_ends_it) {
    fake->world.input_price = 1000000; /* a millionth a token */
    fake->world.output_price = 2000000;
    fake->start.spend_left = 13; /* 3 + 5 * 2 */
    ask();
    ck_assert_str_eq(fake_code(fake), "budget_used_up");
    ck_assert_int_eq(most(0), 13 / 2 + 1);
    ck_assert_uint_eq(fake->model_calls, 1);
    fake->start.spend_left = 14;
    fake->model_calls = 0;
    ask();
    ck_assert_str_eq(fake_code(fake), "");
}
END_TEST

START_TEST(an_answer_that_breaks_off_is_counted_by_its_bytes) {
    fake->model[0] = SAY("A half of an answer, and no end");
    fake_chat(fake, "Am I free tomorrow?");
    ck_assert_str_eq(fake_code(fake), "model_unavailable");
    ck_assert_uint_ge(usage()->output_tokens, strlen("A half of an answer, and no end") / 4);
    ck_assert_uint_gt(usage()->input_tokens, 100); /* the request alone has kilobytes */
}
END_TEST

static bool refuse(struct fake *world, const char *method, const char *url,
                   struct fake_reply *reply, bool *after) {
    (void)world, (void)method, (void)after;
    if (strstr(url, "/messages") == NULL)
        return false;
    reply->status = 400;
    reply->body = strdup("{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no\"}}");
    return true;
}

START_TEST(what_the_provider_refuses_costs_nothing) {
    fake->fault = refuse;
    fake_chat(fake, "Am I free tomorrow?");
    ck_assert_str_eq(fake_code(fake), "model_rejected");
    ck_assert_uint_eq(usage()->input_tokens, 0);
    ck_assert_uint_eq(usage()->output_tokens, 0);
}
END_TEST

static bool hang(struct fake *world, const char *method, const char *url, struct fake_reply *reply,
                 bool *after) {
    (void)world, (void)method, (void)after;
    reply->hang = strstr(url, "/messages") != NULL;
    return reply->hang;
}

START_TEST(giving_up_while_the_model_thinks_is_not_free) {
    fake->fault = hang;
    fake->timeout_ms = 1000;
    fake_chat(fake, "Am I free tomorrow?");
    ck_assert_str_ne(fake_code(fake), "");
    ck_assert_uint_gt(usage()->input_tokens, 100);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("budget of a turn");
    TCase *t = tcase_create("budget");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, without_a_budget_nothing_is_lowered);
    tcase_add_test(t, tokens_that_are_used_up_end_it);
    tcase_add_test(t, one_token_more_is_one_call_more);
    tcase_add_test(t, money_that_is_used_up_ends_it);
    tcase_add_test(t, an_answer_that_breaks_off_is_counted_by_its_bytes);
    tcase_add_test(t, what_the_provider_refuses_costs_nothing);
    tcase_add_test(t, giving_up_while_the_model_thinks_is_not_free);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
