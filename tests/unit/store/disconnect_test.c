/* Disconnecting when a part fails on the way, with a real store and stand-ins for the rest. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/connecting.h"
#include "tests/unit/store/postgres.h"

static const char *rows(const char *state) {
    return postgres_sql("SELECT count(*) FROM connections WHERE state = '%s'", state);
}

START_TEST(disconnecting_goes_on_when_google_does_not_answer) {
    connect_user("a");
    disconnect("a");
    uint64_t first = request;
    loop_until(base, fake_turn.running);
    disconnect("a"); /* meanwhile: waits for the same end */
    uint64_t second = request;
    (void)connection("a"); /* asked after it, of the same database: it waits by now */
    request = second;
    Cloister__MarkBroken mark = CLOISTER__MARK_BROKEN__INIT;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.call = 4;
    call.op_case = CLOISTER__HOST_CALL__OP_MARK_BROKEN;
    call.mark_broken = &mark;
    fake_turn_host_call(&call);
    ck_assert_uint_eq(fake_turn.replied, 4);
    ck_assert_int_eq(fake_turn.reply_error, 0);
    fake_turn_error("google_unavailable", true);
    ck_assert(!disconnected()->revoked);
    ck_assert(strstr(disconnected()->detail, "https://myaccount.google.com/permissions") != NULL);
    ck_assert_uint_eq(fake_answer(first)->count, 1);
    ck_assert_uint_eq(fake_keys_count(), 1); /* the user's own */
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connections"), "0");
}
END_TEST

START_TEST(disconnecting_goes_on_when_keys_is_away) {
    connect_user("a");
    disconnect("a");
    loop_until(base, fake_turn.running);
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.revoked = true;
    fake_keys_away = true;
    fake_turn_done(&done);
    ck_assert(disconnected()->revoked);
    ck_assert(strstr(disconnected()->detail, "retried") != NULL);
    ck_assert_str_eq(postgres_sql("SELECT state || (sealed_refresh IS NULL) FROM connections"),
                     "discardedtrue");
    fake_keys_away = false;
    ck_assert_str_eq(connection("a")->state, "none");
    api_free(api); /* as after a restart */
    connecting_begin();
    loop_until(base, fake_keys_count() == 1);
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "0") == 0);
}
END_TEST

START_TEST(an_interrupted_disconnect_is_finished_after_a_restart) {
    connect_user("a");
    disconnect("a");
    loop_until(base, fake_turn.running);
    api_free(api);
    ck_assert(fake_turn.cancelled);
    ck_assert_uint_eq(fake_answer(request)->count, 0);
    connecting_begin();
    loop_until(base, fake_turn.running);
    ck_assert_int_eq(fake_turn.kind, CLOISTER__TURN_KIND__TURN_REVOKE);
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.revoked = true;
    fake_turn_done(&done);
    loop_until(base, fake_keys_count() == 1);
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "0") == 0);
}
END_TEST

START_TEST(the_reconciler_waits_for_a_chance_to_ask_google) {
    connect_user("a");
    (void)postgres_sql("UPDATE connections SET state = 'disconnecting', changed_at = now()");
    api_free(api);
    fake_turns_full = true;
    connecting_begin();
    loop_until(base, fake_ended_count > 0);
    uint64_t end = clock_ms() + 300;
    loop_until(base, clock_ms() > end);
    ck_assert_str_eq(rows("disconnecting"), "1"); /* not yet */
    (void)postgres_sql("UPDATE connections SET changed_at = now() - interval '11 minutes'");
    api_free(api);
    connecting_begin();
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "0") == 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("disconnect");
    TCase *cases = tcase_create("disconnect");
    tcase_add_checked_fixture(cases, connecting_setup, connecting_teardown);
    tcase_add_test(cases, disconnecting_goes_on_when_google_does_not_answer);
    tcase_add_test(cases, disconnecting_goes_on_when_keys_is_away);
    tcase_add_test(cases, an_interrupted_disconnect_is_finished_after_a_restart);
    tcase_add_test(cases, the_reconciler_waits_for_a_chance_to_ask_google);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
