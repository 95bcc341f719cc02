/* The day's budgets, as a chat meets them; how they are judged is in budgets_test.c. */
#include "chat_rig.h"

static const struct turn_failure no_grant = {.status = 401, .code = "grant_invalid", .detail = "d"};

START_TEST(a_turn_is_told_what_is_left) {
    budget_fake.left = (struct budget_left){1234, 77};
    chat(1, "left", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.text, "1234 77");
    ck_assert_str_eq(budget_fake.frontend, shown_frontend);
    ck_assert_uint_eq(admissions.asked, 0); /* the turn looks at the grant */
}
END_TEST

START_TEST(what_is_used_up_starts_no_turn) {
    budget_fake.used_up = "whose, of what, until when";
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.code, "budget_used_up");
    ck_assert_str_eq(client.detail, "whose, of what, until when");
    ck_assert_uint_eq(client.status, 429);
    ck_assert(!client.retryable);
    ck_assert_str_eq(client.action_url, "");
    ck_assert_uint_eq(client.accepted, 0);
    ck_assert_str_eq(admissions.grant, shown_grant);
    budget_fake.used_up = NULL;
    chat(2, "say hello", "", 1000);
    until_ended(2);
    ck_assert_str_eq(client.text, "hello");
}
END_TEST

START_TEST(it_is_told_to_the_owner_alone) {
    budget_fake.used_up = "whose";
    admissions.refused = &no_grant;
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.code, "grant_invalid");
    ck_assert_uint_eq(client.status, 401);
    ck_assert_uint_eq(client.accepted, 0);
}
END_TEST

START_TEST(the_reader_may_leave_meanwhile) {
    budget_fake.used_up = "whose";
    db.hold = true;
    chat(1, "say hello", "", 1000);
    until_held();
    answer_lookups();
    until_asked();
    send_cancel(1);
    until_ended(1);
    answer_admission();
    ck_assert_str_eq(client.code, "cancelled");
    ck_assert_uint_eq(client.failures, 1);
}
END_TEST

START_TEST(deciding_asks_no_model) {
    chat(1, "propose 1 ok", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(client.proposed, 1);
    budget_fake.used_up = "whose";
    unsigned asked = budget_fake.asked;
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    caller.frontend = (char *)shown_frontend;
    caller.user = (char *)shown_user;
    caller.grant = (char *)shown_grant;
    Cloister__ChatRequest request = CLOISTER__CHAT_REQUEST__INIT;
    request.request = 2;
    request.caller = &caller;
    request.proposal = client.proposal[0];
    request.confirm = true;
    request.credit = 1000;
    Cloister__Message message = MSG_OF(CHAT_REQUEST, chat_request, &request);
    say(&message);
    until_ended(2);
    ck_assert_uint_eq(client.failures, 0);
    ck_assert_uint_eq(client.done, 2);
    ck_assert_uint_eq(budget_fake.asked, asked);
}
END_TEST

int main(void) {
    TCase *t = chat_case(chat_setup);
    tcase_add_test(t, a_turn_is_told_what_is_left);
    tcase_add_test(t, what_is_used_up_starts_no_turn);
    tcase_add_test(t, it_is_told_to_the_owner_alone);
    tcase_add_test(t, the_reader_may_leave_meanwhile);
    tcase_add_test(t, deciding_asks_no_model);
    return chat_run(t);
}
