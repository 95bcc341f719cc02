/* The life of a web session, with a real store: how it ends, how its cookie is replaced, what is
 * kept of it. What attacks it is shown twice: refused, and succeeding once the rule that refuses it
 * is taken away. */
#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/sign_in_rig.h"

/* ---- its end ---- */

START_TEST(a_stolen_cookie_ends_with_logging_out) {
    struct browser ann = {0};
    for (int control = 0; control < 2; control++) {
        rule_taken_away = control ? RULE_SESSION_LIVES : RULES_COUNT;
        sign_in(&ann, 1, ANN);
        session_end(ann.session, false);
        ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_OK);
        ck_assert_int_eq(show(ann.session), control ? 0 : -ENOENT);
    }
    session_end(ann.session, false); /* a second time is fine */
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_OK);
}
END_TEST

static const char *const ages[] = {
    "used_at = now() - interval '3 days 1 second'",
    "created_at = now() - interval '30 days 1 second'",
};

START_TEST(a_session_ends_by_age) {
    struct browser ann = {0};
    sign_in(&ann, 1, ANN);
    (void)postgres_sql("UPDATE web_sessions SET used_at = now() - interval '3 days' + interval '5 "
                       "seconds', created_at = now() - interval '30 days' + interval '5 seconds'");
    ck_assert_int_eq(show(ann.session), 0); /* and now it was used */
    ck_assert_uint_le(shown.session.left_s, 5);
    (void)postgres_sql("UPDATE web_sessions SET used_at = now(), created_at = now()");
    (void)postgres_sql("UPDATE web_sessions SET %s", ages[_i]);
    ck_assert_int_eq(show(ann.session), -ENOENT);
    session_show(ann.session);
    ck_failed(401, "session_invalid");
    rule_taken_away = RULE_SESSION_LIVES;
    ck_assert_int_eq(show(ann.session), 0);
    ck_assert_str_eq(shown.account, ANN);
}
END_TEST

START_TEST(logging_out_everywhere) {
    struct browser here = {0}, there = {0}, bob = {0};
    sign_in(&here, 1, ANN);
    sign_in(&there, 1, ANN);
    sign_in(&bob, 2, BOB);
    session_end(here.session, true);
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_OK);
    ck_assert_int_eq(show(here.session), -ENOENT);
    ck_assert_int_eq(show(there.session), -ENOENT);
    ck_assert_int_eq(show(bob.session), 0);
    ck_assert_uint_eq(fake_grant_epoch, 1);
    session_end(here.session, true);
    ck_failed(401, "session_invalid");

    sign_in(&here, 1, ANN); /* without the key service: signed out all the same, and told */
    fake_keys_away = true;
    session_end(here.session, true);
    ck_failed(503, "keys_unavailable");
    ck_assert_int_eq(show(here.session), -ENOENT);
}
END_TEST

START_TEST(only_so_many_sessions) {
    struct browser first = {0}, second = {0}, last = {0}, bob = {0};
    sign_in(&bob, 2, BOB);
    sign_in(&first, 1, ANN);
    sign_in(&second, 1, ANN);
    ck_assert_int_eq(show(second.session), 0);
    (void)postgres_sql("INSERT INTO web_sessions (id, user_id, cookie_hash, sealed)"
                       " SELECT lpad(to_hex(n), 32, '0'), '%s', sha256(n::text::bytea), ''"
                       " FROM generate_series(1, 29) AS n",
                       id_of(ANN));
    ck_assert_int_eq(show(first.session), 0); /* used, so the second is the oldest */
    sign_in(&last, 1, ANN);
    ck_assert_int_eq(show(first.session), 0);
    ck_assert_int_eq(show(last.session), 0);
    ck_sessions("33");
    sign_in(&last, 1, ANN); /* in place of what this browser had */
    ck_sessions("33");
    ck_assert_int_eq(show(second.session), 0);
    (void)postgres_sql("UPDATE web_sessions SET used_at = used_at - interval '1 hour' WHERE "
                       "cookie_hash = sha256('1')");
    sign_in(&(struct browser){0}, 1, ANN);
    ck_sessions("33");
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM web_sessions WHERE cookie_hash = "
                                  "sha256('1')"),
                     "0");
    ck_assert_int_eq(show(first.session), 0);
    ck_assert_int_eq(show(bob.session), 0);
}
END_TEST

/* ---- cookies are replaced ---- */

#define MAKE_DUE()                                                                                 \
    (void)postgres_sql("UPDATE web_sessions SET changed_at = now() - interval '901 seconds'")

static void rotated(const char *cookie, char next[static 64]) {
    MAKE_DUE();
    ck_assert_int_eq(show_with(cookie, NULL, true), 0);
    ck_assert_uint_eq(strlen(shown.session.cookie), 43);
    ck_assert_str_ne(shown.session.cookie, cookie);
    strcpy(next, shown.session.cookie);
}

START_TEST(a_cookie_is_replaced_in_time) {
    struct browser ann = {0};
    char next[64], csrf[64];
    sign_in(&ann, 1, ANN);
    ck_assert_int_eq(show_with(ann.session, NULL, true), 0);
    ck_assert_str_eq(shown.session.cookie, ""); /* not due */
    strcpy(csrf, shown.session.csrf);
    MAKE_DUE();
    ck_assert_int_eq(show(ann.session), 0);
    ck_assert_str_eq(shown.session.cookie, ""); /* not asked for */
    session_show(ann.session);
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_SESSION_STATE);
    ck_assert_str_eq(message->session_state->csrf, csrf);
    ck_assert_str_eq(message->session_state->account, ANN);
    ck_assert_uint_eq(strlen(message->session_state->cookie), 43);
    ck_assert_uint_gt(message->session_state->session_s, 2591000);
    snprintf(next, sizeof(next), "%s", message->session_state->cookie);

    ck_assert_int_eq(show_with(ann.session, NULL, true), 0); /* not seen yet: both are good */
    ck_assert_str_eq(shown.session.cookie, "");              /* and there is no third */
    ck_assert_int_eq(show(next), 0);                         /* it takes its place */
    ck_assert_str_eq(shown.account, ANN);
    ck_assert_str_eq(shown.session.csrf, csrf);
    ck_assert_str_eq(shown.grant, fake_grant(id_of(ANN), "web"));
    ck_assert_int_eq(show(ann.session), 0); /* requests that were on their way */
    ck_assert_str_eq(shown.account, ANN);
    ck_assert_int_eq(show(next), 0);
    ck_assert_str_eq(postgres_sql("SELECT (last_until BETWEEN now() + interval '50 seconds' AND "
                                  "now() + interval '60 seconds')::text FROM web_sessions"),
                     "true");
}
END_TEST

/* The thief used the cookie after its owner got another, or the owner after the thief did. */
START_TEST(a_replaced_cookie_that_is_used_again_ends_the_session) {
    struct browser ann = {0}, other = {0};
    char next[64];
    sign_in(&ann, 1, ANN);
    sign_in(&other, 1, ANN);
    rotated(ann.session, next);
    ck_assert_int_eq(show(next), 0);
    (void)postgres_sql("UPDATE web_sessions SET last_until = now() WHERE last_until IS NOT NULL");
    rule_taken_away = RULE_SESSION_LIVES;
    ck_assert_int_eq(show(ann.session), 0);
    ck_assert_str_eq(shown.account, ANN);
    rule_taken_away = RULES_COUNT;
    ck_assert_int_eq(show(ann.session), -ENOENT);
    ck_assert_int_eq(show(next), -ENOENT);
    ck_assert_int_eq(show(other.session), 0);
}
END_TEST

START_TEST(a_cookie_that_never_arrived_is_made_anew) {
    struct browser ann = {0};
    char lost[64], next[64];
    sign_in(&ann, 1, ANN);
    rotated(ann.session, lost);
    rotated(ann.session, next);
    ck_assert_str_ne(lost, next);
    ck_assert_int_eq(show(lost), -ENOENT);
    ck_assert_int_eq(show(next), 0);
}
END_TEST

static unsigned twice, fresh;

static void on_twice(void *ctx, int error, const struct web_session *session) {
    (void)ctx;
    ck_assert_int_eq(error, 0);
    twice++;
    fresh += session->cookie[0] != '\0';
}

START_TEST(of_two_pages_at_once_one_gets_the_next_cookie) {
    struct browser ann = {0};
    sign_in(&ann, 1, ANN);
    MAKE_DUE();
    twice = fresh = 0;
    web_session_show(api, ann.session, NULL, true, on_twice, NULL);
    web_session_show(api, ann.session, NULL, true, on_twice, NULL);
    loop_until(base, twice == 2);
    ck_assert_uint_eq(fresh, 1);
}
END_TEST

START_TEST(the_token_of_a_page_is_its_sessions) {
    struct browser ann = {0}, again = {0};
    char csrf[64];
    sign_in(&ann, 1, ANN);
    sign_in(&again, 1, ANN);
    ck_assert_int_eq(show(ann.session), 0);
    strcpy(csrf, shown.session.csrf);
    ck_assert_uint_eq(strlen(csrf), 43);
    ck_assert_int_eq(show_with(ann.session, csrf, false), 0);
    ck_assert_int_eq(show_with(again.session, csrf, false), -EACCES);
    ck_assert_int_eq(show_with(ann.session, "", false), -EACCES);
    ck_assert_int_eq(show_with("", csrf, false), -ENOENT);
    csrf[42] = csrf[42] == 'A' ? 'Q' : 'A';
    ck_assert_int_eq(show_with(ann.session, csrf, false), -EACCES);
    strcat(csrf, "A");
    ck_assert_int_eq(show_with(ann.session, csrf, false), -EACCES);
}
END_TEST

/* ---- what is kept ---- */

START_TEST(the_database_alone_opens_nothing) {
    struct browser ann = {0}, bob = {0};
    sign_in(&ann, 1, ANN);
    sign_in(&bob, 2, BOB);
    char next[64];
    rotated(ann.session, next);
    static const char text[] = "SELECT count(*) FROM (SELECT w::text FROM web_sessions w UNION ALL "
                               "SELECT s::text FROM sign_ins s) AS t (row) WHERE row LIKE '%%%s%%' "
                               "OR row LIKE '%%' || encode('%s', 'hex') || '%%'";
    ck_assert_int_eq(show(ann.session), 0);
    const char *const secrets[] = {ANN,      ann.session,       next, ann.login, ann.state,
                                   "grant:", shown.session.csrf};
    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        ck_assert_str_eq(postgres_sql(text, secrets[i], secrets[i]), "0");

    /* Who can write there cannot make Bob's cookie show Ann's session, or Ann someone else. */
    (void)postgres_sql("UPDATE web_sessions SET sealed = (SELECT sealed FROM web_sessions WHERE "
                       "next_hash IS NOT NULL) WHERE next_hash IS NULL");
    ck_assert_int_eq(show(bob.session), -ENOENT);
    (void)postgres_sql("UPDATE web_sessions a SET user_id = b.user_id FROM web_sessions b"
                       " WHERE b.user_id <> a.user_id AND a.next_hash IS NOT NULL");
    ck_assert_int_eq(show(ann.session), -ENOENT);
}
END_TEST

/* The one thing beside it that could be its key. */
START_TEST(what_finds_a_session_does_not_open_it) {
    static const char row[] = "SELECT encode(%s, 'hex') FROM web_sessions";
    struct browser ann = {0};
    uint8_t found_by[32], opens[32], sealed[1024], plain[1024];
    char label[80];
    unsigned long long plain_len;
    sign_in(&ann, 1, ANN);
    const char *hex = postgres_sql(row, "sealed");
    size_t len = strlen(hex) / 2, nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    ck_assert_int_eq(hex_decode(hex, sealed, len), 0);
    ck_assert_int_eq(hex_decode(postgres_sql(row, "cookie_hash"), found_by, 32), 0);
    snprintf(label, sizeof(label), "%s",
             postgres_sql("SELECT id || '/' || user_id FROM web_sessions"));
    token_hash("session key", ann.session, opens);
    const uint8_t *const keys[] = {found_by, opens}; /* the second shows that this would open it */
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        ck_assert_int_eq(crypto_aead_xchacha20poly1305_ietf_decrypt(
                             plain, &plain_len, NULL, sealed + nonce, len - nonce,
                             (const uint8_t *)label, strlen(label), sealed, keys[i]),
                         i == 0 ? -1 : 0);
}
END_TEST

START_TEST(a_renewed_grant_is_kept) {
    struct browser ann = {0};
    char csrf[64], next[64];
    sign_in(&ann, 1, ANN);
    rotated(ann.session, next);
    strcpy(csrf, shown.session.csrf);
    web_session_renew(api, ann.session, "a renewed grant");
    loop_until(base, show(ann.session) == 0 && strcmp(shown.grant, "a renewed grant") == 0);
    ck_assert_str_eq(shown.account, ANN);
    ck_assert_str_eq(shown.session.csrf, csrf);
    ck_assert_int_eq(show(next), 0); /* not under this one's key */
    ck_assert_str_eq(shown.grant, fake_grant(id_of(ANN), "web"));
    web_session_renew(api, next, "another");
    loop_until(base, show(next) == 0 && strcmp(shown.grant, "another") == 0);
    ck_assert_int_eq(show(ann.session), 0); /* the one before, still good */
    ck_assert_str_eq(shown.grant, "a renewed grant");
    web_session_renew(api, "nobody's", "another");
    web_session_renew(api, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "another");
}
END_TEST

START_TEST(old_rows_are_dropped) {
    struct browser browsers[3] = {0};
    for (uint8_t i = 0; i < 3; i++)
        sign_in(&browsers[i], i, ANN);
    rig_stop();
    (void)postgres_sql("UPDATE web_sessions w SET %s FROM users u WHERE u.id = user_id AND "
                       "get_byte(subject_tag, 0) = 0",
                       "used_at = now() - interval '4 days'");
    (void)postgres_sql("UPDATE web_sessions w SET %s FROM users u WHERE u.id = user_id AND "
                       "get_byte(subject_tag, 0) = 1",
                       "created_at = now() - interval '31 days'");
    (void)postgres_sql("UPDATE sign_ins SET created_at = now() - interval '2 hours'");
    rig_start();
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM sign_ins"), "0") == 0);
    ck_sessions("1");
    ck_assert_int_eq(show(browsers[2].session), 0);
}
END_TEST

START_TEST(whoever_waits_is_told_when_all_ends) {
    memset(&shown, 0, sizeof(shown));
    web_session_show(api, "cookie", NULL, false, on_shown, NULL);
    web_session_renew(api, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "grant");
    begin(false);
    rig_stop();
    ck_assert_int_eq(shown.calls, 1);
    ck_assert_int_eq(shown.error, -EAGAIN);
    rig_start();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("web_session");
    TCase *cases = tcase_create("web_session");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, rig_setup, rig_teardown);
    tcase_add_test(cases, a_stolen_cookie_ends_with_logging_out);
    tcase_add_loop_test(cases, a_session_ends_by_age, 0, COUNT_OF(ages));
    tcase_add_test(cases, logging_out_everywhere);
    tcase_add_test(cases, only_so_many_sessions);
    tcase_add_test(cases, a_cookie_is_replaced_in_time);
    tcase_add_test(cases, a_replaced_cookie_that_is_used_again_ends_the_session);
    tcase_add_test(cases, a_cookie_that_never_arrived_is_made_anew);
    tcase_add_test(cases, of_two_pages_at_once_one_gets_the_next_cookie);
    tcase_add_test(cases, the_token_of_a_page_is_its_sessions);
    tcase_add_test(cases, the_database_alone_opens_nothing);
    tcase_add_test(cases, what_finds_a_session_does_not_open_it);
    tcase_add_test(cases, a_renewed_grant_is_kept);
    tcase_add_test(cases, old_rows_are_dropped);
    tcase_add_test(cases, whoever_waits_is_told_when_all_ends);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
