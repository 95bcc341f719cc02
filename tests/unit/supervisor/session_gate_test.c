/* Who is asking, before any handler: callers of every kind over a real channel to a gateway, with
 * handlers that write down whom they were told, and sessions that the test answers for. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/nng_end.h"
#include "supervisor/gateway.h"
#include "supervisor/web_sessions.h"
#include "tests/unit/store/loop.h"
#include "tests/unit/store/loose_rules.h"

#define COOKIE "cookie-of-ann"
#define CSRF   "token-of-ann"
#define NAME   "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"
#define GRANT  "cg1_grant-of-ann"

static struct event_base *base;
static struct gateway *gateway;
static char dir[64], path[80];

/* ---- sessions, as the test has them answered ---- */

static struct lookup {
    char cookie[160], csrf[160];
    bool asked_csrf;
    web_session_done *done;
    void *ctx;
} lookups[8];
static size_t n_lookups, lookups_made;
static bool hold, database_away;

static void answer_lookup(const struct lookup *lookup) {
    struct web_session session = {.name = NAME, .grant = GRANT, .account = "ann@example.test"};
    int error = database_away                                           ? -EAGAIN
                : strcmp(lookup->cookie, COOKIE) != 0                   ? -ENOENT
                : lookup->asked_csrf && strcmp(lookup->csrf, CSRF) != 0 ? -EACCES
                                                                        : 0;
    lookup->done(lookup->ctx, error, error == 0 ? &session : NULL);
}

static void answer_lookups(void) {
    size_t n = n_lookups;
    n_lookups = 0;
    for (size_t i = 0; i < n; i++)
        answer_lookup(&lookups[i]);
}

static void on_later(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what, (void)ctx;
    answer_lookups();
}

void web_session_show(struct api *api, const char *cookie, const char *csrf, bool rotate,
                      web_session_done *done, void *ctx) {
    struct timeval soon = {0, 1000};
    (void)api;
    ck_assert(!rotate);
    ck_assert_uint_lt(n_lookups, COUNT_OF(lookups));
    struct lookup *lookup = &lookups[n_lookups++];
    *lookup = (struct lookup){.asked_csrf = csrf != NULL, .done = done, .ctx = ctx};
    (void)snprintf(lookup->cookie, sizeof(lookup->cookie), "%s", cookie);
    (void)snprintf(lookup->csrf, sizeof(lookup->csrf), "%s", csrf != NULL ? csrf : "");
    lookups_made++;
    if (!hold)
        (void)event_base_once(base, -1, EV_TIMEOUT, on_later, NULL, &soon);
}

/* ---- handlers ---- */

static struct {
    unsigned calls, chats;
    uint32_t credit;
    char frontend[80], user[80], grant[80], session[80];
} handled;

static void note(const Cloister__Caller *caller) {
    handled.calls++;
    (void)snprintf(handled.frontend, sizeof(handled.frontend), "%s", caller->frontend);
    (void)snprintf(handled.user, sizeof(handled.user), "%s", caller->user);
    (void)snprintf(handled.grant, sizeof(handled.grant), "%s", caller->grant);
    (void)snprintf(handled.session, sizeof(handled.session), "%s", caller->session);
}

static void reply_ok(struct gateway_end *end, uint64_t request) {
    Cloister__Ok ok = CLOISTER__OK__INIT;
    ok.request = request;
    Cloister__Message message = MSG_OF(OK, ok, &ok);
    gateway_send(end, &message);
}

#define API(name, type)                                                                            \
    void api_##name(struct api *api, struct gateway_end *end, const Cloister__##type *request) {   \
        (void)api;                                                                                 \
        note(request->caller);                                                                     \
        reply_ok(end, request->request);                                                           \
    }
#define API_OF_ANYBODY(name, type)                                                                 \
    void api_##name(struct api *api, struct gateway_end *end, const Cloister__##type *request) {   \
        (void)api;                                                                                 \
        handled.calls++;                                                                           \
        reply_ok(end, request->request);                                                           \
    }
API(connect_link_create, ConnectLinkCreate)
API_OF_ANYBODY(connect_open, ConnectOpen)
API_OF_ANYBODY(connect_callback, ConnectCallback)
API_OF_ANYBODY(sign_in_begin, SignInBegin)
API(redeem, Redeem)
API(connection_get, ConnectionGet)
API(connection_delete, ConnectionDelete)
API(memory_list, MemoryList)
API(memory_put, MemoryPut)
API(memory_delete, MemoryDelete)
API(grants_revoke, GrantsRevoke)
API(session_show, SessionShow)
API(session_end, SessionEnd)

void chat_customer_begin(struct chats *chats, struct gateway_end *end, Cloister__Message *message) {
    (void)chats, (void)end, (void)message;
    ck_abort_msg("this is the owners' endpoint");
}

void api_business_call(struct api *api, struct gateway_end *end,
                       const Cloister__BusinessCall *request) {
    (void)api;
    gateway_fail(end, request->request, 418, "business_call", "", false);
}

void chat_begin(struct chats *chats, struct gateway_end *end, Cloister__Message *message) {
    SCOPE_MSG Cloister__Message *mine = message;
    (void)chats;
    note(mine->chat_request->caller);
    handled.chats++;
    handled.credit = mine->chat_request->credit;
    Cloister__ChatDone done = CLOISTER__CHAT_DONE__INIT;
    done.request = mine->chat_request->request;
    Cloister__Message reply = MSG_OF(CHAT_DONE, chat_done, &done);
    gateway_send(end, &reply);
}

void chat_session_delete(struct chats *chats, struct gateway_end *end, Cloister__Message *message) {
    SCOPE_MSG Cloister__Message *mine = message;
    (void)chats;
    note(mine->session_delete->caller);
    reply_ok(end, mine->session_delete->request);
}

void chat_abandon(struct chat *chat) {
    (void)chat;
    ck_abort();
}

void chat_credit(struct chat *chat, uint32_t bytes) {
    (void)chat, (void)bytes;
    ck_abort();
}

/* ---- the gateway's side ---- */

static struct {
    struct nng_end *end;
    bool up;
    unsigned downs, answers, failures;
    unsigned status;
    char code[64];
    uint64_t last;
} client;

static void say(Cloister__Message *message) {
    static uint8_t data[70000];
    ssize_t len = msg_encode(message, data, sizeof(data));
    ck_assert_int_gt(len, 0);
    ck_assert_int_eq(nng_end_send(client.end, data, (size_t)len), 0);
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    (void)ctx, (void)pid, (void)uid;
    return client.up = true;
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_GATEWAY, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *message = NULL;
    (void)ctx;
    ck_assert_int_eq(msg_decode(&peer, data, len, 0, &message), 0);
    client.answers++;
    client.last = message->ok->request; /* every reply begins with it */
    if (message->body_case != CLOISTER__MESSAGE__BODY_FAILURE)
        return;
    client.failures++;
    client.status = message->failure->status;
    (void)snprintf(client.code, sizeof(client.code), "%s", message->failure->code);
    ck_assert(message->failure->detail[0] != '\0');
}

static void on_down(void *ctx) {
    (void)ctx;
    client.up = false;
    client.downs++;
}

static const struct nng_end_ops client_ops = {on_up, on_message, on_down};

static void hello(const char *instance) {
    Cloister__GatewayHello body = CLOISTER__GATEWAY_HELLO__INIT;
    body.protocol = PROTOCOL_VERSION;
    body.instance = (char *)(uintptr_t)instance;
    Cloister__Message message = MSG_OF(GATEWAY_HELLO, gateway_hello, &body);
    say(&message);
}

static void setup(void) {
    log_open("test");
    memset(&client, 0, sizeof(client));
    memset(&handled, 0, sizeof(handled));
    n_lookups = lookups_made = 0;
    hold = database_away = false;
    rule_taken_away = RULES_COUNT;
    base = event_base_new();
    strcpy(dir, "/tmp/cloister-gate.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/gw.ipc", dir);
    struct gateway_setup listen = {.path = path, .uid = getuid(), .instance = "owner"};
    ck_assert_int_eq(gateway_new(base, &listen, &gateway), 0);
    ck_assert_int_eq(nng_end_dial(base, path, &client_ops, NULL, &client.end), 0);
    loop_until(base, client.up && gateway_connected(gateway));
    hello("owner");
}

static void teardown(void) {
    nng_end_close(client.end);
    gateway_free(gateway);
    answer_lookups(); /* late, to nobody */
    event_base_free(base);
    (void)unlink(path);
    (void)rmdir(dir);
}

/* ---- requests ---- */

static Cloister__Caller a_caller(const char *frontend, const char *user, const char *grant,
                                 const char *session, const char *csrf) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    caller.frontend = (char *)(uintptr_t)frontend;
    caller.user = (char *)(uintptr_t)user;
    caller.grant = (char *)(uintptr_t)grant;
    caller.session = (char *)(uintptr_t)session;
    caller.csrf = (char *)(uintptr_t)csrf;
    return caller;
}
#define FRONTEND      a_caller("app", "ann", "cg1_x", "", "")
#define BROWSER(csrf) a_caller("", "", "", COOKIE, csrf)

/* Every kind of request that somebody in particular makes, by its place in this table. */
#define REQUESTS(X)                                                                                \
    X(CHAT_REQUEST, chat_request, ChatRequest, CHAT_REQUEST, true)                                 \
    X(CONNECT_LINK_CREATE, connect_link_create, ConnectLinkCreate, CONNECT_LINK_CREATE, true)      \
    X(REDEEM, redeem, Redeem, REDEEM, true)                                                        \
    X(CONNECTION_DELETE, connection_delete, ConnectionDelete, CONNECTION_DELETE, true)             \
    X(SESSION_DELETE, session_delete, SessionDelete, SESSION_DELETE, true)                         \
    X(MEMORY_PUT, memory_put, MemoryPut, MEMORY_PUT, true)                                         \
    X(MEMORY_DELETE, memory_delete, MemoryDelete, MEMORY_DELETE, true)                             \
    X(GRANTS_REVOKE, grants_revoke, GrantsRevoke, GRANTS_REVOKE, true)                             \
    X(SESSION_END, session_end, SessionEnd, SESSION_END, true)                                     \
    X(CONNECTION_GET, connection_get, ConnectionGet, CONNECTION_GET, false)                        \
    X(MEMORY_LIST, memory_list, MemoryList, MEMORY_LIST, false)                                    \
    X(SESSION_SHOW, session_show, SessionShow, SESSION_SHOW, false)
enum {
#define X(CASE_, field, type, INIT, changes) AT_##CASE_,
    REQUESTS(X)
#undef X
        KINDS
};
static const bool changes_something[] = {
#define X(CASE_, field, type, INIT, changes) changes,
    REQUESTS(X)
#undef X
};

static void ask_only(int kind, uint64_t request, Cloister__Caller caller) {
#define X(CASE_, field, type, INIT, changes)                                                       \
    if (kind == AT_##CASE_) {                                                                      \
        Cloister__##type body = CLOISTER__##INIT##__INIT;                                          \
        body.request = request;                                                                    \
        body.caller = caller.base.descriptor != NULL ? &caller : NULL;                             \
        Cloister__Message message = MSG_OF(CASE_, field, &body);                                   \
        say(&message);                                                                             \
    }
    REQUESTS(X)
#undef X
}

/* Sends it and waits for its one answer. */
static void ask(int kind, Cloister__Caller caller) {
    static uint64_t last;
    unsigned answers = client.answers;
    client.code[0] = '\0';
    ask_only(kind, ++last, caller);
    loop_until(base, client.answers > answers);
    ck_assert_uint_eq(client.last, last);
    ck_assert_uint_eq(gateway_open_requests(gateway), 0);
}

#define ck_refused(want_status, want_code)                                                         \
    do {                                                                                           \
        ck_assert_str_eq(client.code, want_code);                                                  \
        ck_assert_uint_eq(client.status, want_status);                                             \
        ck_assert_uint_eq(handled.calls, 0);                                                       \
    } while (0)

/* ---- who passes ---- */

START_TEST(a_frontend_passes_as_it_is) {
    ask(_i, FRONTEND);
    ck_assert_str_eq(client.code, "");
    ck_assert_uint_eq(handled.calls, 1);
    ck_assert_str_eq(handled.frontend, "app");
    ck_assert_str_eq(handled.user, "ann");
    ck_assert_str_eq(handled.grant, "cg1_x");
    ck_assert_str_eq(handled.session, "");
    ck_assert_uint_eq(lookups_made, 0);
}
END_TEST

START_TEST(a_browser_is_whom_its_session_stands_for) {
    ask(_i, BROWSER(CSRF));
    ck_assert_str_eq(client.code, "");
    ck_assert_uint_eq(handled.calls, 1);
    ck_assert_str_eq(handled.frontend, "web");
    ck_assert_str_eq(handled.user, NAME);
    ck_assert_str_eq(handled.grant, GRANT);
    ck_assert_str_eq(handled.session, COOKIE);
}
END_TEST

START_TEST(anybody_may_begin) {
    Cloister__SignInBegin body = CLOISTER__SIGN_IN_BEGIN__INIT;
    body.request = 1;
    Cloister__Message message = MSG_OF(SIGN_IN_BEGIN, sign_in_begin, &body);
    say(&message);
    loop_until(base, client.answers == 1);
    ck_assert_uint_eq(handled.calls, 1);
    ck_assert_uint_eq(client.failures, 0);
}
END_TEST

/* ---- who does not ---- */

START_TEST(what_changes_something_carries_the_sessions_token) {
    ask(_i, BROWSER(""));
    if (!changes_something[_i]) {
        ck_assert_uint_eq(handled.calls, 1);
        return;
    }
    ck_refused(403, "csrf_invalid");
    ask(_i, BROWSER("another"));
    ck_refused(403, "csrf_invalid");
    rule_taken_away = RULE_SESSION_CSRF; /* a form on another site gets through */
    ask(_i, BROWSER(""));
    ck_assert_str_eq(client.code, "");
    ck_assert_uint_eq(handled.calls, 1);
    ck_assert_str_eq(handled.user, NAME);
}
END_TEST

START_TEST(a_cookie_that_is_nobodys) {
    ask(_i, a_caller("", "", "", "stolen-and-ended", CSRF));
    ck_refused(401, "session_invalid");
    database_away = true;
    ask(_i, BROWSER(CSRF));
    ck_refused(503, "database_unavailable");
}
END_TEST

START_TEST(nobody_speaks_as_the_web_pages) {
    ask(_i, a_caller("web", NAME, GRANT, "", ""));
    ck_refused(403, "not_allowed");
    ck_assert_uint_eq(lookups_made, 0);
}
END_TEST

START_TEST(a_caller_is_one_or_the_other) {
    static char text[300];
    memset(text, 'x', sizeof(text) - 1);
    const Cloister__Caller wrong[] = {
        a_caller("app", "", "", COOKIE, CSRF),    a_caller("", "ann", "", COOKIE, CSRF),
        a_caller("", "", "cg1_x", COOKIE, CSRF),  a_caller("web", NAME, "", COOKIE, CSRF),
        a_caller("app", "ann", "", COOKIE, CSRF), a_caller("", "", "", "", ""),
        a_caller("", "", "", "", CSRF),           a_caller("app", "ann", "", "", CSRF),
        a_caller("app", "", "", "", ""),          a_caller("", "ann", "", "", ""),
        a_caller("app", text, "", "", ""),        a_caller(text, "ann", "", "", ""),
        a_caller("", "", "", text, CSRF),         a_caller("", "", "", COOKIE, text),
        a_caller("app", "\xff", "", "", ""),      {.base = {0}}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ask(_i, wrong[i]);
        ck_refused(400, "invalid_field");
    }
    ck_assert_uint_eq(lookups_made, 0);
}
END_TEST

START_TEST(an_instance_is_heard_on_its_own_endpoint) {
    nng_end_drop(client.end);
    loop_until(base, client.downs == 1);
    loop_until(base, client.up && gateway_connected(gateway));
    hello("public");
    loop_until(base, client.downs == 2);
    loop_until(base, client.up && gateway_connected(gateway));
    hello("owner");
    ask(AT_CHAT_REQUEST, FRONTEND);
    ck_assert_uint_eq(handled.chats, 1);
}
END_TEST

/* ---- while it waits ---- */

static void cancel(uint64_t request) {
    Cloister__ChatCancel body = CLOISTER__CHAT_CANCEL__INIT;
    body.request = request;
    Cloister__Message message = MSG_OF(CHAT_CANCEL, chat_cancel, &body);
    say(&message);
}

START_TEST(a_cancel_that_comes_meanwhile_counts) {
    hold = true;
    ask_only(AT_CHAT_REQUEST, 1, BROWSER(CSRF));
    ask_only(AT_CHAT_REQUEST, 2, BROWSER(CSRF));
    loop_until(base, n_lookups == 2);
    cancel(1);
    loop_until(base, client.answers == 1);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_str_eq(client.code, "cancelled");
    cancel(1);
    cancel(9);
    answer_lookups();
    loop_until(base, client.answers == 2);
    ck_assert_uint_eq(client.last, 2);
    ck_assert_uint_eq(handled.chats, 1);
    ck_assert_uint_eq(gateway_open_requests(gateway), 0);
}
END_TEST

START_TEST(credit_that_comes_meanwhile_counts) {
    hold = true;
    ask_only(AT_CHAT_REQUEST, 1, BROWSER(CSRF));
    loop_until(base, n_lookups == 1);
    Cloister__ChatCredit body = CLOISTER__CHAT_CREDIT__INIT;
    body.request = 1;
    body.bytes = 77;
    Cloister__Message message = MSG_OF(CHAT_CREDIT, chat_credit, &body);
    say(&message);
    ask_only(AT_CONNECTION_GET, 2, FRONTEND); /* behind it */
    loop_until(base, client.answers == 1);
    answer_lookups();
    loop_until(base, client.answers == 2);
    ck_assert_uint_eq(handled.credit, 77);
}
END_TEST

START_TEST(a_gateway_that_goes_meanwhile) {
    hold = true;
    ask_only(AT_CHAT_REQUEST, 1, BROWSER(CSRF));
    ask_only(AT_SESSION_END, 2, BROWSER(CSRF));
    loop_until(base, n_lookups == 2);
    nng_end_drop(client.end);
    loop_until(base, client.downs == 1);
    loop_until(base, client.up && gateway_connected(gateway));
    answer_lookups();
    hello("owner");
    hold = false;
    ask_only(AT_MEMORY_LIST, 1, BROWSER("")); /* the same number, anew */
    loop_until(base, client.answers == 1);
    ck_assert_uint_eq(handled.calls, 1);
    ck_assert_uint_eq(handled.chats, 0);
}
END_TEST

START_TEST(the_end_of_all_meanwhile) {
    hold = true;
    ask_only(AT_CHAT_REQUEST, 1, BROWSER(CSRF));
    loop_until(base, n_lookups == 1);
    /* teardown answers when the gateway has been freed */
}
END_TEST

int main(void) {
    Suite *suite = suite_create("session_gate");
    TCase *cases = tcase_create("session_gate");
    tcase_set_timeout(cases, 30);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_loop_test(cases, a_frontend_passes_as_it_is, 0, KINDS);
    tcase_add_loop_test(cases, a_browser_is_whom_its_session_stands_for, 0, KINDS);
    tcase_add_test(cases, anybody_may_begin);
    tcase_add_loop_test(cases, what_changes_something_carries_the_sessions_token, 0, KINDS);
    tcase_add_loop_test(cases, a_cookie_that_is_nobodys, 0, KINDS);
    tcase_add_loop_test(cases, nobody_speaks_as_the_web_pages, 0, KINDS);
    tcase_add_loop_test(cases, a_caller_is_one_or_the_other, 0, KINDS);
    tcase_add_test(cases, an_instance_is_heard_on_its_own_endpoint);
    tcase_add_test(cases, a_cancel_that_comes_meanwhile_counts);
    tcase_add_test(cases, credit_that_comes_meanwhile_counts);
    tcase_add_test(cases, a_gateway_that_goes_meanwhile);
    tcase_add_test(cases, the_end_of_all_meanwhile);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
