/* Who is asking: whose account, whose link, whose code. Each refusal by a rule
 * of rules.def has its control: without the rule the same attempt goes all the way. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/connecting.h"
#include "tests/unit/store/loose_rules.h"
#include "tests/unit/store/postgres.h"

#define OTHER_COOKIE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void setup(void) {
    rule_taken_away = RULES_COUNT;
    connecting_setup();
}

static void other_account(void) {
    memset(account, 'b', SUBJECT_TAG_LEN);
}

static bool is_redeemed(void) {
    return answer()->body_case == CLOISTER__MESSAGE__BODY_REDEEMED;
}

static bool is_redirected(void) {
    return answer()->body_case == CLOISTER__MESSAGE__BODY_CONNECT_REDIRECT;
}

static const char *pinned(void) {
    return postgres_sql("SELECT encode(subject_tag, 'escape') FROM users");
}

/* What the cell makes of the consent, and who gets it. */
static void keep(const char *user) {
    put_token(FREEBUSY, EVENTS);
    finish_turn();
    redeem("app", user, browser.code);
}

/* ---- links, states, codes ---- */

#define RULE_TEST(name, RULE)                                                                      \
    static bool try_##name(void);                                                                  \
    START_TEST(name) {                                                                             \
        ck_assert(!try_##name());                                                                  \
        teardown_and_again(RULE);                                                                  \
        ck_assert_msg(try_##name(), "the control");                                                \
    }                                                                                              \
    END_TEST                                                                                       \
    static bool try_##name(void)

static void teardown_and_again(enum rule rule) {
    connecting_teardown();
    connecting_setup();
    rule_taken_away = rule;
}

/* true: the attack went all the way. Otherwise it was refused as it should be. */
static bool refused(unsigned status, const char *code) {
    const Cloister__Message *message = answer();
    if (message->body_case != CLOISTER__MESSAGE__BODY_FAILURE)
        return false;
    ck_assert_str_eq(message->failure->code, code);
    ck_assert_uint_eq(message->failure->status, status);
    return true;
}

RULE_TEST(a_link_goes_on_in_its_browser_alone, RULE_LINK_BROWSER) {
    get_link("a");
    go_to_google();
    open_link(browser.link, OTHER_COOKIE);
    if (refused(403, "wrong_browser"))
        return false;
    strcpy(browser.cookie, answer()->connect_redirect->cookie);
    strcpy(browser.location, answer()->connect_redirect->location);
    char *state = strstr(browser.location, "&state=") + 7;
    snprintf(browser.state, sizeof(browser.state), "%.*s", (int)strcspn(state, "&"), state);
    other_account();
    come_back();
    keep("a");
    return is_redeemed() && strchr(pinned(), 'b') != NULL;
}

static bool comes_back_elsewhere(const char *cookie) {
    get_link("a");
    go_to_google();
    callback(browser.state, "4/code", "", cookie);
    loop_until(base, fake_turn.running || fake_answer(request)->count > 0);
    if (!fake_turn.running) {
        ck_failed(403, "wrong_browser");
        return false;
    }
    keep("a");
    return is_redeemed();
}

RULE_TEST(a_way_back_is_its_browsers, RULE_STATE_BROWSER) {
    return comes_back_elsewhere(OTHER_COOKIE);
}

RULE_TEST(a_way_back_needs_a_cookie, RULE_STATE_BROWSER) {
    return comes_back_elsewhere("");
}

RULE_TEST(a_way_back_is_taken_once, RULE_STATE_ONCE) {
    get_link("a");
    go_to_google();
    come_back();
    put_token(FREEBUSY, EVENTS);
    finish_turn();
    other_account(); /* a code of somebody else's, slipped in later */
    callback(browser.state, "4/another", "", browser.cookie);
    loop_until(base, fake_turn.running || fake_answer(request)->count > 0);
    if (!fake_turn.running) {
        ck_failed(400, "link_invalid");
        return false;
    }
    keep("a");
    return is_redeemed() && strchr(pinned(), 'b') != NULL;
}

RULE_TEST(a_code_is_its_users, RULE_CODE_OWNER) {
    consent("a");
    redeem("app", "mallory", browser.code);
    if (refused(400, "code_invalid")) {
        redeem("other", "a", browser.code);
        ck_assert(refused(400, "code_invalid"));
        redeem("app", "a", browser.code);
        ck_assert(is_redeemed());
        return false;
    }
    return is_redeemed() && strcmp(connection("mallory")->state, "active") == 0;
}

RULE_TEST(a_code_is_redeemed_once, RULE_CODE_ONCE) {
    consent("a");
    redeem("app", "a", browser.code);
    ck_assert(is_redeemed());
    redeem("app", "a", browser.code);
    if (refused(400, "code_invalid"))
        return false;
    return is_redeemed() && strcmp(answer()->redeemed->grant, grant_shown("app", "a")) == 0;
}

/* ---- whose Google account ---- */

static void consent_elsewhere(void) {
    other_account();
    get_link("a");
    go_to_google();
    come_back();
    put_token(FREEBUSY, EVENTS);
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    fake_turn_done(&done);
}

RULE_TEST(another_account_is_seen_at_the_way_back, RULE_SUBJECT_PINNED) {
    connect_user("a");
    ck_assert(strchr(pinned(), 'a') != NULL);
    consent_elsewhere();
    if (refused(409, "wrong_account")) {
        ck_assert_str_eq(failure()->action_url, "https://app.test/back?x=1&error=wrong_account");
        /* what was pending goes, the old connection stays */
        loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "1") == 0);
        ck_assert_str_eq(connection("a")->state, "active");
        ck_assert(strchr(pinned(), 'a') != NULL);
        return false;
    }
    char *code = strstr(answer()->connect_redirect->location, "code=") + 5;
    redeem("app", "a", code);
    return is_redeemed() && strchr(pinned(), 'b') != NULL;
}

RULE_TEST(of_two_accounts_at_once_the_first_is_kept, RULE_SUBJECT_PINNED) {
    char first[64];
    consent("a");
    strcpy(first, browser.code);
    other_account();
    consent("a"); /* nobody is pinned yet: both have a code */
    redeem("app", "a", first);
    ck_assert(is_redeemed());
    redeem("app", "a", browser.code);
    if (refused(409, "wrong_account")) {
        ck_assert(strchr(pinned(), 'a') != NULL);
        loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "1") == 0);
        return false;
    }
    return is_redeemed() && strchr(pinned(), 'b') != NULL;
}

RULE_TEST(the_account_stays_pinned_after_disconnecting, RULE_SUBJECT_PINNED) {
    connect_user("a");
    disconnect("a");
    loop_until(base, fake_turn.running);
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    fake_turn_done(&done);
    (void)disconnected();
    consent_elsewhere();
    return !refused(409, "wrong_account") && is_redirected();
}

START_TEST(the_owner_switches_accounts) {
    connect_user("a");
    char old[ID_LEN + 1];
    snprintf(old, sizeof(old), "%s", postgres_sql("SELECT id FROM connections"));
    other_account();
    switching = true;
    connect_user("a");
    ck_assert(strchr(pinned(), 'b') != NULL);
    loop_until(base, fake_turn.running); /* the old one is ended at Google, being another's */
    ck_assert_int_eq(fake_turn.kind, CLOISTER__TURN_KIND__TURN_REVOKE);
    ck_assert_str_eq(fake_turn.connection, old);
    ck_assert_str_eq(connection("a")->state, "active");
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.revoked = true;
    fake_turn_done(&done);
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "1") == 0);
    switching = false;
    unsigned turns = fake_turn_count;
    connect_user("a"); /* the new account is the pinned one now */
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "1") == 0);
    ck_assert_uint_eq(fake_turn_count, turns + 1); /* and its own earlier token is not revoked */
    memset(account, 'a', SUBJECT_TAG_LEN);
    get_link("a");
    go_to_google();
    come_back();
    put_token(FREEBUSY, EVENTS);
    fake_turn_done(&done);
    ck_failed(409, "wrong_account");
}
END_TEST

static void on_told(void *ctx, int error, bool revoked, const char *detail) {
    ck_assert(!revoked && (error == 0) == (detail[0] == '\0'));
    *(int *)ctx = error;
}

static int forget_account(const char *user) {
    int told = 1;
    api_forget_account(api, user, on_told, &told);
    loop_until(base, told != 1);
    return told;
}

/* Somebody has lost their account and their grant: an operator helps, and nobody else can. */
START_TEST(an_operator_forgets_an_account) {
    char user[ID_LEN + 1];
    unsigned epoch = fake_grant_epoch;
    connect_user("a");
    snprintf(user, sizeof(user), "%s", postgres_sql("SELECT id FROM users"));
    consent_elsewhere();
    ck_failed(409, "wrong_account");
    ck_assert_int_eq(forget_account("00000000000000000000000000000000"), -ENOENT);
    ck_assert_uint_eq(fake_grant_epoch, epoch);
    fake_keys_away = true; /* what is half done can be done again */
    ck_assert_int_eq(forget_account(user), -EAGAIN);
    fake_keys_away = false;
    ck_assert_int_eq(forget_account(user), 0);
    ck_assert_uint_eq(fake_grant_epoch, epoch + 1);
    connect_user("a");
    ck_assert(strchr(pinned(), 'b') != NULL);
}
END_TEST

START_TEST(nobodys_token_is_not_kept) {
    account[0] = '\0';
    get_link("a");
    go_to_google();
    come_back();
    put_token(FREEBUSY, EVENTS);
    ck_assert_int_eq(fake_turn.reply_error, EINVAL);
    fake_turn_error("connect_failed", true);
    ck_failed(502, "connect_failed");
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "0") == 0);
    ck_assert_uint_eq(fake_keys_count(), 0);
}
END_TEST

START_TEST(a_consent_to_nothing_is_said) {
    get_link("a");
    go_to_google();
    come_back();
    put_token("openid", "email");
    ck_assert_int_eq(fake_turn.reply_error, EINVAL);
    ck_assert_str_eq(
        postgres_sql("SELECT count(*) FROM connections WHERE sealed_refresh IS NOT NULL"), "0");
    if (_i == 0)
        fake_turn_error("connect_failed", true);
    else
        fake_turn_lost();
    ck_failed(409, "scopes_missing");
    ck_assert_str_eq(failure()->action_url, "https://app.test/back?x=1&error=access_denied");
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "0") == 0);
}
END_TEST

/* ---- the web pages ---- */

static const char *landed(const char *scope1, const char *scope2) {
    put_token(scope1, scope2);
    ck_assert_int_eq(fake_turn.reply_error, 0);
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    fake_turn_done(&done);
    ck_assert(is_redirected());
    return answer()->connect_redirect->location;
}

START_TEST(on_the_web_pages_no_code_is_needed) {
    signed_in("a");
    get_link("a");
    go_to_google();
    come_back();
    ck_assert_str_eq(landed(FREEBUSY, EVENTS), "https://cloister.test/?connected");
    fake_grant_epoch = 0;
    ck_assert_str_eq(postgres_sql("SELECT state FROM connections"), "active");
    ck_assert_str_eq(connection("a")->state, "active");
    get_link("a");
    go_to_google();
    come_back();
    ck_assert_str_eq(landed(FREEBUSY, NULL), "https://cloister.test/?missing=events");
}
END_TEST

START_TEST(gateways_redeem_nothing_for_the_web_pages) {
    consent("a");
    redeem("web", "a", browser.code);
    ck_failed(403, "not_allowed");
    redeem("app", "a", browser.code);
    ck_assert(is_redeemed());
}
END_TEST

START_TEST(a_code_of_the_web_pages_never_leaves) {
    signed_in("a");
    get_link("a");
    go_to_google();
    come_back();
    fake_keys_away = true; /* it fails after the code was made */
    put_token(FREEBUSY, EVENTS);
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    fake_turn_done(&done);
    ck_failed(503, "keys_unavailable");
    fake_keys_away = false;
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "0") == 0);
    get_link("a");
    go_to_google();
    come_back();
    ck_assert_str_eq(landed(FREEBUSY, EVENTS), "https://cloister.test/?connected");
}
END_TEST

START_TEST(an_account_of_the_web_pages_is_not_forgotten) {
    signed_in("a");
    char user[ID_LEN + 1];
    get_link("a");
    go_to_google();
    come_back();
    ck_assert_str_eq(landed(FREEBUSY, EVENTS), "https://cloister.test/?connected");
    snprintf(user, sizeof(user), "%s", postgres_sql("SELECT id FROM users"));
    ck_assert_uint_eq(strlen(user), ID_LEN);
    ck_assert_int_eq(forget_account(user), -ENOENT);
    ck_assert(strchr(pinned(), 'a') != NULL);
}
END_TEST

START_TEST(on_the_web_pages_the_account_is_who_signed_in) {
    signed_in("a");
    consent_elsewhere();
    ck_failed(409, "wrong_account");
    switching = true;
    get_link("a");
    go_to_google();
    come_back();
    ck_assert_str_eq(landed(FREEBUSY, EVENTS), "https://cloister.test/?connected");
}
END_TEST

static bool somebody_elses_link(unsigned status, const char *code) {
    get_link("a");
    go_to_google();
    callback(browser.state, "4/code", "", browser.cookie);
    loop_until(base, fake_turn.running || fake_answer(request)->count > 0);
    if (!fake_turn.running) {
        ck_failed(status, code);
        loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "0") == 0);
        return false;
    }
    return strcmp(landed(FREEBUSY, EVENTS), "https://cloister.test/?connected") == 0 &&
           strcmp(postgres_sql("SELECT name FROM users u JOIN connections c ON u.id = c.user_id"),
                  "a") == 0;
}

RULE_TEST(a_link_of_the_web_pages_is_its_makers, RULE_WEB_SAME_PERSON) {
    signed_in("a");
    strcpy(fake_session.name, "victim");
    return somebody_elses_link(403, "not_allowed");
}

RULE_TEST(a_link_of_the_web_pages_needs_a_session, RULE_WEB_SAME_PERSON) {
    signed_in("a");
    browser.session[0] = '\0';
    return somebody_elses_link(401, "session_invalid");
}

START_TEST(a_state_that_is_no_links_is_a_sign_ins) {
    callback(OTHER_COOKIE, "4/code", "", "");
    ck_failed(418, "sign_in");
    ck_assert_str_eq(failure()->detail, "login cookie");
    callback("nonsense", "4/code", "", "");
    ck_failed(400, "link_invalid");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("who");
    TCase *cases = tcase_create("who");
    tcase_add_checked_fixture(cases, setup, connecting_teardown);
    tcase_add_test(cases, a_link_goes_on_in_its_browser_alone);
    tcase_add_test(cases, a_way_back_is_its_browsers);
    tcase_add_test(cases, a_way_back_needs_a_cookie);
    tcase_add_test(cases, a_way_back_is_taken_once);
    tcase_add_test(cases, a_code_is_its_users);
    tcase_add_test(cases, a_code_is_redeemed_once);
    tcase_add_test(cases, another_account_is_seen_at_the_way_back);
    tcase_add_test(cases, of_two_accounts_at_once_the_first_is_kept);
    tcase_add_test(cases, the_account_stays_pinned_after_disconnecting);
    tcase_add_test(cases, the_owner_switches_accounts);
    tcase_add_test(cases, an_operator_forgets_an_account);
    tcase_add_test(cases, an_account_of_the_web_pages_is_not_forgotten);
    tcase_add_test(cases, nobodys_token_is_not_kept);
    tcase_add_loop_test(cases, a_consent_to_nothing_is_said, 0, 2);
    tcase_add_test(cases, on_the_web_pages_no_code_is_needed);
    tcase_add_test(cases, gateways_redeem_nothing_for_the_web_pages);
    tcase_add_test(cases, a_code_of_the_web_pages_never_leaves);
    tcase_add_test(cases, on_the_web_pages_the_account_is_who_signed_in);
    tcase_add_test(cases, a_link_of_the_web_pages_is_its_makers);
    tcase_add_test(cases, a_link_of_the_web_pages_needs_a_session);
    tcase_add_test(cases, a_state_that_is_no_links_is_a_sign_ins);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
