/* The story of a connection through the handlers, with a real store and stand-ins for the rest:
 * connect, redeem, see, disconnect; every refusal; every part failing on the way to a connection.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/connecting.h"
#include "tests/unit/store/postgres.h"

#define CALLBACK "https://cloister.test/connect/google/callback"

static const char *rows(const char *state) {
    return postgres_sql("SELECT count(*) FROM connections WHERE state = '%s'", state);
}

/* ---- the story ---- */

START_TEST(a_user_connects_and_disconnects) {
    get_link("zoë");
    go_to_google();
    static const char wanted[] =
        "https://accounts.test/auth?hl=en&client_id=id%20%26%20co&redirect_uri=https%3A%2F%2F"
        "cloister.test%2Fconnect%2Fgoogle%2Fcallback&response_type=code&scope=openid%20email%20"
        "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcalendar.freebusy%20"
        "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcalendar.events&state=";
    ck_assert_msg(strncmp(browser.location, wanted, strlen(wanted)) == 0, "%s", browser.location);
    ck_assert(strstr(browser.location, "&code_challenge=challenge-of-") != NULL);
    ck_assert(strstr(browser.location,
                     "&code_challenge_method=S256&access_type=offline&prompt=consent"
                     "&include_granted_scopes=true") != NULL);
    come_back();
    ck_assert_str_eq(fake_turn.origin, "connect");
    ck_assert_str_eq(fake_turn.user, "");
    ck_assert_str_eq(fake_turn.code, "4/google+code");
    ck_assert_str_eq(fake_turn.state_token, browser.state);
    ck_assert_str_eq(fake_turn.redirect_uri, CALLBACK);
    char pending[ID_LEN + 1], name[64];
    strcpy(pending, fake_turn.connection);
    snprintf(name, sizeof(name), "connection:%s", pending);
    ck_assert(fake_key_exists(name));
    ck_assert_str_eq(fake_key_user(pending), "");
    put_token(FREEBUSY, EVENTS);
    finish_turn();
    ck_assert(strncmp(browser.location, "https://app.test/back?x=1&code=", 31) == 0);
    ck_assert_ptr_null(connection("zoë")); /* not theirs yet */
    ck_failed(404, "unknown_user");

    redeem("app", "zoë", browser.code);
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_REDEEMED);
    ck_assert_str_eq(message->redeemed->grant,
                     fake_grant(postgres_sql("SELECT id FROM users"), "app"));
    ck_assert_uint_eq(message->redeemed->n_scopes, 2);
    ck_assert_str_eq(fake_key_user(pending), postgres_sql("SELECT id FROM users"));

    const Cloister__ConnectionState *state = connection("zoë");
    ck_assert_str_eq(state->state, "active");
    ck_assert_uint_eq(state->n_features, 2);
    ck_assert_uint_eq(state->n_missing, 0);

    disconnect("zoë");
    loop_until(base, fake_turn.running);
    ck_assert_int_eq(fake_turn.kind, CLOISTER__TURN_KIND__TURN_REVOKE);
    ck_assert_str_eq(fake_turn.origin, "owner");
    ck_assert_str_eq(fake_turn.refresh, "sealed refresh");
    ck_assert(fake_key_exists(name));
    ck_assert_uint_eq(fake_ended_count, 1);
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.revoked = true;
    fake_turn_done(&done);
    ck_assert(disconnected()->revoked);
    ck_assert_uint_eq(fake_ended_count, 2); /* the agent that asked Google, too */
    ck_assert(!fake_key_exists(name));
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connections"), "0");
    ck_assert_str_eq(connection("zoë")->state, "none");
    disconnect("zoë");
    ck_failed(404, "not_connected");
    disconnect("nobody");
    ck_failed(404, "unknown_user");
}
END_TEST

START_TEST(a_part_of_the_scopes_will_do) {
    get_link("a");
    go_to_google();
    come_back();
    put_token("openid", EVENTS);
    finish_turn();
    redeem("app", "a", browser.code);
    (void)answer();
    const Cloister__ConnectionState *state = connection("a");
    ck_assert_uint_eq(state->n_features, 1);
    ck_assert_str_eq(state->features[0], "events");
    ck_assert_uint_eq(state->n_missing, 1);
    ck_assert_str_eq(state->missing[0], "availability");
}
END_TEST

START_TEST(reconnecting_replaces_and_erases_the_old_key) {
    connect_user("a");
    char old[ID_LEN + 1], name[64];
    snprintf(old, sizeof(old), "%s", postgres_sql("SELECT id FROM connections"));
    snprintf(name, sizeof(name), "connection:%s", old);
    unsigned turns = fake_turn_count;
    connect_user("a");
    loop_until(base, !fake_key_exists(name));
    loop_until(base, strcmp(rows("discarded"), "0") == 0);
    ck_assert_str_eq(rows("active"), "1");
    ck_assert_uint_eq(fake_turn_count,
                      turns + 1); /* nothing was revoked: that ends the whole grant */
}
END_TEST

START_TEST(a_broken_connection_says_where_to_reconnect) {
    connect_user("a");
    (void)postgres_sql("UPDATE connections SET state = 'broken'");
    const Cloister__ConnectionState *state = connection("a");
    ck_assert_str_eq(state->state, "broken");
    ck_assert(strncmp(state->action_url, "https://cloister.test/connect/", 30) == 0);
    snprintf(browser.link, sizeof(browser.link), "%s", state->action_url + 30);
    browser.cookie[0] = '\0';
    go_to_google();
    come_back();
    put_token(FREEBUSY, EVENTS);
    finish_turn();
    redeem("app", "a", browser.code);
    (void)answer();
    ck_assert_str_eq(connection("a")->state, "active");
}
END_TEST

static char made_url[256];
static int made_calls;
static void on_made(void *ctx, const char *url) {
    (void)ctx;
    made_calls++;
    snprintf(made_url, sizeof(made_url), "%s", url);
}

START_TEST(no_connection_no_reconnect_address) {
    made_calls = 0;
    api_reconnect_url(api, "11111111111111111111111111111111", on_made, NULL);
    loop_until(base, made_calls == 1);
    ck_assert_str_eq(made_url, "");
}
END_TEST

/* ---- refusals ---- */

START_TEST(links_are_asked_for_in_form) {
    static const char *const bad[] = {
        "",           "ftp://app.test/",       "javascript:alert(1)",      "https://",
        "//app.test", "https://u@app.test/",   "https://app.test/#here",   "https://app.test/a b",
        "http://:80", "https://app.test/\r\n", "https://app.test/\xc3\xa4"};
    char large[1100], name[200];
    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    memcpy(large, "https://a.test/", 15);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        link_create("a", "events", NULL, bad[i]);
        ck_failed(400, "invalid_field");
    }
    link_create("a", "events", NULL, large);
    ck_failed(400, "invalid_field");
    link_create("a", NULL, NULL, "https://app.test/");
    ck_failed(400, "invalid_field");
    link_create("a", "events", "mail", "https://app.test/");
    ck_failed(400, "invalid_field");
    ck_assert(strstr(failure()->detail, "availability, events") != NULL);
    link_create("", "events", NULL, "https://app.test/");
    ck_failed(400, "invalid_field");
    link_create(name, "events", NULL, "https://app.test/");
    ck_failed(400, "invalid_field");
    link_create("a", "events", "events", "http://127.0.0.1:9/x");
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_CONNECT_LINK);
    ck_assert_str_eq(postgres_sql("SELECT array_to_string(features, ' ') FROM connect_links"),
                     "events");
}
END_TEST

START_TEST(a_link_is_one_browsers_and_one_use) {
    open_link("nonsense", "");
    ck_failed(400, "link_invalid");
    open_link("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "");
    ck_failed(400, "link_invalid");
    ck_assert_uint_eq(fake_keys_count(), 0); /* no key for what is no link */
    get_link("a");
    go_to_google();
    char first_state[64], cookie[64];
    strcpy(first_state, browser.state);
    strcpy(cookie, browser.cookie);
    open_link(browser.link, ""); /* another browser */
    ck_failed(403, "wrong_browser");
    open_link(browser.link, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    ck_failed(403, "wrong_browser");
    go_to_google(); /* the same again: begins anew, with another state and cookie */
    ck_assert_str_ne(first_state, browser.state);
    ck_assert_str_ne(cookie, browser.cookie);
    ck_assert_uint_eq(fake_keys_count(), 1);
    callback(first_state, "code", "", cookie);
    ck_failed(418, "sign_in"); /* it is void, and so may be anything */
    callback(browser.state, "code", "", "");
    ck_failed(403, "wrong_browser");
    callback(browser.state, "code", "", cookie);
    ck_failed(403, "wrong_browser");
    callback("x", "code", "", browser.cookie);
    ck_failed(400, "link_invalid");
    come_back();
    callback(browser.state, "code", "",
             browser.cookie); /* replayed, while the first is under way */
    ck_failed(400, "link_invalid");
    open_link(browser.link, browser.cookie);
    ck_failed(400, "link_invalid");
    ck_assert_uint_eq(fake_turn_count, 1);
}
END_TEST

START_TEST(links_states_and_codes_expire) {
    get_link("a");
    (void)postgres_sql("UPDATE connect_links SET expires_at = now()");
    open_link(browser.link, "");
    ck_failed(410, "link_expired");
    (void)postgres_sql("UPDATE connect_links SET expires_at = now() + interval '1 minute'");
    go_to_google();
    (void)postgres_sql("UPDATE connect_links SET state_expires_at = now()");
    callback(browser.state, "code", "", browser.cookie);
    ck_failed(410, "link_expired");
    (void)postgres_sql("UPDATE connect_links SET state_expires_at = now() + interval '1 minute'");
    come_back();
    put_token(FREEBUSY, EVENTS);
    finish_turn();
    (void)postgres_sql("UPDATE connect_links SET code_expires_at = now()");
    redeem("app", "a", browser.code);
    ck_failed(400, "code_invalid");
}
END_TEST

START_TEST(a_refused_consent_connects_nothing) {
    get_link("a");
    go_to_google();
    callback(browser.state, "", "access_denied", browser.cookie);
    ck_failed(409, "consent_refused");
    ck_assert_str_eq(failure()->action_url, "https://app.test/back?x=1&error=access_denied");
    callback(browser.state, "code", "", browser.cookie);
    ck_failed(400, "link_invalid");
    loop_until(base, fake_keys_count() == 0); /* its key goes as well */
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connections"), "0") == 0);
    get_link("a");
    go_to_google();
    callback(browser.state, "", "server_error<script>", browser.cookie);
    ck_failed(502, "connect_failed");
    ck_assert_ptr_null(strstr(failure()->action_url, "script"));
    ck_assert_uint_eq(fake_turn_count, 0);
}
END_TEST

START_TEST(a_code_is_one_users_and_one_use) {
    consent("a");
    redeem("other", "a", browser.code);
    ck_failed(400, "code_invalid");
    redeem("app", "b", browser.code);
    ck_failed(400, "code_invalid");
    redeem("app", "a", "nonsense");
    ck_failed(400, "code_invalid");
    redeem("app", "a", browser.link); /* a token of another kind */
    ck_failed(400, "code_invalid");
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM users"), "0");
    redeem("app", "a", browser.code);
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_REDEEMED);
    redeem("app", "a", browser.code);
    ck_failed(400, "code_invalid");
    consent("a");
    redeem("app", "a", browser.code);
    uint64_t first = request;
    redeem("app", "a", browser.code); /* two at once: one wins */
    (void)answer();
    loop_until(base, fake_answer(first)->count == 1);
    ck_assert_int_eq((fake_answer(first)->message->body_case == CLOISTER__MESSAGE__BODY_REDEEMED) +
                         (answer()->body_case == CLOISTER__MESSAGE__BODY_REDEEMED),
                     1);
}
END_TEST

/* ---- parts that fail ---- */

START_TEST(the_connect_cell_may_fail) {
    static const char *const codes[] = {"google_unavailable", "connect_failed", "made up"};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        get_link("a");
        go_to_google();
        come_back();
        fake_turn_error(codes[i], i == 0);
        if (i < 2)
            ck_failed(502, codes[i]);
        else
            ck_failed(500, "internal");
        ck_assert(failure()->retryable == (i == 0));
        ck_assert_str_eq(failure()->action_url, "https://app.test/back?x=1&error=connect_failed");
    }
    get_link("a");
    go_to_google();
    come_back();
    fake_turn_lost();
    ck_failed(502, "agent_lost");
    get_link("a");
    go_to_google();
    come_back();
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    fake_turn_done(&done); /* without a token */
    ck_failed(502, "connect_failed");
    get_link("a");
    go_to_google();
    fake_turns_full = true;
    callback(browser.state, "code", "", browser.cookie);
    ck_failed(503, "full");
    loop_until(base, fake_keys_count() == 0);
}
END_TEST

START_TEST(a_connect_cell_may_ask_for_its_token_only) {
    get_link("a");
    go_to_google();
    come_back();
    Cloister__MarkBroken mark = CLOISTER__MARK_BROKEN__INIT;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.call = 3;
    call.op_case = CLOISTER__HOST_CALL__OP_MARK_BROKEN;
    call.mark_broken = &mark;
    fake_turn_host_call(&call);
    ck_assert_uint_eq(fake_turn.replied, 3);
    ck_assert_int_eq(fake_turn.reply_error, EPERM);
    put_token(FREEBUSY, EVENTS);
    ck_assert_int_eq(fake_turn.reply_error, 0);
    put_token("openid", NULL); /* a second time */
    ck_assert_int_eq(fake_turn.reply_error, EPERM);
    finish_turn();
}
END_TEST

START_TEST(a_cell_lost_while_its_token_is_stored) {
    get_link("a");
    go_to_google();
    come_back();
    char *scopes[] = {EVENTS};
    Cloister__PutToken put = CLOISTER__PUT_TOKEN__INIT;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    put.subject_tag.data = (uint8_t *)account;
    put.subject_tag.len = SUBJECT_TAG_LEN;
    put.n_scopes = 1;
    put.scopes = scopes;
    put.refresh.data = (uint8_t *)(uintptr_t) "sealed";
    put.refresh.len = 6;
    call.call = 1;
    call.op_case = CLOISTER__HOST_CALL__OP_PUT_TOKEN;
    call.put_token = &put;
    fake_turn_host_call(&call);
    fake_turn_lost();
    ck_failed(502, "agent_lost");
    loop_until(base, fake_keys_count() == 0);
}
END_TEST

START_TEST(keys_away_is_said_and_leaves_the_link_usable) {
    get_link("a");
    fake_keys_away = true;
    open_link(browser.link, "");
    ck_failed(503, "keys_unavailable");
    ck_assert(failure()->retryable);
    fake_keys_away = false;
    go_to_google();
    come_back();
    put_token(FREEBUSY, EVENTS);
    finish_turn();
    fake_keys_away = true;
    redeem("app", "a", browser.code);
    ck_failed(503, "keys_unavailable");
    fake_keys_away = false;
    redeem("app", "a", browser.code);
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_REDEEMED);
}
END_TEST

START_TEST(without_a_database_everything_says_so) {
    connect_user("a");
    static char grant[128];
    snprintf(grant, sizeof(grant), "%s", grant_shown("app", "a"));
    shown = grant; /* there is nobody to be asked */
    postgres_kill();
    loop_until(base, !store_ready(store));
    link_create("a", "events", NULL, "https://app.test/");
    ck_failed(503, "database_unavailable");
    open_link(browser.link, browser.cookie);
    ck_failed(503, "database_unavailable");
    callback(browser.state, "c", "", browser.cookie);
    ck_failed(503, "database_unavailable");
    redeem("app", "a", browser.code);
    ck_failed(503, "database_unavailable");
    ck_assert_ptr_null(connection("a"));
    ck_failed(503, "database_unavailable");
    disconnect("a");
    ck_failed(503, "database_unavailable");
    postgres_restart();
    loop_until(base, store_ready(store));
    ck_assert_str_eq(connection("a")->state, "active");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("api");
    TCase *cases = tcase_create("api");
    tcase_add_checked_fixture(cases, connecting_setup, connecting_teardown);
    tcase_add_test(cases, a_user_connects_and_disconnects);
    tcase_add_test(cases, a_part_of_the_scopes_will_do);
    tcase_add_test(cases, reconnecting_replaces_and_erases_the_old_key);
    tcase_add_test(cases, a_broken_connection_says_where_to_reconnect);
    tcase_add_test(cases, no_connection_no_reconnect_address);
    tcase_add_test(cases, links_are_asked_for_in_form);
    tcase_add_test(cases, a_link_is_one_browsers_and_one_use);
    tcase_add_test(cases, links_states_and_codes_expire);
    tcase_add_test(cases, a_refused_consent_connects_nothing);
    tcase_add_test(cases, a_code_is_one_users_and_one_use);
    tcase_add_test(cases, the_connect_cell_may_fail);
    tcase_add_test(cases, a_connect_cell_may_ask_for_its_token_only);
    tcase_add_test(cases, a_cell_lost_while_its_token_is_stored);
    tcase_add_test(cases, keys_away_is_said_and_leaves_the_link_usable);
    tcase_add_test(cases, without_a_database_everything_says_so);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
