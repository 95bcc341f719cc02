/* Chats that are cut short: cancelled, forgotten, disconnected, or without their gateway. */
#include "chat_rig.h"

static const struct turn_failure no_grant = {.status = 401, .code = "grant_revoked", .detail = "d"};

START_TEST(cancel_ends_it_anywhere) {
    db.hold = true;
    chat(1, "say late", "", 1000);
    until_held();
    send_cancel(1); /* before the database answered */
    until_ended(1);
    answer_lookups();
    db.hold = false;
    chat(2, "hang", "", 1000);
    until_accepted(1);
    send_cancel(2);
    send_cancel(2);
    send_cancel(99);
    until_ended(2);
    ck_assert_str_eq(client.code, "cancelled");
    chat(3, "say next", "", 1000);
    until_ended(3);
    ck_assert_str_eq(client.text, "next");
}
END_TEST

START_TEST(cancelled_while_its_grant_is_looked_at) {
    db.state = "none";
    db.hold = true;
    chat(1, "say late", "", 1000);
    until_held();
    answer_lookups();
    until_asked();
    send_cancel(1);
    until_ended(1);
    ck_assert_str_eq(client.code, "cancelled");
    admissions.renewed = "fresh";
    answer_admission();
    ck_assert_uint_eq(renewed.calls, 0);
    ck_assert_uint_eq(client.failures, 1);
}
END_TEST

START_TEST(gateway_that_dies_cancels) {
    chat(1, "hang", "", 1000);
    chat(2, "say waiting", "", 1000);
    until_accepted(1);
    nng_end_drop(client.end);
    rig_until(&rig, is_down, NULL);
    rig_until(&rig, is_up, gateway);
    send_hello();
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.text, "hello");
}
END_TEST

START_TEST(gateway_garbage_drops_the_gateway_alone) {
    static const char noise[] = "\xff\xff\xff\xff noise";
    if (_i == 0)
        ck_assert_int_eq(nng_end_send(client.end, (const uint8_t *)noise, sizeof(noise)), 0);
    else if (_i == 1)
        send_hello(); /* twice */
    else {
        chat(7, "hang", "", 1000);
        chat(7, "hang", "", 1000); /* a number in use */
    }
    rig_until(&rig, is_down, NULL);
    rig_until(&rig, is_up, gateway);
    send_hello();
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(client.done, 1);
}
END_TEST

static void delete_session(uint64_t request, const char *conversation) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    caller.frontend = "app";
    caller.user = "ann";
    Cloister__SessionDelete ask = CLOISTER__SESSION_DELETE__INIT;
    ask.request = request;
    ask.caller = &caller;
    ask.conversation = (char *)conversation;
    Cloister__Message message = MSG_OF(SESSION_DELETE, session_delete, &ask);
    say(&message);
}

START_TEST(forgetting_needs_the_grant) {
    chat(1, "say hello", "", 1000);
    until_ended(1);
    admissions.refused = &no_grant;
    delete_session(2, "");
    until_ended(2);
    ck_assert_str_eq(client.code, "grant_revoked");
    ck_assert_uint_eq(client.status, 401);
    ck_assert_uint_eq(sessions_count(sessions), 1);
    client.done = client.failures = 0;
    admissions.refused = NULL;
    admissions.renewed = "fresh";
    delete_session(3, "");
    until_ended(1);
    ck_assert_uint_eq(client.oks, 1);
    ck_assert_uint_eq(sessions_count(sessions), 0);
    ck_assert_str_eq(renewed.grant, "fresh");
}
END_TEST

START_TEST(forgetting_leaves_customers_alone) {
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_int_eq(sessions_put_notes(sessions, USER_A, "customer", "salon/a", CONN, "theirs", 6),
                     0);
    delete_session(2, _i == 0 ? "" : "salon/a");
    until_ended(2);
    ck_assert_uint_eq(client.oks, 1);
    ck_assert_uint_eq(sessions_notes(sessions, USER_A, "customer", "salon/a", CONN).len, 6);
    ck_assert_uint_eq(sessions_count(sessions), 1 + (unsigned)_i);
}
END_TEST

START_TEST(forgetting_beats_a_running_turn) {
    chat(1, "say hello", "a", 1000);
    until_ended(1);
    db.hold = true;
    chat(2, "prefer", "b", 1000);
    until_held();
    answer_lookups();
    while (db.pending == NULL)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    delete_session(3, "");
    until_asked();
    answer_admission();
    answer_lookups(); /* first the deletion, then the turn's call: its notes come too late */
    until_ended(3);
    ck_assert_uint_eq(client.oks, 1);
    ck_assert_uint_eq(sessions_count(sessions), 0);
}
END_TEST

static void on_ended(void *ctx) {
    *(bool *)ctx = true;
}

/* After a switch of accounts the old one is ended a moment later, while the new one is in use. */
START_TEST(what_is_asked_of_the_account_that_stays_is_asked_again) {
    static const struct {
        const char *connected, *state;
        int error;
        const char *code;
        unsigned status;
    } rows[] = {{CONN, "active", 0, "agent_lost", 502},
                {CONN, "disconnecting", 0, "disconnected", 409},
                {"", "none", 0, "disconnected", 409},
                {"99999999999999999999999999999999", "active", 0, "disconnected", 409},
                {CONN, "active", -EAGAIN, "disconnected", 409}};
    bool gone = false;
    chat(1, "hang", "", 1000);
    until_accepted(1);
    db.connected = rows[_i].connected;
    db.state = rows[_i].state;
    db.error = rows[_i].error;
    turns_end_user(rig.turns, USER_A, on_ended, &gone);
    while (!gone)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    until_ended(1);
    ck_assert_str_eq(client.code, rows[_i].code);
    ck_assert_uint_eq(client.status, rows[_i].status);
    ck_assert(client.retryable == (rows[_i].status == 502));
}
END_TEST

START_TEST(cancelled_while_its_end_is_looked_at) {
    db.hold = true;
    chat(1, "hang", "", 1000);
    until_held();
    answer_lookups();
    until_accepted(1);
    bool gone = false;
    turns_end_user(rig.turns, USER_A, on_ended, &gone);
    ck_assert_ptr_nonnull(db.asked_which);
    send_cancel(1);
    until_ended(1);
    ck_assert_str_eq(client.code, "cancelled");
    answer_lookups(); /* nobody waits for it any more */
    while (!gone)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
}
END_TEST

int main(void) {
    TCase *t = chat_case(chat_setup);
    tcase_add_test(t, cancel_ends_it_anywhere);
    tcase_add_test(t, cancelled_while_its_grant_is_looked_at);
    tcase_add_test(t, gateway_that_dies_cancels);
    tcase_add_loop_test(t, gateway_garbage_drops_the_gateway_alone, 0, 3);
    tcase_add_test(t, forgetting_needs_the_grant);
    tcase_add_loop_test(t, forgetting_leaves_customers_alone, 0, 2);
    tcase_add_test(t, forgetting_beats_a_running_turn);
    tcase_add_loop_test(t, what_is_asked_of_the_account_that_stays_is_asked_again, 0, 5);
    tcase_add_test(t, cancelled_while_its_end_is_looked_at);
    return chat_run(t);
}
