/* Signing in on the web pages and the sessions that come of it, with a real store and stand-ins for
 * the rest. What attacks a browser or a cookie is shown twice: refused, and succeeding once the
 * rule that refuses it is taken away. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/web_sessions.h"
#include "tests/unit/store/fakes.h"
#include "tests/unit/store/loop.h"
#include "tests/unit/store/loose_rules.h"
#include "tests/unit/store/postgres.h"
#include "tests/unit/store/settings.h"

#define CALLBACK "https%3A%2F%2Fcloister.test%2Fconnect%2Fgoogle%2Fcallback"
#define ANN      "ann@example.test"
#define BOB      "bob@example.test"

static struct event_base *base;
static struct config *config;
static struct store *store;
static struct api *api;
static uint64_t request;

static void start(void) {
    config = settings_load();
    ck_assert_int_eq(store_new(base, config, &store), 0);
    ck_assert_int_eq(api_new(base, config, store, fake_keys, fake_turns, &api), 0);
    loop_until(base, store_ready(store));
}

static void stop(void) {
    api_free(api);
    store_free(store);
    fakes_settle();
    config_free(config);
}

static void setup(void) {
    base = event_base_new();
    fakes_reset(base);
    request = 0;
    rule_taken_away = RULES_COUNT;
    start();
}

static void teardown(void) {
    stop();
    event_base_free(base);
    fakes_reset(NULL);
    postgres_restart();
    postgres_clean();
}

/* ---- asking ---- */

static const Cloister__Message *answer(void) {
    struct fake_answer *got = fake_answer(request);
    loop_until(base, got->count > 0);
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    ck_assert_uint_eq(got->count, 1); /* exactly once */
    return got->message;
}

static const Cloister__Failure *failure(void) {
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_FAILURE);
    return message->failure;
}

#define ck_failed(want_status, want_code)                                                          \
    do {                                                                                           \
        const Cloister__Failure *failed_ = failure();                                              \
        ck_assert_str_eq(failed_->code, want_code);                                                \
        ck_assert_uint_eq(failed_->status, want_status);                                           \
        ck_assert(failed_->detail[0] != '\0');                                                     \
    } while (0)

static const Cloister__ConnectRedirect *redirect(void) {
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_CONNECT_REDIRECT);
    return message->connect_redirect;
}

struct browser {
    char state[64], login[64], session[64], location[2048];
};

static void parameter(const char *url, const char *name, char *out, size_t cap) {
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "%s=", name);
    const char *at = url;
    while ((at = strpbrk(at, "?&")) != NULL && strncmp(++at, wanted, strlen(wanted)) != 0)
        ;
    ck_assert_msg(at != NULL, "%s in %s", name, url);
    at += strlen(wanted);
    snprintf(out, cap, "%.*s", (int)strcspn(at, "&"), at);
}

static void begin(bool choose) {
    Cloister__SignInBegin body = CLOISTER__SIGN_IN_BEGIN__INIT;
    body.request = ++request;
    body.choose_account = choose;
    api_sign_in_begin(api, fake_end, &body);
}

static void go_to_google(struct browser *browser) {
    begin(false);
    const Cloister__ConnectRedirect *to = redirect();
    snprintf(browser->login, sizeof(browser->login), "%s", to->cookie);
    snprintf(browser->location, sizeof(browser->location), "%s", to->location);
    parameter(to->location, "state", browser->state, sizeof(browser->state));
    ck_assert_uint_eq(strlen(browser->login), 43);
}

static void come_back(const struct browser *browser, const char *code, const char *error) {
    Cloister__ConnectCallback body = CLOISTER__CONNECT_CALLBACK__INIT;
    body.request = ++request;
    body.state_token = (char *)(uintptr_t)browser->state;
    body.code = (char *)(uintptr_t)code;
    body.error = (char *)(uintptr_t)error;
    body.login = (char *)(uintptr_t)browser->login;
    body.session = (char *)(uintptr_t)browser->session;
    api_sign_in_return(api, fake_end, &body);
}

static void turn_says(uint8_t subject, size_t len, const char *account) {
    uint8_t tag[64];
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    memset(tag, subject, sizeof(tag));
    loop_until(base, fake_turn.running);
    done.subject_tag = (ProtobufCBinaryData){len, tag};
    done.account = (char *)(uintptr_t)account;
    fake_turn_done(&done);
}

static void arrive(struct browser *browser) {
    const Cloister__ConnectRedirect *to = redirect();
    ck_assert_str_eq(to->location, "https://cloister.test/");
    ck_assert_uint_eq(strlen(to->session), 43);
    ck_assert_uint_eq(to->session_s, 2592000);
    snprintf(browser->session, sizeof(browser->session), "%s", to->session);
}

static void sign_in(struct browser *browser, uint8_t subject, const char *account) {
    go_to_google(browser);
    come_back(browser, "4/code", "");
    turn_says(subject, 32, account);
    arrive(browser);
}

/* ---- what a cookie stands for ---- */

static struct {
    int calls, error;
    struct web_session session;
    char grant[128], account[256];
} shown;

static void on_shown(void *ctx, int error, const struct web_session *session) {
    (void)ctx;
    shown.calls++;
    shown.error = error;
    ck_assert((session != NULL) == (error == 0));
    if (session == NULL)
        return;
    shown.session = *session;
    snprintf(shown.grant, sizeof(shown.grant), "%s", session->grant);
    snprintf(shown.account, sizeof(shown.account), "%s", session->account);
}

static int show_with(const char *cookie, const char *csrf, bool rotate) {
    memset(&shown, 0, sizeof(shown));
    web_session_show(api, cookie, csrf, rotate, on_shown, NULL);
    ck_assert_int_eq(shown.calls, 0); /* never from inside the call */
    loop_until(base, shown.calls > 0);
    ck_assert_int_eq(shown.calls, 1);
    return shown.error;
}

static int show(const char *cookie) {
    return show_with(cookie, NULL, false);
}

static const char *id_of(const char *account) {
    ck_assert_int_eq(strcmp(account, shown.account), 0);
    return shown.session.user;
}

static Cloister__Caller *browser_caller(const char *session) {
    static Cloister__Caller made;
    cloister__caller__init(&made);
    made.frontend = (char *)(uintptr_t) "web";
    made.session = (char *)(uintptr_t)session;
    return &made;
}

static void session_show(const char *session) {
    Cloister__SessionShow body = CLOISTER__SESSION_SHOW__INIT;
    body.request = ++request;
    body.caller = browser_caller(session);
    api_session_show(api, fake_end, &body);
}

static void session_end(const char *session, bool everywhere) {
    Cloister__SessionEnd body = CLOISTER__SESSION_END__INIT;
    body.request = ++request;
    body.caller = browser_caller(session);
    body.everywhere = everywhere;
    api_session_end(api, fake_end, &body);
}

#define ck_sessions(n) ck_assert_str_eq(postgres_sql("SELECT count(*) FROM web_sessions"), n)

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
    stop();
    setenv("CLOISTER_GATEWAY_PUBLIC_URL", public_urls[_i].url, 1);
    start();
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
    stop();
    setenv("CLOISTER_GOOGLE_CLIENT_ID", "", 1);
    start();
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

/* ---- the life of a session ---- */

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
    stop();
    (void)postgres_sql("UPDATE web_sessions w SET %s FROM users u WHERE u.id = user_id AND "
                       "get_byte(subject_tag, 0) = 0",
                       "used_at = now() - interval '4 days'");
    (void)postgres_sql("UPDATE web_sessions w SET %s FROM users u WHERE u.id = user_id AND "
                       "get_byte(subject_tag, 0) = 1",
                       "created_at = now() - interval '31 days'");
    (void)postgres_sql("UPDATE sign_ins SET created_at = now() - interval '2 hours'");
    start();
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
    stop();
    ck_assert_int_eq(shown.calls, 1);
    ck_assert_int_eq(shown.error, -EAGAIN);
    start();
}
END_TEST

int main(void) {
    postgres_start();
    Suite *suite = suite_create("sign_in");
    TCase *cases = tcase_create("sign_in");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, somebody_signs_in);
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
    tcase_add_test(cases, a_stolen_cookie_ends_with_logging_out);
    tcase_add_loop_test(cases, a_session_ends_by_age, 0, COUNT_OF(ages));
    tcase_add_test(cases, logging_out_everywhere);
    tcase_add_test(cases, only_so_many_sessions);
    tcase_add_test(cases, only_so_many_on_their_way);
    tcase_add_test(cases, a_cookie_is_replaced_in_time);
    tcase_add_test(cases, a_replaced_cookie_that_is_used_again_ends_the_session);
    tcase_add_test(cases, a_cookie_that_never_arrived_is_made_anew);
    tcase_add_test(cases, of_two_pages_at_once_one_gets_the_next_cookie);
    tcase_add_test(cases, the_token_of_a_page_is_its_sessions);
    tcase_add_test(cases, the_database_alone_opens_nothing);
    tcase_add_test(cases, a_renewed_grant_is_kept);
    tcase_add_test(cases, old_rows_are_dropped);
    tcase_add_test(cases, whoever_waits_is_told_when_all_ends);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* the server belongs to this process */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    postgres_remove();
    return failed == 0 ? 0 : 1;
}
