/* Chats over a real channel: answers, refusals, grants. */
#include "chat_rig.h"

START_TEST(chat_answers_and_remembers) {
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(client.accepted, 1);
    ck_assert_uint_eq(client.done, 1);
    ck_assert_str_eq(client.text, "hello");
    ck_assert_uint_eq(sessions_notes(sessions, USER_A, "owner", "default", CONN).len, 5);
    chat(2, "recall", "", 1000);
    until_ended(2);
    ck_assert_str_eq(client.text, "hellonoted");
    chat(3, "recall", "elsewhere", 1000);
    until_ended(3);
    ck_assert_str_eq(client.text, "hellonoted");
    ck_assert(db.has_key);
    Cloister__Caller other = CLOISTER__CALLER__INIT;
    other.frontend = "app";
    other.user = "bob";
    uint8_t key[IDEMPOTENCY_LEN];
    chat_idempotency(&other, "key-1", key);
    ck_assert_mem_ne(key, db.key, sizeof(key));
    other.user = "ann";
    chat_idempotency(&other, "key-1", key);
    ck_assert_mem_eq(key, db.key, sizeof(key));
}
END_TEST

/* Both are submitted before either begins. */
START_TEST(a_message_that_waits_is_given_what_the_one_ahead_leaves) {
    db.hold = true;
    chat(1, "say hello", "", 1000);
    chat(2, "recall", "", 1000);
    while (db.n_held < 2)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    answer_lookups();
    db.hold = false;
    until_ended(2);
    ck_assert_str_eq(client.text, "hellonoted");
}
END_TEST

START_TEST(credit_flows_to_the_turn) {
    chat(1, "fill", "", 100);
    while (strlen(client.text) < 100)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    Cloister__ChatCredit credit = CLOISTER__CHAT_CREDIT__INIT;
    credit.request = 1;
    credit.bytes = 100;
    Cloister__Message message = MSG_OF(CHAT_CREDIT, chat_credit, &credit);
    say(&message);
    until_ended(1);
    ck_assert_str_eq(client.text + 100, "more");
}
END_TEST

START_TEST(refusals_say_what_to_do) {
    static const struct {
        int error;
        const char *state, *code;
        unsigned status;
    } rows[] = {
        {-ENOENT, "active", "unknown_user", 404}, {-EAGAIN, "active", "database_unavailable", 503},
        {-EIO, "active", "internal", 500},        {0, "none", "not_connected", 409},
        {0, "broken", "reconnect_required", 409}, {0, "disconnecting", "disconnected", 409}};
    db.error = rows[_i].error;
    db.state = rows[_i].state;
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.code, rows[_i].code);
    ck_assert_uint_eq(client.status, rows[_i].status);
    if (_i == 4)
        ck_assert_str_eq(client.action_url, "http://reconnect");
    ck_assert_uint_gt(strlen(client.detail), 0);
    ck_assert_uint_eq(gateway_open_requests(gateway), 0);
}
END_TEST

START_TEST(turn_errors_have_a_status) {
    chat(1, "error google_rate_limited", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(client.status, 503);
    chat(2, "error reconnect_required", "", 1000);
    until_ended(2);
    ck_assert_str_eq(client.action_url, "http://reconnect");
    chat(3, "error evil", "", 1000);
    until_ended(3);
    ck_assert_str_eq(client.code, "internal");
    chat(4, "write-die", "", 1000);
    until_ended(4);
    ck_assert_str_eq(client.code, "agent_lost");
    ck_assert(client.retryable && client.unknown_writes);
    ck_assert_uint_eq(client.tools, 1);
}
END_TEST

START_TEST(host_calls_reach_the_database) {
    chat(1, "prefer", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(db.preferences, 1);
    ck_assert_str_eq(client.text, "reply 0");
}
END_TEST

START_TEST(late_database_finds_nobody) {
    db.hold = true;
    chat(1, "prefer", "", 1000);
    until_held();
    answer_lookups();
    while (db.pending == NULL)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    ck_assert_int_eq(turns_stop_user(rig.turns, USER_A), 1);
    until_ended(1);
    ck_assert_str_eq(client.code, "agent_lost");
    answer_lookups();
}
END_TEST

/* ---- grants ---- */

START_TEST(the_turn_gets_the_grant_and_may_renew_it) {
    chat(1, "who", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.text, "app grant of ann");
    ck_assert_uint_eq(admissions.asked, 0); /* the turn itself looks */
    ck_assert_uint_eq(renewed.calls, 1);
    ck_assert_str_eq(renewed.grant, "fresh");
    ck_assert_str_eq(renewed.session, "");
}
END_TEST

START_TEST(a_browsers_grant_is_renewed_in_its_session) {
    shown_session = "the session cookie";
    chat(1, "who", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.text, "web grant of the session");
    ck_assert_str_eq(renewed.grant, "fresh");
    ck_assert_str_eq(renewed.session, shown_session);
}
END_TEST

START_TEST(what_a_turn_says_about_a_grant_is_passed_on) {
    static const char *const codes[] = {"grant_required", "grant_invalid", "grant_expired",
                                        "grant_revoked"};
    char message[64];
    (void)snprintf(message, sizeof(message), "error %s", codes[_i]);
    chat(1, message, "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.code, codes[_i]);
    ck_assert_uint_eq(client.status, 401);
    ck_assert_str_eq(client.action_url, _i < 2 ? "" : "http://reconnect");
    ck_assert_str_eq(regrant_frontend, _i < 2 ? "" : "app");
}
END_TEST

static const struct turn_failure no_grant = {.status = 401, .code = "grant_revoked", .detail = "d"};
static const char *const no_turn[] = {"none", "broken", "disconnecting"};

START_TEST(without_a_turn_the_grant_comes_first) {
    db.state = no_turn[_i];
    admissions.refused = &no_grant;
    admissions.action_url = "http://again";
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.code, "grant_revoked");
    ck_assert_uint_eq(client.status, 401);
    ck_assert_str_eq(client.action_url, "http://again");
    ck_assert_uint_eq(admissions.asked, 1);
    ck_assert_str_eq(admissions.frontend, "app");
    ck_assert_str_eq(admissions.user, "ann");
    ck_assert_str_eq(admissions.grant, "grant of ann");
    ck_assert_uint_eq(reconnects, 0);
    admissions.refused = NULL;
    admissions.renewed = "fresh";
    client.failures = 0;
    chat(2, "say hello", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(client.status, 409);
    ck_assert_str_eq(renewed.grant, "fresh");
    ck_assert_uint_eq(reconnects, _i == 1);
}
END_TEST

START_TEST(fields_are_checked) {
    Cloister__ChatRequest ask = CLOISTER__CHAT_REQUEST__INIT; /* nobody calls */
    ask.request = 1;
    ask.message = "say";
    Cloister__Message message = MSG_OF(CHAT_REQUEST, chat_request, &ask);
    say(&message);
    until_ended(1);
    ck_assert_str_eq(client.code, "invalid_field");
    ck_assert_uint_eq(client.status, 400);
    chat(2, "caf\xe9", "", 1000);
    until_ended(2);
    ck_assert_str_eq(client.code, "invalid_field");
    chat(3, "", "", 1000);
    until_ended(3);
    ck_assert_uint_eq(db.sessions, 0);
}
END_TEST

START_TEST(health_and_draining) {
    gateway_set_draining(gateway, true);
    Cloister__HealthAsk ask = CLOISTER__HEALTH_ASK__INIT;
    ask.request = 1;
    Cloister__Message message = MSG_OF(HEALTH_ASK, health_ask, &ask);
    say(&message);
    until_ended(1);
    ck_assert_uint_eq(client.healths, 1);
    ck_assert(!client.ready);
    chat(2, "say hello", "", 1000);
    until_ended(2);
    ck_assert_str_eq(client.code, "draining");
    ck_assert_uint_eq(client.status, 503);
    ck_assert(client.retryable);
}
END_TEST

int main(void) {
    TCase *t = chat_case(chat_setup);
    tcase_add_test(t, chat_answers_and_remembers);
    tcase_add_test(t, a_message_that_waits_is_given_what_the_one_ahead_leaves);
    tcase_add_test(t, credit_flows_to_the_turn);
    tcase_add_loop_test(t, refusals_say_what_to_do, 0, 6);
    tcase_add_test(t, turn_errors_have_a_status);
    tcase_add_test(t, host_calls_reach_the_database);
    tcase_add_test(t, late_database_finds_nobody);
    tcase_add_test(t, the_turn_gets_the_grant_and_may_renew_it);
    tcase_add_test(t, a_browsers_grant_is_renewed_in_its_session);
    tcase_add_loop_test(t, what_a_turn_says_about_a_grant_is_passed_on, 0, 4);
    tcase_add_loop_test(t, without_a_turn_the_grant_comes_first, 0, 3);
    tcase_add_test(t, fields_are_checked);
    tcase_add_test(t, health_and_draining);
    return chat_run(t);
}
