#include "tests/unit/store/connecting.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/store/postgres.h"
#include "tests/unit/store/settings.h"

struct event_base *base;
struct store *store;
struct api *api;
uint64_t request;
const char *shown, *front;
bool switching;
char account[SUBJECT_TAG_LEN + 1];
struct browser browser;
static struct config *config;

void connecting_setup(void) {
    base = event_base_new();
    config = settings_load();
    fakes_reset(base);
    request = 0;
    shown = NULL;
    front = "app";
    switching = false;
    memset(account, 'a', SUBJECT_TAG_LEN);
    memset(&browser, 0, sizeof(browser));
    ck_assert_int_eq(store_new(base, config, &store), 0);
    connecting_begin();
    loop_until(base, store_ready(store));
}

void connecting_begin(void) {
    ck_assert_int_eq(api_new(base, config, store, fake_keys, fake_turns, &api), 0);
}

void connecting_teardown(void) {
    api_free(api);
    store_free(store);
    fakes_settle();
    config_free(config);
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

char *grant_shown(const char *frontend, const char *user) {
    static char grant[128];
    if (shown != NULL)
        return (char *)(uintptr_t)shown;
    const char *id =
        postgres_sql("SELECT id FROM users WHERE frontend = '%s' AND name = '%s'", frontend, user);
    snprintf(grant, sizeof(grant), "%s", fake_grant(id, frontend));
    return grant;
}

Cloister__Caller *caller(const char *frontend, const char *user) {
    static Cloister__Caller made;
    cloister__caller__init(&made);
    made.frontend = (char *)(uintptr_t)frontend;
    made.user = (char *)(uintptr_t)user;
    made.grant = grant_shown(frontend, user);
    made.session = browser.session;
    return &made;
}

void link_create(const char *user, const char *feature1, const char *feature2,
                 const char *return_to) {
    Cloister__ConnectLinkCreate body = CLOISTER__CONNECT_LINK_CREATE__INIT;
    char *features[] = {(char *)(uintptr_t)feature1, (char *)(uintptr_t)feature2};
    body.request = ++request;
    body.caller = caller(front, user);
    body.n_features = feature1 == NULL ? 0 : feature2 == NULL ? 1 : 2;
    body.features = features;
    body.return_to = (char *)(uintptr_t)return_to;
    body.switch_account = switching;
    api_connect_link_create(api, fake_end, &body);
}

void open_link(const char *link, const char *cookie) {
    Cloister__ConnectOpen body = CLOISTER__CONNECT_OPEN__INIT;
    body.request = ++request;
    body.link = (char *)(uintptr_t)link;
    body.cookie = (char *)(uintptr_t)cookie;
    api_connect_open(api, fake_end, &body);
}

void callback(const char *state, const char *code, const char *error, const char *cookie) {
    Cloister__ConnectCallback body = CLOISTER__CONNECT_CALLBACK__INIT;
    body.request = ++request;
    body.state_token = (char *)(uintptr_t)state;
    body.code = (char *)(uintptr_t)code;
    body.error = (char *)(uintptr_t)error;
    body.cookie = (char *)(uintptr_t)cookie;
    body.session = browser.session;
    body.login = "login cookie";
    api_connect_callback(api, fake_end, &body);
}

void redeem(const char *frontend, const char *user, const char *code) {
    Cloister__Redeem body = CLOISTER__REDEEM__INIT;
    body.request = ++request;
    body.caller = caller(frontend, user);
    body.code = (char *)(uintptr_t)code;
    api_redeem(api, fake_end, &body);
}

const Cloister__ConnectionState *connection(const char *user) {
    Cloister__ConnectionGet body = CLOISTER__CONNECTION_GET__INIT;
    body.request = ++request;
    body.caller = caller(front, user);
    api_connection_get(api, fake_end, &body);
    const Cloister__Message *message = answer();
    return message->body_case == CLOISTER__MESSAGE__BODY_CONNECTION_STATE
               ? message->connection_state
               : NULL;
}

void disconnect(const char *user) {
    Cloister__ConnectionDelete body = CLOISTER__CONNECTION_DELETE__INIT;
    body.request = ++request;
    body.caller = caller(front, user);
    api_connection_delete(api, fake_end, &body);
}

const Cloister__ConnectionDeleted *disconnected(void) {
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_CONNECTION_DELETED);
    return message->connection_deleted;
}

/* ---- the browser's side ---- */

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

void get_link(const char *user) {
    link_create(user, "events", "availability", "https://app.test/back?x=1");
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_CONNECT_LINK);
    ck_assert(strncmp(message->connect_link->url, "https://cloister.test/connect/", 30) == 0);
    ck_assert(llabs(message->connect_link->expires_at_ms - wall_ms() - 600000) < 5000);
    snprintf(browser.link, sizeof(browser.link), "%s", message->connect_link->url + 30);
    browser.cookie[0] = '\0';
}

void go_to_google(void) {
    open_link(browser.link, browser.cookie);
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_CONNECT_REDIRECT);
    snprintf(browser.cookie, sizeof(browser.cookie), "%s", message->connect_redirect->cookie);
    snprintf(browser.location, sizeof(browser.location), "%s", message->connect_redirect->location);
    parameter(browser.location, "state", browser.state, sizeof(browser.state));
    ck_assert_uint_eq(strlen(browser.cookie), 43);
}

void come_back(void) {
    callback(browser.state, "4/google+code", "", browser.cookie);
    loop_until(base, fake_turn.running);
    ck_assert_int_eq(fake_turn.kind, CLOISTER__TURN_KIND__TURN_CONNECT);
}

void put_token(const char *scope1, const char *scope2) {
    char *scopes[] = {(char *)(uintptr_t)scope1, (char *)(uintptr_t)scope2};
    Cloister__PutToken put = CLOISTER__PUT_TOKEN__INIT;
    put.refresh.data = (uint8_t *)(uintptr_t) "sealed refresh";
    put.refresh.len = 14;
    put.version = 1;
    put.subject_tag.data = (uint8_t *)account;
    put.subject_tag.len = strlen(account);
    put.n_scopes = scope2 == NULL ? 1 : 2;
    put.scopes = scopes;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.call = 7;
    call.op_case = CLOISTER__HOST_CALL__OP_PUT_TOKEN;
    call.put_token = &put;
    fake_turn.replied = 0;
    fake_turn_host_call(&call);
    loop_until(base, fake_turn.replied == 7);
}

void finish_turn(void) {
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    fake_turn_done(&done);
    const Cloister__Message *message = answer();
    ck_assert_int_eq(message->body_case, CLOISTER__MESSAGE__BODY_CONNECT_REDIRECT);
    snprintf(browser.location, sizeof(browser.location), "%s", message->connect_redirect->location);
    parameter(browser.location, "code", browser.code, sizeof(browser.code));
}

void consent(const char *user) {
    get_link(user);
    go_to_google();
    come_back();
    put_token(FREEBUSY, EVENTS);
    ck_assert_int_eq(fake_turn.reply_error, 0);
    finish_turn();
}

void connect_user(const char *user) {
    consent(user);
    redeem(front, user, browser.code);
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_REDEEMED);
}

void signed_in(const char *name) {
    (void)postgres_sql("INSERT INTO users (id, frontend, name, subject_tag) VALUES "
                       "(md5('%s'), 'web', '%s', convert_to('%s', 'UTF8'))",
                       name, name, account);
    front = "web";
    strcpy(browser.session, "session cookie");
    strcpy(fake_session.cookie, browser.session);
    snprintf(fake_session.name, sizeof(fake_session.name), "%s", name);
}
