/* Turns over real processes: lives of agents, queues, cancels and kills. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "turns_rig.h"

START_TEST(answers_and_stays_warm) {
    struct heard heard;
    ask(USER_A, "say hello", &heard);
    ck_assert_uint_eq(heard.done, 1);
    ck_assert_uint_eq(heard.started, 1);
    ck_assert_str_eq(heard.text, "hello");
    ck_assert_str_eq(heard.notes, "noted");
    pid_t pid = rig_pid(&rig, USER_A);
    ask(USER_A, "recall", &heard);
    ck_assert_str_eq(heard.text, "sealed");
    ck_assert_int_eq(rig_pid(&rig, USER_A), pid);
    ck_assert_uint_gt(status().spawn_p50_us, 0);
}
END_TEST

START_TEST(owner_and_customer_apart) {
    struct heard owner, customer;
    ck_assert(rig_submit(&rig, USER_A, "owner", "say a", CREDIT, &owner));
    ck_assert(rig_submit(&rig, USER_A, "customer", "say b", CREDIT, &customer));
    rig_until(&rig, heard_over, &owner);
    rig_until(&rig, heard_over, &customer);
    ck_assert_uint_eq(status().counters.spawns, 2);
}
END_TEST

START_TEST(connect_cell_ends_after_its_turn) {
    struct heard heard = {0};
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    start.message = "say ";
    start.kind = CLOISTER__TURN_KIND__TURN_CHAT;
    struct turn_failure refused;
    heard.turn =
        turns_submit(rig.turns, "", "connect", USER_A, &start, &heard_ops, &heard, &refused);
    ck_assert_ptr_nonnull(heard.turn);
    rig_until(&rig, heard_over, &heard);
    rig_until(&rig, is_empty, NULL);
}
END_TEST

static void add_too_much(void *ctx, Cloister__SealedState *state) {
    static uint8_t notes[200000];
    (void)ctx;
    state->notes = (ProtobufCBinaryData){sizeof(notes), notes};
}

/* The turn alone fails, and what waits behind it begins. */
START_TEST(what_is_added_may_be_too_much) {
    struct heard big = {0}, next;
    struct turn_ops ops = heard_ops;
    struct turn_failure refused;
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    ops.begins = add_too_much;
    start.message = "say no";
    start.state = &state;
    big.turn = turns_submit(rig.turns, USER_A, "owner", "", &start, &ops, &big, &refused);
    ck_assert_ptr_nonnull(big.turn);
    ck_assert(rig_submit(&rig, USER_A, "owner", "say next", CREDIT, &next));
    rig_until(&rig, heard_over, &next);
    ck_assert_uint_eq(big.failed, 1);
    ck_assert_uint_eq(big.started, 0);
    ck_assert_str_eq(big.code, "full");
    ck_assert_str_eq(next.text, "next");
    ck_assert_uint_eq(status().counters.spawns, 1);
}
END_TEST

START_TEST(queue_is_bounded_and_in_order) {
    struct heard first, second, third, refused;
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &first));
    rig_until(&rig, heard_started, &first);
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 2", CREDIT, &second));
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 3", CREDIT, &third));
    ck_assert(!rig_submit(&rig, USER_A, "owner", "say 4", CREDIT, &refused));
    ck_assert_str_eq(refused.code, "busy");
    ck_assert_uint_eq(refused.status, 429);
    still_serves();
    turn_cancel(first.turn);
    rig_until(&rig, heard_over, &second);
    rig_until(&rig, heard_over, &third);
    ck_assert_uint_lt(second.order, third.order);
    ck_assert_uint_eq(first.over, 0);
}
END_TEST

START_TEST(cancel_while_waiting) {
    struct heard first, second;
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &first));
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 2", CREDIT, &second));
    turn_cancel(second.turn);
    turn_cancel(first.turn);
    rig_until(&rig, is_empty, NULL); /* nothing is started for nobody */
    ck_assert(!first.over && !second.over);
}
END_TEST

START_TEST(deaf_agent_is_ended_after_a_cancel) {
    struct heard heard, next;
    ck_assert(rig_submit(&rig, USER_A, "owner", "deaf", CREDIT, &heard));
    rig_until(&rig, heard_started, &heard);
    pid_t pid = rig_pid(&rig, USER_A);
    turn_cancel(heard.turn);
    ck_assert(rig_submit(&rig, USER_A, "owner", "say back", CREDIT, &next));
    rig_until(&rig, heard_over, &next);
    ck_assert_str_eq(next.text, "back");
    ck_assert_int_ne(rig_pid(&rig, USER_A), pid);
}
END_TEST

START_TEST(death_in_a_turn_is_told) {
    struct heard heard;
    ask(USER_A, "die", &heard);
    ck_assert_str_eq(heard.code, "agent_lost");
    ck_assert_uint_eq(heard.status, 502);
    ck_assert(heard.retryable && !heard.unknown_writes);
    ask(USER_A, "write-die", &heard);
    ck_assert(heard.retryable && heard.unknown_writes);
    ask(USER_A, "exited", &heard);
    ck_assert_str_eq(heard.code, "agent_lost");
    ck_assert(heard.unknown_writes);
    ask(USER_A, "say again", &heard);
    ck_assert_str_eq(heard.text, "again");
}
END_TEST

START_TEST(death_keeps_the_queue) {
    struct heard first, second;
    ck_assert(rig_submit(&rig, USER_A, "owner", "die", CREDIT, &first));
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 2", CREDIT, &second));
    rig_until(&rig, heard_over, &second);
    ck_assert_uint_eq(first.failed, 1);
    ck_assert_str_eq(second.text, "2");
}
END_TEST

START_TEST(kill_between_turns) {
    struct heard heard;
    ask(USER_A, "say 1", &heard);
    rig_until(&rig, is_idle, NULL);
    ck_assert_int_eq(kill(rig_pid(&rig, USER_A), SIGKILL), 0);
    rig_until(&rig, is_empty, NULL);
    ask(USER_A, "say 2", &heard);
    ck_assert_str_eq(heard.text, "2");
}
END_TEST

START_TEST(turns_own_error_is_passed_on) {
    struct heard heard;
    ask(USER_A, "error google_rate_limited", &heard);
    ck_assert_uint_eq(heard.errors, 1);
    ck_assert_str_eq(heard.code, "google_rate_limited");
    ask(USER_A, "say on", &heard);
    ck_assert_uint_eq(heard.done, 1);
}
END_TEST

START_TEST(credit_is_kept_and_given) {
    struct heard heard;
    ck_assert(rig_submit(&rig, USER_A, "owner", "fill", 100, &heard));
    rig_until(&rig, heard_started, &heard);
    while (strlen(heard.text) < 100)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    turn_credit(heard.turn, 50);
    rig_until(&rig, heard_over, &heard);
    ck_assert_str_eq(heard.text + 100, "more");
}
END_TEST

START_TEST(host_calls_are_answered) {
    struct heard heard;
    ask(USER_A, "prefer", &heard);
    ck_assert_uint_eq(heard.calls, 1);
    ck_assert_str_eq(heard.text, "reply 28");
}
END_TEST

static void count(void *ctx) {
    ++*(unsigned *)ctx;
}

START_TEST(end_of_a_user) {
    struct heard running, waiting;
    unsigned ended = 0;
    turns_end_user(rig.turns, USER_A, count, &ended);
    ck_assert_uint_eq(ended, 1);
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &running));
    rig_until(&rig, heard_started, &running);
    ck_assert(rig_submit(&rig, USER_A, "owner", "say 2", CREDIT, &waiting));
    turns_end_user(rig.turns, USER_A, count, &ended);
    ck_assert_str_eq(running.code, "disconnected");
    ck_assert_str_eq(waiting.code, "disconnected");
    ck_assert_uint_eq(ended, 1);
    rig_until(&rig, is_empty, NULL);
    ck_assert_uint_eq(ended, 2);
}
END_TEST

static bool a_is_there(void *ctx) {
    (void)ctx;
    return rig_pid(&rig, USER_A) != 0;
}

static bool a_is_gone(void *ctx) {
    return !a_is_there(ctx);
}

/* Who is known has a process before there is a turn for it; nobody else, and not after the end. */
START_TEST(known_users_are_woken_ahead) {
    struct heard heard;
    unsigned ended = 0;
    still_serves(); /* there is a zygote, and one agent */
    turns_wake(rig.turns, "shop", "anna");
    ck_assert_uint_eq(status().counters.spawns, 1);
    turns_seen(rig.turns, "shop", "anna", USER_A, USER_A);
    turns_wake(rig.turns, "shop", "otto");
    turns_wake(rig.turns, "sho", "panna");
    ck_assert_uint_eq(status().counters.spawns, 1);
    turns_wake(rig.turns, "shop", "anna");
    turns_wake(rig.turns, "shop", "anna");
    rig_until(&rig, a_is_there, NULL);
    ask(USER_A, "say hello", &heard);
    ck_assert_uint_eq(heard.done, 1);
    ck_assert_uint_eq(status().counters.spawns, 2);
    turns_end_user(rig.turns, USER_A, count, &ended);
    rig_until(&rig, a_is_gone, NULL);
    turns_wake(rig.turns, "shop", "anna"); /* forgotten with its end */
    ck_assert_uint_eq(status().counters.spawns, 2);
    still_serves();
}
END_TEST

static bool counted(void *ctx) {
    return *(const unsigned *)ctx > 0;
}

/* Who waits for the end waits for the process, not for whatever comes after it. */
START_TEST(end_of_a_user_who_goes_on) {
    struct heard running, next;
    unsigned ended = 0;
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &running));
    rig_until(&rig, heard_started, &running);
    turns_end_user(rig.turns, USER_A, count, &ended);
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &next)); /* gets another process */
    rig_until(&rig, counted, &ended);
    rig_until(&rig, heard_started, &next);
    ck_assert(!next.over);
    turns_end_user(rig.turns, USER_A, count, &ended);
    rig_until(&rig, is_empty, NULL);
    ck_assert_uint_eq(ended, 2);
}
END_TEST

START_TEST(operators_park_and_stop) {
    struct heard heard;
    ck_assert_int_lt(turns_park_user(rig.turns, USER_A), 0);
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &heard));
    rig_until(&rig, heard_started, &heard);
    ck_assert_int_eq(turns_park_user(rig.turns, USER_A), 1);
    ck_assert(!heard.over); /* parks when idle */
    turn_cancel(heard.turn);
    rig_until(&rig, is_empty, NULL);
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &heard));
    rig_until(&rig, heard_started, &heard);
    ck_assert_int_eq(turns_stop_user(rig.turns, USER_A), 1);
    ck_assert_str_eq(heard.code, "agent_lost");
    rig_until(&rig, is_empty, NULL);
}
END_TEST

START_TEST(drain_waits_for_running_turns) {
    struct heard idle, running, refused;
    unsigned drained = 0;
    ask(USER_B, "say 1", &idle);
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &running));
    rig_until(&rig, heard_started, &running);
    turns_drain(rig.turns, count, &drained);
    ck_assert(!rig_submit(&rig, USER_B, "owner", "say 2", CREDIT, &refused));
    ck_assert_str_eq(refused.code, "draining");
    ck_assert_uint_eq(refused.status, 503);
    ck_assert(!running.over);
    turn_cancel(running.turn);
    rig_until(&rig, is_empty, NULL);
    ck_assert_uint_eq(drained, 1);
    turns_undrain(rig.turns);
    still_serves();
}
END_TEST

START_TEST(deadline_cancels) {
    rig_prepare(&rig, "normal");
    rig.setup.turn_timeout_ms = 300;
    rig_start(&rig);
    struct heard first, second;
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &first));
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &second));
    rig_until(&rig, heard_over, &first);
    rig_until(&rig, heard_over, &second);
    ck_assert_str_eq(first.code, "turn_timeout");
    ck_assert_uint_eq(first.status, 504);
    ck_assert_str_eq(second.code, "turn_timeout");
    rig_until(&rig, is_idle, NULL);
    teardown();
}
END_TEST

START_TEST(drain_has_a_limit) {
    rig_prepare(&rig, "normal");
    rig.setup.drain_ms = 100;
    rig_start(&rig);
    struct heard running, waiting;
    unsigned drained = 0;
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &running));
    ck_assert(rig_submit(&rig, USER_A, "owner", "hang", CREDIT, &waiting));
    rig_until(&rig, heard_started, &running);
    turns_drain(rig.turns, count, &drained);
    rig_until(&rig, is_empty, NULL);
    ck_assert_str_eq(running.code, "draining");
    ck_assert_str_eq(waiting.code, "draining");
    ck_assert_uint_eq(drained, 1);
    teardown();
}
END_TEST

START_TEST(many_at_once) {
    rig_prepare(&rig, "normal");
    rig.setup.max = 100;
    rig_start(&rig);
    static struct heard heard[100];
    char user[ID_LEN + 1];
    for (unsigned i = 0; i < COUNT_OF(heard); i++) {
        (void)snprintf(user, sizeof(user), "%032x", i);
        ck_assert(rig_submit(&rig, user, "owner", "say mine", CREDIT, &heard[i]));
    }
    for (unsigned i = 0; i < COUNT_OF(heard); i++) {
        rig_until(&rig, heard_over, &heard[i]);
        ck_assert_str_eq(heard[i].text, "mine");
    }
    ck_assert_uint_eq(status().counters.spawns, COUNT_OF(heard));
    teardown();
}
END_TEST

static Suite *suite(void) {
    Suite *s = suite_create("turns");
    TCase *t = tcase_create("running");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, answers_and_stays_warm);
    tcase_add_test(t, known_users_are_woken_ahead);
    tcase_add_test(t, owner_and_customer_apart);
    tcase_add_test(t, connect_cell_ends_after_its_turn);
    tcase_add_test(t, what_is_added_may_be_too_much);
    tcase_add_test(t, queue_is_bounded_and_in_order);
    tcase_add_test(t, cancel_while_waiting);
    tcase_add_test(t, deaf_agent_is_ended_after_a_cancel);
    tcase_add_test(t, death_in_a_turn_is_told);
    tcase_add_test(t, death_keeps_the_queue);
    tcase_add_test(t, kill_between_turns);
    tcase_add_test(t, turns_own_error_is_passed_on);
    tcase_add_test(t, credit_is_kept_and_given);
    tcase_add_test(t, host_calls_are_answered);
    tcase_add_test(t, end_of_a_user);
    tcase_add_test(t, end_of_a_user_who_goes_on);
    tcase_add_test(t, operators_park_and_stop);
    tcase_add_test(t, drain_waits_for_running_turns);
    suite_add_tcase(s, t);
    t = tcase_create("special");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, drain_has_a_limit);
    tcase_add_test(t, deadline_cancels);
    tcase_add_test(t, many_at_once);
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
