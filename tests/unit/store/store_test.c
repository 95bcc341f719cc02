/* What the store keeps of sessions, preferences and connections, against a real server. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/store_rig.h"

START_TEST(a_session_is_one_question) {
    ck_assert_int_eq(session("web", "a", H(90)), -ENOENT);
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.user, USER1);
    ck_assert(!got.session.repeated);
    ck_assert_int_eq(session("other", "a", NULL), -ENOENT);
    ck_assert_int_eq(session("web", "a' OR true --", NULL), -ENOENT);
}
END_TEST

START_TEST(an_idempotency_key_is_known_for_a_day) {
    connect_user("a", USER1, ID_A, 1);
    connect_user("b", USER2, ID_B, 11);
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert(!got.session.repeated);
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert(got.session.repeated);
    ck_assert_int_eq(session("web", "b", H(90)), 0);
    ck_assert(!got.session.repeated);
    (void)postgres_sql("UPDATE requests SET created_at = now() - interval '25 hours'");
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert(!got.session.repeated);
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert(got.session.repeated);
}
END_TEST

/* ---- preferences ---- */

static int put_preference(const char *user, const char *id, const void *sealed, size_t len) {
    Cloister__PutPreference put = CLOISTER__PUT_PREFERENCE__INIT;
    put.id = (char *)(uintptr_t)id;
    put.sealed.data = (uint8_t *)(uintptr_t)sealed;
    put.sealed.len = len;
    return RUN(store_put_preference(store, user, &put, on_done, NULL));
}

static int delete_preference(const char *user, const char *id) {
    return RUN(store_delete_preference(store, user, id, on_done, NULL));
}

START_TEST(preferences_are_the_users_own) {
    connect_user("a", USER1, ID_A, 1);
    connect_user("b", USER2, ID_B, 11);
    ck_assert_int_eq(put_preference(USER1, ID_C, "one", 3), 0);
    ck_assert_int_eq(put_preference(USER1, ID_C, "two", 3), 0); /* replaced */
    ck_assert_int_eq(put_preference(USER2, ID_C, "bad", 3), -EEXIST);
    ck_assert_int_eq(put_preference(ID_A, ID_B, "bad", 3), -ENOENT);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.ids, ID_C "=two;");
    ck_assert_int_eq(session("web", "b", NULL), 0);
    ck_assert_uint_eq(got.n, 0);
    ck_assert_int_eq(delete_preference(USER2, ID_C), -ENOENT);
    ck_assert_int_eq(delete_preference(USER1, ID_C), 0);
    ck_assert_int_eq(delete_preference(USER1, ID_C), -ENOENT);
}
END_TEST

static int correct_preference(const char *user, const char *id, const char *sealed) {
    Cloister__PutPreference put = CLOISTER__PUT_PREFERENCE__INIT;
    put.id = (char *)(uintptr_t)id;
    put.sealed = (ProtobufCBinaryData){strlen(sealed), (uint8_t *)(uintptr_t)sealed};
    put.correct = true;
    return RUN(store_put_preference(store, user, &put, on_done, NULL));
}

/* A correction never brings back what was forgotten meanwhile. */
START_TEST(preferences_are_corrected_in_place) {
    connect_user("a", USER1, ID_A, 1);
    connect_user("b", USER2, ID_B, 11);
    ck_assert_int_eq(correct_preference(USER1, ID_C, "new"), -ENOENT);
    ck_assert_int_eq(put_preference(USER1, ID_C, "one", 3), 0);
    ck_assert_int_eq(correct_preference(USER2, ID_C, "bad"), -ENOENT);
    ck_assert_int_eq(correct_preference(USER1, ID_C, "new"), 0);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.ids, ID_C "=new;");
    ck_assert_int_eq(delete_preference(USER1, ""), 0);
    ck_assert_int_eq(correct_preference(USER1, ID_C, "back"), -ENOENT);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_uint_eq(got.n, 0);
}
END_TEST

START_TEST(preferences_are_bounded) {
    char id[ID_LEN + 1], large[1281] = {1};
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(put_preference(USER1, ID_C, large, sizeof(large)), -EINVAL);
    for (int i = 0; i < 64; i++) {
        snprintf(id, sizeof(id), "%032x", i + 1);
        ck_assert_int_eq(put_preference(USER1, id, "x", 1), 0);
    }
    ck_assert_int_eq(put_preference(USER1, ID_C, "x", 1), -ENOSPC);
    ck_assert_int_eq(put_preference(USER1, id, "y", 1), 0);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_uint_eq(got.n, 64);
    ck_assert_int_eq(delete_preference(USER1, ""), 0);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_uint_eq(got.n, 0);
}
END_TEST

/* ---- connections ---- */

START_TEST(a_new_connection_takes_the_place_of_the_old) {
    connect_user("a", USER1, ID_A, 1);
    connect_user("a", USER2, ID_B, 11); /* the user keeps the first id */
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.user, USER1);
    ck_assert_str_eq(got.session.connection, ID_B);
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00aa:discarded ");
    ck_assert_str_eq(postgres_sql("SELECT sealed_refresh IS NULL FROM connections "
                                  "WHERE state = 'discarded'"),
                     "t");
    ck_assert_int_eq(RUN(store_connection_remove(store, ID_A, on_done, NULL)), 0);
    ck_assert_int_eq(RUN(store_connection_remove(store, ID_B, on_done, NULL)),
                     0); /* active: stays */
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connections"), "1");
}
END_TEST

START_TEST(a_connection_is_shown_and_ended) {
    ck_assert_int_eq(RUN(store_connection_get(store, USER1, on_row, NULL)), -ENOENT);
    ck_assert_int_eq(RUN(store_disconnect_begin(store, USER1, on_row, NULL)), -ENOENT);
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(RUN(store_connection_get(store, USER1, on_row, NULL)), 0);
    ck_assert_str_eq(got.row.state, "active");
    ck_assert_str_eq(got.text, "openid https://www.googleapis.com/auth/calendar.events|"
                               "availability events");
    ck_assert(llabs(got.row.connected_at_ms - wall_ms()) < 60000);
    for (int i = 0; i < 2; i++) { /* and again, while it is under way */
        ck_assert_int_eq(RUN(store_disconnect_begin(store, USER1, on_row, NULL)), 0);
        ck_assert_str_eq(got.row.state, "disconnecting");
        ck_assert_str_eq(got.row.user, USER1);
        ck_assert_str_eq(got.row.id, ID_A);
        ck_assert_str_eq(got.refresh, "sealed bytes");
        ck_assert_uint_eq(got.row.token_version, 3);
    }
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.connection_state, "disconnecting");
    ck_assert_int_eq(RUN(store_mark_broken(store, ID_A, on_done, NULL)), -ENOENT);
    ck_assert_int_eq(RUN(store_discard(store, ID_A, on_done, NULL)), 0);
    ck_assert_str_eq(postgres_sql("SELECT sealed_refresh IS NULL FROM connections"), "t");
    ck_assert_int_eq(RUN(store_connection_remove(store, ID_A, on_done, NULL)), 0);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.connection_state, "none");
    ck_assert_str_eq(got.session.connection, "");
    ck_assert_int_eq(RUN(store_connection_get(store, USER1, on_row, NULL)), 0);
    ck_assert_str_eq(got.row.state, "none");
    ck_assert_int_eq(RUN(store_disconnect_begin(store, USER1, on_row, NULL)), 0);
    ck_assert_str_eq(got.row.id, "");
}
END_TEST

START_TEST(abandoned_connections_are_given_up) {
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_uint_eq(got.n, 0);
    (void)postgres_sql("UPDATE connections SET changed_at = now() - interval '16 minutes'");
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00aa:discarded ");
    ck_assert_int_eq(prepare(H(1), NULL, ID_B), -EAGAIN); /* until the row is gone */
    ck_assert_int_eq(RUN(store_connection_remove(store, ID_A, on_done, NULL)), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_B), 0);
    ck_assert_str_eq(got.id, ID_B);
}
END_TEST

/* Google ends every token of an account at once: one that the owner connected again is not revoked.
 */
START_TEST(what_is_connected_again_is_not_revoked) {
    connect_user("a", USER1, ID_A, 1);
    connect_user("b", USER2, ID_B, 11);
    (void)postgres_sql("UPDATE connections SET state = 'disconnecting'");
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00aa:disconnecting 00bb:disconnecting ");
    connect_user("a", USER1, ID_C, 21);
    memset(&got, 0, sizeof(got));
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00bb:disconnecting 00aa:discarded ");
    ck_assert_str_eq(postgres_sql("SELECT count(sealed_refresh) FROM connections"), "2");
    /* Another account's is. */
    (void)postgres_sql("UPDATE connections SET state = 'disconnecting', subject_tag = "
                       "decode(repeat('07', 32), 'hex') WHERE state = 'discarded'");
    memset(&got, 0, sizeof(got));
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00bb:disconnecting 00aa:disconnecting ");
}
END_TEST

START_TEST(the_database_keeps_its_rules) {
    connect_user("a", USER1, ID_A, 1);
    ck_assert_str_eq(
        postgres_sql("SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint "
                     "WHERE contype = 'f' AND confdeltype = 'r'"),
        "connections_user_id_fkey");
    /* A user with a connection cannot go before its key has gone. */
    ck_assert_str_eq(postgres_sql("DO $$ BEGIN DELETE FROM users; EXCEPTION WHEN "
                                  "foreign_key_violation THEN CREATE TABLE kept (); END $$;"
                                  "SELECT to_regclass('kept')::text"),
                     "kept");
}
END_TEST

START_TEST(nothing_but_hashes_and_sealed_bytes_is_stored) {
    connect_user("a", USER1, ID_A, 1);
    ck_assert_str_eq(
        postgres_sql("SELECT string_agg(DISTINCT data_type || ':' || column_name, ' ') FROM "
                     "information_schema.columns WHERE table_name = 'connect_links' AND "
                     "column_name LIKE '%%hash%%' AND domain_name <> 'token_hash'"),
        "");
}
END_TEST

/* ---- the database goes and comes ---- */

START_TEST(away_means_at_once_and_back_means_back) {
    connect_user("a", USER1, ID_A, 1);
    postgres_kill();
    loop_until(base, !store_ready(store));
    uint64_t begun = clock_ms();
    ck_assert_int_eq(session("web", "a", H(90)), -EAGAIN);
    ck_assert_uint_lt(clock_ms() - begun, 200);
    postgres_restart();
    loop_until(base, store_ready(store));
    ck_assert_int_eq(session("web", "a", H(90)), 0);
}
END_TEST

START_TEST(a_newer_database_is_left_alone) {
    (void)postgres_sql(
        "INSERT INTO schema_migrations (component, number) VALUES ('cloisterd', 99)");
    struct store *old;
    ck_assert_int_eq(store_new(base, config, &old), 0);
    struct store *mine = store;
    store = old;
    uint64_t end = clock_ms() + 500;
    loop_until(base, clock_ms() > end);
    ck_assert(!store_ready(old));
    ck_assert_int_eq(session("web", "a", NULL), -EAGAIN);
    store = mine;
    store_free(old);
}
END_TEST

/* The tags of before were made under another key: redeemed after the upgrade, one would pin an
 * account that nobody has. */
START_TEST(what_was_under_way_at_an_upgrade_pins_no_account) {
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    ck_assert_int_eq(back(H(3), H(2)), 0);
    ck_assert_int_eq(put_token(ID_A, "sealed bytes"), 0);
    ck_assert_int_eq(mint(ID_A, H(4)), 0);
    store_free(store);
    (void)postgres_sql("DROP TABLE sign_ins, web_sessions; DROP INDEX connect_links_of_user;"
                       "ALTER TABLE users DROP COLUMN subject_tag;"
                       "ALTER TABLE connect_links DROP COLUMN switch_account;"
                       "DROP TABLE turns, user_days, frontend_days;"
                       "DELETE FROM schema_migrations WHERE number >= 2");
    ck_assert_int_eq(store_new(base, config, &store), 0);
    loop_until(base, store_ready(store));
    ck_assert_int_eq(redeem(H(4), "web", "a", USER1), 0);
    ck_assert_int_eq(commit(H(4), USER1, ID_A), 0);
    ck_assert_str_eq(postgres_sql("SELECT count(subject_tag) FROM users"), "0");
    connect_user("a", USER1, ID_B, 11);
    ck_assert_str_eq(postgres_sql("SELECT count(subject_tag) FROM users"), "1");
}
END_TEST

START_TEST(expired_rows_go) {
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert_int_eq(session("web", "a", H(91)), 0);
    (void)postgres_sql(
        "UPDATE requests SET created_at = now() - interval '2 days' WHERE key_hash = "
        "decode(repeat('5a', 32), 'hex')");
    (void)postgres_sql("UPDATE connect_links SET created_at = now() - interval '2 hours'");
    store_free(store);
    ck_assert_int_eq(store_new(base, config, &store), 0);
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connect_links"), "0") == 0);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM requests"), "1");
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connections"), "1");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("store");
    TCase *cases = tcase_create("store");
    tcase_add_checked_fixture(cases, store_rig_setup, store_rig_teardown);
    tcase_add_test(cases, a_session_is_one_question);
    tcase_add_test(cases, an_idempotency_key_is_known_for_a_day);
    tcase_add_test(cases, preferences_are_the_users_own);
    tcase_add_test(cases, preferences_are_corrected_in_place);
    tcase_add_test(cases, preferences_are_bounded);
    tcase_add_test(cases, a_new_connection_takes_the_place_of_the_old);
    tcase_add_test(cases, a_connection_is_shown_and_ended);
    tcase_add_test(cases, abandoned_connections_are_given_up);
    tcase_add_test(cases, what_is_connected_again_is_not_revoked);
    tcase_add_test(cases, the_database_keeps_its_rules);
    tcase_add_test(cases, nothing_but_hashes_and_sealed_bytes_is_stored);
    tcase_add_test(cases, away_means_at_once_and_back_means_back);
    tcase_add_test(cases, a_newer_database_is_left_alone);
    tcase_add_test(cases, what_was_under_way_at_an_upgrade_pins_no_account);
    tcase_add_test(cases, expired_rows_go);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
