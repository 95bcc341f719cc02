/* Signing in on the web pages, with a real store and stand-ins for the rest. What attacks a browser
 * on its way is shown twice: refused, and succeeding once the rule that refuses it is taken away.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/sign_in_rig.h"

#define CALLBACK "https%3A%2F%2Fcloister.test%2Fconnect%2Fgoogle%2Fcallback"

/* ---- the story ---- */

START_TEST(somebody_signs_in) {
    struct browser browser = {0};
    go_to_google(&browser);
    static const char wanted[] =
        "https://accounts.test/auth?hl=en&client_id=id%20%26%20co&redirect_uri=" CALLBACK
        "&response_type=code&scope=openid%20email&state=";
    ck_assert_int_eq(strncmp(browser.location, wanted, strlen(wanted)), 0);
    ck_assert_ptr_nonnull(strstr(browser.location, "&code_challenge_method=S256"));
    ck_assert_ptr_null(strstr(browser.location, "prompt="));
    ck_assert_ptr_null(strstr(browser.location, "access_type="));
    ck_assert_ptr_null(strstr(browser.location, "include_granted_scopes="));
    char challenge[64], expected[64], nonce[64];
    parameter(browser.location, "code_challenge", challenge, sizeof(challenge));
    snprintf(expected, sizeof(expected), "challenge-of-%.8s", browser.state);
    ck_assert_str_eq(challenge, expected);
    parameter(browser.location, "nonce", nonce, sizeof(nonce));
    ck_assert_uint_eq(strlen(nonce), 32);

    come_back(&browser, "4/code", "");
    loop_until(base, fake_turn.running);
    ck_assert_int_eq(fake_turn.kind, CLOISTER__TURN_KIND__TURN_SIGN_IN);
    ck_assert_str_eq(fake_turn.origin, "connect");
    ck_assert_str_eq(fake_turn.user, "");
    ck_assert(id_valid(fake_turn.connection)); /* a cell of its own, and no connection */
    ck_assert_str_eq(fake_turn.state_connection, "");
    ck_assert_str_eq(fake_turn.code, "4/code");
    ck_assert_str_eq(fake_turn.state_token, browser.state);
    ck_assert_str_eq(fake_turn.redirect_uri, "https://cloister.test/connect/google/callback");
    turn_says(7, 32, ANN);
    arrive(&browser);

    ck_assert_int_eq(show(browser.session), 0);
    ck_assert_str_eq(shown.account, ANN);
    ck_assert_str_eq(shown.session.name, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
    ck_assert_str_eq(shown.grant, fake_grant(shown.session.user, "web"));
    ck_assert_str_eq(shown.session.cookie, "");
    ck_assert_uint_gt(shown.session.left_s, 2591000);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM users WHERE id = '%s' AND frontend = 'web'"
                                  " AND subject_tag = decode(repeat('07', 32), 'hex')",
                                  shown.session.user),
                     "1");

    char user[ID_LEN + 1];
    strcpy(user, shown.session.user);
    struct browser second = {0}, third = {0};
    sign_in(&second, 7, ANN);
    ck_assert_int_eq(show(second.session), 0);
    ck_assert_str_eq(shown.session.user, user); /* the same person, another session */
    ck_assert_str_ne(second.session, browser.session);
    sign_in(&third, 8, BOB);
    ck_assert_int_eq(show(third.session), 0);
    ck_assert_str_ne(shown.session.user, user);
    ck_assert_int_eq(show(browser.session), 0);
    ck_assert_str_eq(shown.account, ANN);
    ck_sessions("3");
}
END_TEST

/* Whose calendar it is may be another account by the owner's own act: signing in says no more of
 * it. */
START_TEST(signing_in_leaves_the_calendars_account) {
    struct browser browser = {0};
    sign_in(&browser, 7, ANN);
    ck_assert_str_eq(postgres_sql("UPDATE users SET subject_tag = decode(repeat('09', 32), 'hex')"
                                  " RETURNING 1"),
                     "1");
    struct browser again = {0};
    sign_in(&again, 7, ANN);
    ck_assert_str_eq(
        postgres_sql("SELECT encode(subject_tag, 'hex') = repeat('09', 32) FROM users"), "t");
}
END_TEST

START_TEST(google_asks_which_account_when_told_to) {
    begin(true);
    char prompt[32];
    parameter(redirect()->location, "prompt", prompt, sizeof(prompt));
    ck_assert_str_eq(prompt, "select_account");
}
END_TEST

/* ---- refusals ---- */

static const struct {
    const char *url;
    bool fine;
} public_urls[] = {{"http://cloister.test", false},   {"http://127.0.0.1.evil.test", false},
                   {"http://localhost.test/", false}, {"http://1270.0.0.1", false},
                   {"http://127.0.0.1:8420", true},   {"http://localhost:8420/", true},
                   {"http://[::1]:8420", true},       {"https://cloister.test", true},
                   {"http://10.0.0.1:8420", false}};

START_TEST(signing_in_needs_https) {
    rig_stop();
    setenv("CLOISTER_GATEWAY_PUBLIC_URL", public_urls[_i].url, 1);
    rig_start();
    unsetenv("CLOISTER_GATEWAY_PUBLIC_URL");
    begin(false);
    if (public_urls[_i].fine) {
        (void)redirect();
    } else {
        ck_failed(503, "sign_in_failed");
        ck_assert_ptr_nonnull(strstr(failure()->detail, "https"));
    }
}
END_TEST

START_TEST(signing_in_needs_a_google_client) {
    rig_stop();
    setenv("CLOISTER_GOOGLE_CLIENT_ID", "", 1);
    rig_start();
    unsetenv("CLOISTER_GOOGLE_CLIENT_ID");
    begin(false);
    ck_failed(503, "sign_in_failed");
    ck_assert_ptr_nonnull(strstr(failure()->detail, "client_id"));
}
END_TEST

START_TEST(google_may_say_no) {
    struct browser browser = {0};
    go_to_google(&browser);
    come_back(&browser, "", "access_denied");
    ck_failed(409, "sign_in_refused");
    ck_assert_str_eq(failure()->action_url, "https://cloister.test/");
    go_to_google(&browser);
    come_back(&browser, "", "server_error");
    ck_failed(502, "sign_in_failed");
    ck_assert_str_eq(failure()->action_url, "https://cloister.test/login");
    go_to_google(&browser);
    come_back(&browser, "", "");
    ck_failed(502, "sign_in_failed");
    ck_assert_uint_eq(fake_turn_count, 0);
    ck_sessions("0");
}
END_TEST

START_TEST(the_connect_cell_may_fail) {
    static const struct {
        size_t tag;
        const char *account;
    } wrong[] = {{31, ANN}, {0, ANN}, {33, ANN}, {32, ""}, {32, "a b@c"}, {32, "a\n@c"}};
    struct browser browser = {0};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        go_to_google(&browser);
        come_back(&browser, "c", "");
        turn_says(1, wrong[i].tag, wrong[i].account);
        ck_failed(502, "sign_in_failed");
    }
    go_to_google(&browser);
    come_back(&browser, "c", "");
    loop_until(base, fake_turn.running);
    Cloister__PutToken put = CLOISTER__PUT_TOKEN__INIT;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.call = 5;
    call.op_case = CLOISTER__HOST_CALL__OP_PUT_TOKEN;
    call.put_token = &put;
    fake_turn_host_call(&call); /* it is to keep no token */
    ck_assert_int_eq(fake_turn.reply_error, EPERM);
    fake_turn_error("google_unavailable", true);
    ck_failed(502, "google_unavailable");
    go_to_google(&browser);
    come_back(&browser, "c", "");
    loop_until(base, fake_turn.running);
    fake_turn_lost();
    ck_failed(502, "agent_lost");
    ck_assert_str_eq(failure()->action_url, "https://cloister.test/login");
    fake_turns_full = true;
    go_to_google(&browser);
    come_back(&browser, "c", "");
    ck_failed(503, "full");
    ck_sessions("0");
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM users"), "0");
}
END_TEST

START_TEST(what_is_away_is_said) {
    struct browser browser = {0};
    fake_keys_away = true;
    begin(false);
    ck_failed(503, "keys_unavailable");
    fake_keys_away = false;
    go_to_google(&browser);
    come_back(&browser, "c", "");
    loop_until(base, fake_turn.running);
    fake_keys_away = true;
    turn_says(1, 32, ANN);
    ck_failed(503, "keys_unavailable");
    fake_keys_away = false;
    sign_in(&browser, 1, ANN);
    postgres_kill();
    loop_until(base, !store_ready(store));
    begin(false);
    ck_failed(503, "database_unavailable");
    come_back(&browser, "c", "");
    ck_failed(503, "database_unavailable");
    ck_assert_int_eq(show(browser.session), -EAGAIN);
    session_show(browser.session);
    ck_failed(503, "database_unavailable");
    session_end(browser.session, true);
    ck_failed(503, "database_unavailable");
}
END_TEST

START_TEST(a_way_back_takes_ten_minutes_at_most) {
    struct browser browser = {0};
    go_to_google(&browser);
    (void)postgres_sql("UPDATE sign_ins SET created_at = now() - interval '599 seconds'");
    come_back(&browser, "", "access_denied");
    ck_failed(409, "sign_in_refused");
    go_to_google(&browser);
    (void)postgres_sql("UPDATE sign_ins SET created_at = now() - interval '601 seconds'");
    come_back(&browser, "c", "");
    ck_failed(410, "link_expired");
    strcpy(browser.state, "nonsense");
    come_back(&browser, "c", "");
    ck_failed(400, "link_invalid");
}
END_TEST

/* ---- attacks on signing in, and their controls ---- */

/* Whoever saw the address of the way back, with Google's answer in it, opens it again. */
START_TEST(a_way_back_is_taken_once) {
    struct browser browser = {0};
    sign_in(&browser, 1, ANN);
    come_back(&browser, "4/again", "");
    ck_failed(400, "link_invalid");
    ck_assert_uint_eq(fake_turn_count, 1);
    rule_taken_away = RULE_STATE_ONCE;
    come_back(&browser, "4/again", "");
    turn_says(2, 32, BOB);
    arrive(&browser);
    ck_assert_int_eq(show(browser.session), 0);
    ck_assert_str_eq(shown.account, BOB);
}
END_TEST

/* Login CSRF: the attacker begins, and has the victim's browser come back with the attacker's
 * answer, so that the victim works in the attacker's account. */
START_TEST(a_way_back_is_one_browsers) {
    struct browser attacker = {0}, victim = {0};
    go_to_google(&attacker);
    go_to_google(&victim);
    struct browser lured = victim;
    strcpy(lured.state, attacker.state);
    come_back(&lured, "4/attackers", "");
    ck_failed(403, "wrong_browser");
    lured.login[0] = '\0';
    come_back(&lured, "4/attackers", "");
    ck_failed(403, "wrong_browser");
    ck_assert_uint_eq(fake_turn_count, 0);
    rule_taken_away = RULE_STATE_BROWSER;
    come_back(&lured, "4/attackers", "");
    turn_says(66, 32, "attacker@evil.test");
    arrive(&lured);
    ck_assert_int_eq(show(lured.session), 0);
    ck_assert_str_eq(shown.account, "attacker@evil.test");
    rule_taken_away = RULES_COUNT; /* the refusals did not use the victim's own state up */
    come_back(&victim, "c", "");
    turn_says(1, 32, ANN);
    arrive(&victim);
}
END_TEST

/* Fixation: a cookie that the attacker knows is planted in the victim's browser, which then signs
 * in. Planted are a made-up one, and one of the attacker's own session. */
static void fixation(bool own_session, int expected) {
    struct browser attacker = {0}, victim = {0};
    static const char made_up[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    strcpy(attacker.session, made_up);
    if (own_session)
        sign_in(&attacker, 66, "attacker@evil.test");
    strcpy(victim.session, attacker.session);
    sign_in(&victim, 1, ANN);
    ck_assert_int_eq(show(attacker.session), expected);
    if (expected == 0)
        ck_assert_str_eq(shown.account, ANN);
    ck_assert_int_eq(show(victim.session), 0);
    ck_assert_str_eq(shown.account, ANN);
}

START_TEST(signing_in_makes_a_fresh_session) {
    fixation(_i == 1, -ENOENT);
    rule_taken_away = RULE_SESSION_FRESH;
    fixation(_i == 1, 0);
}
END_TEST

START_TEST(only_so_many_on_their_way) {
    struct browser early = {0}, late = {0};
    go_to_google(&early);
    (void)postgres_sql("INSERT INTO sign_ins SELECT sha256(n::text::bytea), sha256('c')"
                       " FROM generate_series(1, 8191) AS n");
    go_to_google(&late);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM sign_ins"), "8192");
    come_back(&late, "", "access_denied");
    ck_failed(409, "sign_in_refused");
    come_back(&early, "", "access_denied");
    ck_failed(400, "link_invalid");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sign_in");
    TCase *cases = tcase_create("sign_in");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, rig_setup, rig_teardown);
    tcase_add_test(cases, somebody_signs_in);
    tcase_add_test(cases, signing_in_leaves_the_calendars_account);
    tcase_add_test(cases, google_asks_which_account_when_told_to);
    tcase_add_loop_test(cases, signing_in_needs_https, 0, COUNT_OF(public_urls));
    tcase_add_test(cases, signing_in_needs_a_google_client);
    tcase_add_test(cases, google_may_say_no);
    tcase_add_test(cases, the_connect_cell_may_fail);
    tcase_add_test(cases, what_is_away_is_said);
    tcase_add_test(cases, a_way_back_takes_ten_minutes_at_most);
    tcase_add_test(cases, a_way_back_is_taken_once);
    tcase_add_test(cases, a_way_back_is_one_browsers);
    tcase_add_loop_test(cases, signing_in_makes_a_fresh_session, 0, 2);
    tcase_add_test(cases, only_so_many_on_their_way);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
