#include "tests/unit/store/sign_in_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/settings.h"

struct event_base *base;
struct store *store;
struct api *api;
uint64_t request;
static struct config *config;

void rig_start(void) {
    config = settings_load();
    ck_assert_int_eq(store_new(base, config, &store), 0);
    ck_assert_int_eq(api_new(base, config, store, fake_keys, fake_turns, &api), 0);
    loop_until(base, store_ready(store));
}

void rig_stop(void) {
    api_free(api);
    store_free(store);
    fakes_settle();
    config_free(config);
}

void rig_setup(void) {
    base = event_base_new();
    fakes_reset(base);
    request = 0;
    rule_taken_away = RULES_COUNT;
    rig_start();
}

void rig_teardown(void) {
    rig_stop();
    event_base_free(base);
    fakes_reset(NULL);
    postgres_restart();
    postgres_clean();
}

/* ---- asking ---- */

const Cloister__Message *answer(void) {
    struct fake_answer *got = fake_answer(request);
    loop_until(base, got->count > 0);
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    ck_assert_uint_eq(got->count, 1); /* exactly once */
    return got->message;
}

const Cloister__Failure *failure(void) {
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_FAILURE);
    return message->failure;
}

const Cloister__ConnectRedirect *redirect(void) {
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_CONNECT_REDIRECT);
    return message->connect_redirect;
}

void parameter(const char *url, const char *name, char *out, size_t cap) {
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "%s=", name);
    const char *at = url;
    while ((at = strpbrk(at, "?&")) != NULL && strncmp(++at, wanted, strlen(wanted)) != 0)
        ;
    ck_assert_msg(at != NULL, "%s in %s", name, url);
    at += strlen(wanted);
    snprintf(out, cap, "%.*s", (int)strcspn(at, "&"), at);
}

void begin(bool choose) {
    Cloister__SignInBegin body = CLOISTER__SIGN_IN_BEGIN__INIT;
    body.request = ++request;
    body.choose_account = choose;
    api_sign_in_begin(api, fake_end, &body);
}

void go_to_google(struct browser *browser) {
    begin(false);
    const Cloister__ConnectRedirect *to = redirect();
    snprintf(browser->login, sizeof(browser->login), "%s", to->cookie);
    snprintf(browser->location, sizeof(browser->location), "%s", to->location);
    parameter(to->location, "state", browser->state, sizeof(browser->state));
    ck_assert_uint_eq(strlen(browser->login), 43);
}

void come_back(const struct browser *browser, const char *code, const char *error) {
    Cloister__ConnectCallback body = CLOISTER__CONNECT_CALLBACK__INIT;
    body.request = ++request;
    body.state_token = (char *)(uintptr_t)browser->state;
    body.code = (char *)(uintptr_t)code;
    body.error = (char *)(uintptr_t)error;
    body.login = (char *)(uintptr_t)browser->login;
    body.session = (char *)(uintptr_t)browser->session;
    api_sign_in_return(api, fake_end, &body);
}

void turn_says(uint8_t subject, size_t len, const char *account) {
    uint8_t tag[64];
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    memset(tag, subject, sizeof(tag));
    loop_until(base, fake_turn.running);
    done.subject_tag = (ProtobufCBinaryData){len, tag};
    done.account = (char *)(uintptr_t)account;
    fake_turn_done(&done);
}

void arrive(struct browser *browser) {
    const Cloister__ConnectRedirect *to = redirect();
    ck_assert_str_eq(to->location, "https://cloister.test/");
    ck_assert_uint_eq(strlen(to->session), 43);
    ck_assert_uint_eq(to->session_s, 2592000);
    snprintf(browser->session, sizeof(browser->session), "%s", to->session);
}

void sign_in(struct browser *browser, uint8_t subject, const char *account) {
    go_to_google(browser);
    come_back(browser, "4/code", "");
    turn_says(subject, 32, account);
    arrive(browser);
}

/* ---- what a cookie stands for ---- */

struct shown shown;

void on_shown(void *ctx, int error, const struct web_session *session) {
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

int show_with(const char *cookie, const char *csrf, bool rotate) {
    memset(&shown, 0, sizeof(shown));
    web_session_show(api, cookie, csrf, rotate, on_shown, NULL);
    ck_assert_int_eq(shown.calls, 0); /* never from inside the call */
    loop_until(base, shown.calls > 0);
    ck_assert_int_eq(shown.calls, 1);
    return shown.error;
}

int show(const char *cookie) {
    return show_with(cookie, NULL, false);
}

const char *id_of(const char *account) {
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

void session_show(const char *session) {
    Cloister__SessionShow body = CLOISTER__SESSION_SHOW__INIT;
    body.request = ++request;
    body.caller = browser_caller(session);
    api_session_show(api, fake_end, &body);
}

void session_end(const char *session, bool everywhere) {
    Cloister__SessionEnd body = CLOISTER__SESSION_END__INIT;
    body.request = ++request;
    body.caller = browser_caller(session);
    body.everywhere = everywhere;
    api_session_end(api, fake_end, &body);
}
