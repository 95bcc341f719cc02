/* Connect links and the codes that come of them, from open to redeemed, against a real server. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/store_rig.h"

START_TEST(a_link_goes_from_open_to_redeemed) {
    ck_assert_int_eq(create_link(H(1), "zoë"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_str_eq(got.id, ID_A);
    ck_assert_str_eq(got.text, "availability events");
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    ck_assert_int_eq(back(H(3), H(2)), 0);
    ck_assert_str_eq(got.id, ID_A);
    ck_assert_str_eq(got.text, BACK);
    ck_assert_int_eq(mint(ID_A, H(4)), -ENOENT); /* no token yet */
    ck_assert_int_eq(put_token(ID_A, "sealed"), 0);
    ck_assert_int_eq(put_token(ID_A, "again"), -ENOENT);
    ck_assert_int_eq(mint(ID_A, H(4)), 0);
    ck_assert_int_eq(mint(ID_A, H(5)), -ENOENT); /* one code */
    ck_assert_int_eq(redeem(H(4), "web", "zoë", USER1), 0);
    ck_assert_str_eq(got.user, USER1);
    ck_assert_str_eq(got.text, "openid https://www.googleapis.com/auth/calendar.events");
    ck_assert_int_eq(redeem(H(4), "web", "zoë", USER2), 0); /* nothing is used up yet */
    ck_assert_str_eq(got.user, USER1);
    ck_assert_int_eq(commit(H(4), USER1, ID_A), 0);
    ck_assert_int_eq(commit(H(4), USER1, ID_A), -ENOENT);
    ck_assert_int_eq(redeem(H(4), "web", "zoë", USER2), -ENOENT);
    ck_assert_int_eq(session("web", "zoë", NULL), 0);
    ck_assert_str_eq(got.session.connection, ID_A);
    ck_assert_str_eq(got.session.connection_state, "active");
    ck_assert_str_eq(got.refresh, "sealed");
    ck_assert_str_eq(got.text, "openid;https://www.googleapis.com/auth/calendar.events;");
}
END_TEST

START_TEST(a_link_belongs_to_one_browser) {
    ck_assert_int_eq(prepare(H(9), NULL, ID_A), -ENOENT);
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_B),
                     0); /* two before either opened: the same connection */
    ck_assert_str_eq(got.id, ID_A);
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    ck_assert_int_eq(open_link(H(1), NULL, H(4), H(5)), -EACCES);
    ck_assert_int_eq(prepare(H(1), NULL, ID_B), -EACCES);
    ck_assert_int_eq(prepare(H(1), H(8), ID_B), -EACCES);
    ck_assert_int_eq(prepare(H(1), H(2), ID_B), 0); /* the same browser begins again */
    ck_assert_str_eq(got.id, ID_A);
    ck_assert_int_eq(open_link(H(1), H(2), H(6), H(7)), 0);
    ck_assert_int_eq(back(H(3), H(2)), -ENOENT); /* the first state is void */
    ck_assert_int_eq(back(H(7), H(2)), -EACCES);
    ck_assert_int_eq(back(H(7), NULL), -EACCES);
    ck_assert_int_eq(back(H(7), H(6)), 0); /* and was not used up by those */
    ck_assert_int_eq(back(H(7), H(6)), -EALREADY);
    ck_assert_int_eq(prepare(H(1), H(6), ID_B), -ENOENT);
    ck_assert_int_eq(open_link(H(1), H(6), H(6), H(8)), -EACCES);
}
END_TEST

START_TEST(what_is_old_is_refused) {
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    (void)postgres_sql("UPDATE connect_links SET expires_at = now() - interval '1 second'");
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), -ETIME);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connections"), "0"); /* nor begins any */
    (void)postgres_sql("UPDATE connect_links SET expires_at = now() + interval '1 minute'");
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    (void)postgres_sql("UPDATE connect_links SET state_expires_at = now() - interval '1 second'");
    ck_assert_int_eq(back(H(3), H(2)), -ETIME);
    (void)postgres_sql("UPDATE connect_links SET state_expires_at = now() + interval '1 minute'");
    ck_assert_int_eq(back(H(3), H(2)), 0);
    ck_assert_int_eq(put_token(ID_A, "sealed"), 0);
    ck_assert_int_eq(mint(ID_A, H(4)), 0);
    (void)postgres_sql("UPDATE connect_links SET code_expires_at = now() - interval '1 second'");
    ck_assert_int_eq(redeem(H(4), "web", "a", USER1), -ENOENT);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM users"), "0");
}
END_TEST

START_TEST(a_code_is_for_its_user_and_frontend) {
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    ck_assert_int_eq(back(H(3), H(2)), 0);
    ck_assert_int_eq(put_token(ID_A, "sealed"), 0);
    ck_assert_int_eq(mint(ID_A, H(4)), 0);
    ck_assert_int_eq(redeem(H(4), "other", "a", USER1), -ENOENT);
    ck_assert_int_eq(redeem(H(4), "web", "b", USER1), -ENOENT);
    ck_assert_int_eq(redeem(H(5), "web", "a", USER1), -ENOENT);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM users"), "0");
    ck_assert_int_eq(redeem(H(4), "web", "a", USER1), 0);
}
END_TEST

START_TEST(unopened_links_are_few) {
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(create_link(H(i), "a"), 0);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connect_links"), "16");
    ck_assert_int_eq(prepare(H(0), NULL, ID_A), -ENOENT);
    ck_assert_int_eq(prepare(H(39), NULL, ID_A), 0);
}
END_TEST

static const char *id_of(int n) {
    static char id[ID_LEN + 1];
    snprintf(id, sizeof(id), "%032x", n);
    return id;
}

START_TEST(unfinished_connections_are_few) {
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(create_link(H(i), "a"), 0);
        ck_assert_int_eq(prepare(H(i), NULL, id_of(i + 1)), i < 32 ? 0 : -EBUSY);
        ck_assert_int_eq(open_link(H(i), NULL, H(100), H(100 + i)), 0);
    }
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connections"), "32");
    ck_assert_int_eq(prepare(H(31), H(100), ID_A), 0); /* what was begun goes on */
    ck_assert_int_eq(create_link(H(50), "b"), 0);
    ck_assert_int_eq(prepare(H(50), NULL, ID_B), 0);
    /* One that is given up counts until its key has gone. */
    ck_assert_int_eq(RUN(store_discard(store, id_of(1), on_done, NULL)), 0);
    ck_assert_int_eq(prepare(H(32), H(100), ID_A), -EBUSY);
    ck_assert_int_eq(RUN(store_connection_remove(store, id_of(1), on_done, NULL)), 0);
    ck_assert_int_eq(prepare(H(32), H(100), ID_A), 0);
}
END_TEST

START_TEST(a_link_is_renewed_from_the_connection) {
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(RUN(store_mark_broken(store, ID_A, on_done, NULL)), 0);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.connection_state, "broken");
    ck_assert_int_eq(RUN(store_link_renew(store, USER1, H(50), on_done, NULL)), 0);
    ck_assert_int_eq(RUN(store_link_renew(store, USER2, H(51), on_done, NULL)), -ENOENT);
    ck_assert_int_eq(prepare(H(50), NULL, ID_B), 0);
    ck_assert_str_eq(got.text, "availability events");
    ck_assert_str_eq(postgres_sql("SELECT frontend || user_name || return_to FROM connect_links "
                                  "WHERE connection_id = '" ID_B "'"),
                     "web"
                     "a" BACK);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("links");
    TCase *cases = tcase_create("links");
    tcase_add_checked_fixture(cases, store_rig_setup, store_rig_teardown);
    tcase_add_test(cases, a_link_goes_from_open_to_redeemed);
    tcase_add_test(cases, a_link_belongs_to_one_browser);
    tcase_add_test(cases, what_is_old_is_refused);
    tcase_add_test(cases, a_code_is_for_its_user_and_frontend);
    tcase_add_test(cases, unopened_links_are_few);
    tcase_add_test(cases, unfinished_connections_are_few);
    tcase_add_test(cases, a_link_is_renewed_from_the_connection);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
