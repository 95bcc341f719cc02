/* Gateways and chats over a real channel, with the fake agent behind and a database that is told
 * what to answer. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ipc/nng_end.h"
#include "rig.h"
#include "supervisor/admit.h"
#include "supervisor/chat.h"
#include "supervisor/gateway.h"
#include "supervisor/store_connect.h"
#include "supervisor/web_sessions.h"

#define CONN "cccccccccccccccccccccccccccccccc"

static struct rig rig;
static struct sessions *sessions;
static struct chats *chats;
static struct gateway *gateway;

/* ---- the client: a gateway ---- */

static struct client {
    struct nng_end *end;
    bool up;
    unsigned downs, accepted, tools, done, failures, oks, healths;
    char text[8192], code[64], detail[256], action_url[64];
    unsigned status;
    bool retryable, unknown_writes, ready;
    uint64_t last;
} client;

static void say(Cloister__Message *message) {
    uint8_t data[70000];
    ssize_t len = msg_encode(message, data, sizeof(data));
    ck_assert_int_gt(len, 0);
    ck_assert_int_eq(nng_end_send(client.end, data, (size_t)len), 0);
}

static void send_hello(void) {
    Cloister__GatewayHello hello = CLOISTER__GATEWAY_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.instance = "owner";
    Cloister__Message message = MSG_OF(GATEWAY_HELLO, gateway_hello, &hello);
    say(&message);
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    (void)ctx, (void)pid, (void)uid;
    client.up = true;
    return true;
}

static void take_failure(const Cloister__Failure *failure) {
    client.failures++;
    client.status = failure->status;
    client.retryable = failure->retryable;
    client.unknown_writes = failure->unknown_writes;
    client.last = failure->request;
    (void)snprintf(client.code, sizeof(client.code), "%s", failure->code);
    (void)snprintf(client.detail, sizeof(client.detail), "%s", failure->detail);
    (void)snprintf(client.action_url, sizeof(client.action_url), "%s", failure->action_url);
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    (void)ctx;
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_GATEWAY, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *message = NULL;
    ck_assert_int_eq(msg_decode(&peer, data, len, 0, &message), 0);
    if (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_ACCEPTED)
        client.accepted++;
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_DELTA)
        strncat(client.text, message->chat_delta->text,
                sizeof(client.text) - strlen(client.text) - 1);
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_TOOL)
        client.tools++;
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_DONE)
        client.done++;
    else if (message->body_case == CLOISTER__MESSAGE__BODY_OK)
        client.oks++;
    else if (message->body_case == CLOISTER__MESSAGE__BODY_FAILURE)
        take_failure(message->failure);
    else if (message->body_case == CLOISTER__MESSAGE__BODY_HEALTH) {
        client.healths++;
        client.ready = message->health->ready;
    }
}

static void on_down(void *ctx) {
    (void)ctx;
    client.up = false;
    client.downs++;
}

static const struct nng_end_ops client_ops = {on_up, on_message, on_down};

/* ---- the database and the API that the chats see ---- */

static struct {
    int error;
    const char *state;
    bool repeated, hold;
    unsigned sessions, preferences, broken;
    uint8_t key[IDEMPOTENCY_LEN];
    bool has_key;
    struct lookup {
        store_session_done *done;
        void *ctx;
    } held[8];
    size_t n_held;
    store_done *pending;
    void *pending_ctx;
    const char *connected; /* the connection that is the user's now */
    store_connection_done *asked_which;
    void *which_ctx;
} db;

static struct event *db_event;

static void answer_admission(void);

static void answer_lookups(void) {
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    state.token_version = 5;
    state.refresh = (ProtobufCBinaryData){4, (uint8_t *)"seal"};
    struct store_session session = {.state = &state, .repeated = db.repeated};
    strcpy(session.user, USER_A);
    strcpy(session.connection, strcmp(db.state, "none") == 0 ? "" : CONN);
    strcpy(session.connection_state, db.state);
    size_t n = db.n_held;
    db.n_held = 0;
    for (size_t i = 0; i < n; i++)
        db.held[i].done(db.held[i].ctx, db.error, db.error == 0 ? &session : NULL);
    if (db.pending != NULL)
        (take_ptr(db.pending))(db.pending_ctx, 0);
    if (db.asked_which == NULL)
        return;
    struct store_connection row = {.scopes = "", .features = ""};
    strcpy(row.id, db.connected);
    strcpy(row.state, db.state);
    (take_ptr(db.asked_which))(db.which_ctx, db.error, db.error == 0 ? &row : NULL);
}

static void on_db(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what, (void)ctx;
    answer_admission();
    answer_lookups();
}

void store_session(struct store *store, const char *frontend, const char *name,
                   const uint8_t *idempotency, store_session_done *done, void *ctx) {
    (void)store, (void)frontend, (void)name;
    db.sessions++;
    db.has_key = idempotency != NULL;
    if (db.has_key)
        memcpy(db.key, idempotency, sizeof(db.key));
    ck_assert_uint_lt(db.n_held, COUNT_OF(db.held));
    db.held[db.n_held++] = (struct lookup){done, ctx};
    if (!db.hold)
        event_active(db_event, EV_TIMEOUT, 0);
}

void store_connection_get(struct store *store, const char *user, store_connection_done *done,
                          void *ctx) {
    (void)store;
    ck_assert_str_eq(user, USER_A);
    db.asked_which = done;
    db.which_ctx = ctx;
    if (!db.hold)
        event_active(db_event, EV_TIMEOUT, 0);
}

static void later(store_done *done, void *ctx) {
    db.pending = done;
    db.pending_ctx = ctx;
    if (!db.hold)
        event_active(db_event, EV_TIMEOUT, 0);
}

void store_put_preference(struct store *store, const char *user, const Cloister__PutPreference *put,
                          store_done *done, void *ctx) {
    (void)store, (void)put;
    ck_assert_str_eq(user, USER_A);
    db.preferences++;
    later(done, ctx);
}

void store_delete_preference(struct store *store, const char *user, const char *id,
                             store_done *done, void *ctx) {
    (void)store, (void)user, (void)id;
    later(done, ctx);
}

void store_mark_broken(struct store *store, const char *connection, store_done *done, void *ctx) {
    (void)store, (void)connection;
    db.broken++;
    later(done, ctx);
}

static unsigned reconnects;

void api_reconnect_url(struct api *api, const char *user, void (*made)(void *ctx, const char *url),
                       void *ctx) {
    (void)api;
    ck_assert_str_eq(user, USER_A);
    reconnects++;
    made(ctx, "http://reconnect");
}

static char regrant_frontend[65];

void api_regrant_url(struct api *api, const char *frontend, const char *user,
                     void (*made)(void *ctx, const char *url), void *ctx) {
    (void)snprintf(regrant_frontend, sizeof(regrant_frontend), "%s", frontend);
    api_reconnect_url(api, user, made, ctx);
}

/* Admission: what the test says, given like the database's answers. */
static struct {
    const struct turn_failure *refused;
    const char *action_url, *renewed;
    unsigned asked;
    char frontend[65], user[65], grant[65];
    admit_done *done;
    void *ctx;
} admissions;

static void answer_admission(void) {
    bool good = admissions.refused == NULL;
    struct admission admission = {admissions.refused, admissions.action_url, good ? USER_A : "",
                                  good ? admissions.renewed : ""};
    if (admissions.done != NULL)
        (take_ptr(admissions.done))(admissions.ctx, &admission);
}

void api_admit(struct api *api, const Cloister__Caller *caller, admit_done *done, void *ctx) {
    (void)api;
    admissions.asked++;
    (void)snprintf(admissions.frontend, sizeof(admissions.frontend), "%s", caller->frontend);
    (void)snprintf(admissions.user, sizeof(admissions.user), "%s", caller->user);
    (void)snprintf(admissions.grant, sizeof(admissions.grant), "%s", caller->grant);
    admissions.done = done;
    admissions.ctx = ctx;
    if (!db.hold)
        event_active(db_event, EV_TIMEOUT, 0);
}

static struct {
    unsigned calls;
    char grant[80], session[64];
} renewed;

void grant_renewed(struct api *api, struct gateway_end *end, uint64_t request,
                   const Cloister__Caller *caller, const char *grant) {
    (void)api, (void)end, (void)request;
    renewed.calls++;
    ck_assert_uint_eq(client.done + client.oks + client.failures, 0); /* before the last word */
    (void)snprintf(renewed.grant, sizeof(renewed.grant), "%s", grant);
    (void)snprintf(renewed.session, sizeof(renewed.session), "%s", caller->session);
}

#define API_FAKE(name, type)                                                                       \
    void api_##name(struct api *api, struct gateway_end *end, const Cloister__##type *request) {   \
        (void)api;                                                                                 \
        gateway_fail(end, request->request, 418, #name, "", false);                                \
    }
API_FAKE(connect_link_create, ConnectLinkCreate)
API_FAKE(connect_open, ConnectOpen)
API_FAKE(connect_callback, ConnectCallback)
API_FAKE(redeem, Redeem)
API_FAKE(connection_get, ConnectionGet)
API_FAKE(connection_delete, ConnectionDelete)
API_FAKE(memory_list, MemoryList)
API_FAKE(memory_delete, MemoryDelete)
API_FAKE(grants_revoke, GrantsRevoke)
API_FAKE(sign_in_begin, SignInBegin)
API_FAKE(session_show, SessionShow)
API_FAKE(session_end, SessionEnd)

/* One session is known; more of them in session_gate_test.c. */
void web_session_show(struct api *api, const char *cookie, const char *csrf, bool rotate,
                      web_session_done *done, void *ctx) {
    (void)api, (void)csrf, (void)rotate;
    struct web_session session = {.grant = "grant of the session", .account = "", .name = "name"};
    bool known = strcmp(cookie, "the session cookie") == 0;
    done(ctx, known ? 0 : -ENOENT, known ? &session : NULL);
}

/* ---- requests ---- */

static const char *shown_grant, *shown_session;

static void chat(uint64_t request, const char *message, const char *conversation, uint32_t credit) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    bool browser = shown_session[0] != '\0';
    caller.session = (char *)shown_session;
    caller.frontend = browser ? "" : "app";
    caller.user = browser ? "" : "ann";
    caller.grant = browser ? "" : (char *)shown_grant;
    Cloister__ChatRequest ask = CLOISTER__CHAT_REQUEST__INIT;
    ask.request = request;
    ask.caller = &caller;
    ask.message = (char *)message;
    ask.conversation = (char *)conversation;
    ask.credit = credit;
    ask.idempotency_key = "key-1";
    Cloister__Message out = MSG_OF(CHAT_REQUEST, chat_request, &ask);
    say(&out);
}

static size_t unready(void *ctx, const char **reasons, size_t max) {
    (void)ctx, (void)max;
    reasons[0] = "database";
    return 1;
}

static bool is_up(void *ctx) {
    return client.up && gateway_connected(ctx);
}

static void setup(void) {
    rig_prepare(&rig, "normal");
    rig_start(&rig);
    memset(&client, 0, sizeof(client));
    memset(&db, 0, sizeof(db));
    memset(&admissions, 0, sizeof(admissions));
    memset(&renewed, 0, sizeof(renewed));
    memset(regrant_frontend, 0, sizeof(regrant_frontend));
    reconnects = 0;
    shown_grant = "grant of ann";
    shown_session = "";
    admissions.action_url = admissions.renewed = "";
    db.state = "active";
    db.connected = CONN;
    db_event = evtimer_new(rig.base, on_db, NULL);
    struct sessions_limits limits = {60000, 1024, 1024, 8, 1 << 20};
    ck_assert_int_eq(sessions_new(rig.base, &limits, &sessions), 0);
    struct chats_setup with = {NULL, NULL, rig.turns, sessions};
    ck_assert_int_eq(chats_new(&with, &chats), 0);
    static char path[80];
    (void)snprintf(path, sizeof(path), "%s/gw.ipc", rig.dir);
    struct gateway_setup listen = {
        .path = path, .uid = getuid(), .instance = "owner", .chats = chats, .unready = unready};
    ck_assert_int_eq(gateway_new(rig.base, &listen, &gateway), 0);
    ck_assert_int_eq(nng_end_dial(rig.base, path, &client_ops, NULL, &client.end), 0);
    rig_until(&rig, is_up, gateway);
    send_hello();
}

static void teardown(void) {
    nng_end_close(client.end);
    gateway_free(gateway);
    turns_free(rig.turns);
    rig.turns = NULL;
    answer_admission();
    if (db.n_held > 0)
        answer_lookups();
    chats_free(chats);
    sessions_free(sessions);
    event_free(db_event);
    rig_stop(&rig);
}

static bool ended(void *ctx) {
    return client.done + client.failures + client.oks + client.healths >= *(unsigned *)ctx;
}

static void until_ended(unsigned n) {
    rig_until(&rig, ended, &n);
}

START_TEST(chat_answers_and_remembers) {
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(client.accepted, 1);
    ck_assert_uint_eq(client.done, 1);
    ck_assert_str_eq(client.text, "hello");
    ck_assert_uint_eq(sessions_notes(sessions, USER_A, "owner", "default", CONN).len, 5);
    chat(2, "recall", "", 1000);
    until_ended(2);
    ck_assert_str_eq(client.text, "hellonoted");
    chat(3, "recall", "elsewhere", 1000);
    until_ended(3);
    ck_assert_str_eq(client.text, "hellonoted");
    ck_assert(db.has_key);
    Cloister__Caller other = CLOISTER__CALLER__INIT;
    other.frontend = "app";
    other.user = "bob";
    uint8_t key[IDEMPOTENCY_LEN];
    chat_idempotency(&other, "key-1", key);
    ck_assert_mem_ne(key, db.key, sizeof(key));
    other.user = "ann";
    chat_idempotency(&other, "key-1", key);
    ck_assert_mem_eq(key, db.key, sizeof(key));
}
END_TEST

START_TEST(credit_flows_to_the_turn) {
    chat(1, "fill", "", 100);
    while (strlen(client.text) < 100)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    Cloister__ChatCredit credit = CLOISTER__CHAT_CREDIT__INIT;
    credit.request = 1;
    credit.bytes = 100;
    Cloister__Message message = MSG_OF(CHAT_CREDIT, chat_credit, &credit);
    say(&message);
    until_ended(1);
    ck_assert_str_eq(client.text + 100, "more");
}
END_TEST

START_TEST(refusals_say_what_to_do) {
    static const struct {
        int error;
        const char *state, *code;
        unsigned status;
    } rows[] = {
        {-ENOENT, "active", "unknown_user", 404}, {-EAGAIN, "active", "database_unavailable", 503},
        {-EIO, "active", "internal", 500},        {0, "none", "not_connected", 409},
        {0, "broken", "reconnect_required", 409}, {0, "disconnecting", "disconnected", 409}};
    db.error = rows[_i].error;
    db.state = rows[_i].state;
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.code, rows[_i].code);
    ck_assert_uint_eq(client.status, rows[_i].status);
    if (_i == 4)
        ck_assert_str_eq(client.action_url, "http://reconnect");
    ck_assert_uint_gt(strlen(client.detail), 0);
    ck_assert_uint_eq(gateway_open_requests(gateway), 0);
}
END_TEST

START_TEST(turn_errors_have_a_status) {
    chat(1, "error google_rate_limited", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(client.status, 503);
    chat(2, "error reconnect_required", "", 1000);
    until_ended(2);
    ck_assert_str_eq(client.action_url, "http://reconnect");
    chat(3, "error evil", "", 1000);
    until_ended(3);
    ck_assert_str_eq(client.code, "internal");
    chat(4, "write-die", "", 1000);
    until_ended(4);
    ck_assert_str_eq(client.code, "agent_lost");
    ck_assert(client.retryable && client.unknown_writes);
    ck_assert_uint_eq(client.tools, 1);
}
END_TEST

START_TEST(host_calls_reach_the_database) {
    chat(1, "prefer", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(db.preferences, 1);
    ck_assert_str_eq(client.text, "reply 0");
}
END_TEST

START_TEST(late_database_finds_nobody) {
    db.hold = true;
    chat(1, "prefer", "", 1000);
    while (db.n_held == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    answer_lookups();
    while (db.pending == NULL)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    ck_assert_int_eq(turns_stop_user(rig.turns, USER_A), 1);
    until_ended(1);
    ck_assert_str_eq(client.code, "agent_lost");
    answer_lookups();
}
END_TEST

/* ---- grants ---- */

START_TEST(the_turn_gets_the_grant_and_may_renew_it) {
    chat(1, "who", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.text, "app grant of ann");
    ck_assert_uint_eq(admissions.asked, 0); /* the turn itself looks */
    ck_assert_uint_eq(renewed.calls, 1);
    ck_assert_str_eq(renewed.grant, "fresh");
    ck_assert_str_eq(renewed.session, "");
}
END_TEST

START_TEST(a_browsers_grant_is_renewed_in_its_session) {
    shown_session = "the session cookie";
    chat(1, "who", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.text, "web grant of the session");
    ck_assert_str_eq(renewed.grant, "fresh");
    ck_assert_str_eq(renewed.session, shown_session);
}
END_TEST

START_TEST(what_a_turn_says_about_a_grant_is_passed_on) {
    static const char *const codes[] = {"grant_required", "grant_invalid", "grant_expired",
                                        "grant_revoked"};
    char message[64];
    (void)snprintf(message, sizeof(message), "error %s", codes[_i]);
    chat(1, message, "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.code, codes[_i]);
    ck_assert_uint_eq(client.status, 401);
    ck_assert_str_eq(client.action_url, _i < 2 ? "" : "http://reconnect");
    ck_assert_str_eq(regrant_frontend, _i < 2 ? "" : "app");
}
END_TEST

static const struct turn_failure no_grant = {.status = 401, .code = "grant_revoked", .detail = "d"};
static const char *const no_turn[] = {"none", "broken", "disconnecting"};

START_TEST(without_a_turn_the_grant_comes_first) {
    db.state = no_turn[_i];
    admissions.refused = &no_grant;
    admissions.action_url = "http://again";
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.code, "grant_revoked");
    ck_assert_uint_eq(client.status, 401);
    ck_assert_str_eq(client.action_url, "http://again");
    ck_assert_uint_eq(admissions.asked, 1);
    ck_assert_str_eq(admissions.frontend, "app");
    ck_assert_str_eq(admissions.user, "ann");
    ck_assert_str_eq(admissions.grant, "grant of ann");
    ck_assert_uint_eq(reconnects, 0);
    admissions.refused = NULL;
    admissions.renewed = "fresh";
    client.failures = 0;
    chat(2, "say hello", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(client.status, 409);
    ck_assert_str_eq(renewed.grant, "fresh");
    ck_assert_uint_eq(reconnects, _i == 1);
}
END_TEST

static void until_asked(void) {
    while (admissions.done == NULL)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
}

static void send_cancel(uint64_t request) {
    Cloister__ChatCancel cancel = CLOISTER__CHAT_CANCEL__INIT;
    cancel.request = request;
    Cloister__Message message = MSG_OF(CHAT_CANCEL, chat_cancel, &cancel);
    say(&message);
}

START_TEST(cancel_ends_it_anywhere) {
    db.hold = true;
    chat(1, "say late", "", 1000);
    while (db.n_held == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    send_cancel(1); /* before the database answered */
    until_ended(1);
    answer_lookups();
    db.hold = false;
    chat(2, "hang", "", 1000);
    while (client.accepted == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    send_cancel(2);
    send_cancel(2);
    send_cancel(99);
    until_ended(2);
    ck_assert_str_eq(client.code, "cancelled");
    chat(3, "say next", "", 1000);
    until_ended(3);
    ck_assert_str_eq(client.text, "next");
}
END_TEST

START_TEST(cancelled_while_its_grant_is_looked_at) {
    db.state = "none";
    db.hold = true;
    chat(1, "say late", "", 1000);
    while (db.n_held == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    answer_lookups();
    until_asked();
    send_cancel(1);
    until_ended(1);
    ck_assert_str_eq(client.code, "cancelled");
    admissions.renewed = "fresh";
    answer_admission();
    ck_assert_uint_eq(renewed.calls, 0);
    ck_assert_uint_eq(client.failures, 1);
}
END_TEST

static bool is_down(void *ctx) {
    (void)ctx;
    return client.downs > 0;
}

START_TEST(gateway_that_dies_cancels) {
    chat(1, "hang", "", 1000);
    chat(2, "say waiting", "", 1000);
    while (client.accepted == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    nng_end_drop(client.end);
    rig_until(&rig, is_down, NULL);
    rig_until(&rig, is_up, gateway);
    send_hello();
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_str_eq(client.text, "hello");
}
END_TEST

START_TEST(gateway_garbage_drops_the_gateway_alone) {
    static const char noise[] = "\xff\xff\xff\xff noise";
    if (_i == 0)
        ck_assert_int_eq(nng_end_send(client.end, (const uint8_t *)noise, sizeof(noise)), 0);
    else if (_i == 1)
        send_hello(); /* twice */
    else {
        chat(7, "hang", "", 1000);
        chat(7, "hang", "", 1000); /* a number in use */
    }
    rig_until(&rig, is_down, NULL);
    rig_until(&rig, is_up, gateway);
    send_hello();
    chat(1, "say hello", "", 1000);
    until_ended(1);
    ck_assert_uint_eq(client.done, 1);
}
END_TEST

START_TEST(fields_are_checked) {
    Cloister__ChatRequest ask = CLOISTER__CHAT_REQUEST__INIT; /* nobody calls */
    ask.request = 1;
    ask.message = "say";
    Cloister__Message message = MSG_OF(CHAT_REQUEST, chat_request, &ask);
    say(&message);
    until_ended(1);
    ck_assert_str_eq(client.code, "invalid_field");
    ck_assert_uint_eq(client.status, 400);
    chat(2, "caf\xe9", "", 1000);
    until_ended(2);
    ck_assert_str_eq(client.code, "invalid_field");
    chat(3, "", "", 1000);
    until_ended(3);
    ck_assert_uint_eq(db.sessions, 0);
}
END_TEST

static void delete_session(uint64_t request, const char *conversation) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    caller.frontend = "app";
    caller.user = "ann";
    Cloister__SessionDelete ask = CLOISTER__SESSION_DELETE__INIT;
    ask.request = request;
    ask.caller = &caller;
    ask.conversation = (char *)conversation;
    Cloister__Message message = MSG_OF(SESSION_DELETE, session_delete, &ask);
    say(&message);
}

START_TEST(forgetting_needs_the_grant) {
    chat(1, "say hello", "", 1000);
    until_ended(1);
    admissions.refused = &no_grant;
    delete_session(2, "");
    until_ended(2);
    ck_assert_str_eq(client.code, "grant_revoked");
    ck_assert_uint_eq(client.status, 401);
    ck_assert_uint_eq(sessions_count(sessions), 1);
    client.done = client.failures = 0;
    admissions.refused = NULL;
    admissions.renewed = "fresh";
    delete_session(3, "");
    until_ended(1);
    ck_assert_uint_eq(client.oks, 1);
    ck_assert_uint_eq(sessions_count(sessions), 0);
    ck_assert_str_eq(renewed.grant, "fresh");
}
END_TEST

START_TEST(forgetting_beats_a_running_turn) {
    chat(1, "say hello", "a", 1000);
    until_ended(1);
    db.hold = true;
    chat(2, "prefer", "b", 1000);
    while (db.n_held == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    answer_lookups();
    while (db.pending == NULL)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    delete_session(3, "");
    while (admissions.done == NULL)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    answer_admission();
    answer_lookups(); /* first the deletion, then the turn's call: its notes come too late */
    until_ended(3);
    ck_assert_uint_eq(client.oks, 1);
    ck_assert_uint_eq(sessions_count(sessions), 0);
}
END_TEST

static void on_ended(void *ctx) {
    *(bool *)ctx = true;
}

/* After a switch of accounts the old one is ended a moment later, while the new one is in use. */
START_TEST(what_is_asked_of_the_account_that_stays_is_asked_again) {
    static const struct {
        const char *connected, *state;
        int error;
        const char *code;
        unsigned status;
    } rows[] = {{CONN, "active", 0, "agent_lost", 502},
                {CONN, "disconnecting", 0, "disconnected", 409},
                {"", "none", 0, "disconnected", 409},
                {"99999999999999999999999999999999", "active", 0, "disconnected", 409},
                {CONN, "active", -EAGAIN, "disconnected", 409}};
    bool gone = false;
    chat(1, "hang", "", 1000);
    while (client.accepted == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    db.connected = rows[_i].connected;
    db.state = rows[_i].state;
    db.error = rows[_i].error;
    turns_end_user(rig.turns, USER_A, on_ended, &gone);
    while (!gone)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    until_ended(1);
    ck_assert_str_eq(client.code, rows[_i].code);
    ck_assert_uint_eq(client.status, rows[_i].status);
    ck_assert(client.retryable == (rows[_i].status == 502));
}
END_TEST

START_TEST(cancelled_while_its_end_is_looked_at) {
    db.hold = true;
    chat(1, "hang", "", 1000);
    while (db.n_held == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    answer_lookups();
    while (client.accepted == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    bool gone = false;
    turns_end_user(rig.turns, USER_A, on_ended, &gone);
    ck_assert_ptr_nonnull(db.asked_which);
    send_cancel(1);
    until_ended(1);
    ck_assert_str_eq(client.code, "cancelled");
    answer_lookups(); /* nobody waits for it any more */
    while (!gone)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
}
END_TEST

START_TEST(health_and_draining) {
    gateway_set_draining(gateway, true);
    Cloister__HealthAsk ask = CLOISTER__HEALTH_ASK__INIT;
    ask.request = 1;
    Cloister__Message message = MSG_OF(HEALTH_ASK, health_ask, &ask);
    say(&message);
    until_ended(1);
    ck_assert_uint_eq(client.healths, 1);
    ck_assert(!client.ready);
    chat(2, "say hello", "", 1000);
    until_ended(2);
    ck_assert_str_eq(client.code, "draining");
    ck_assert_uint_eq(client.status, 503);
    ck_assert(client.retryable);
}
END_TEST

int main(void) {
    Suite *s = suite_create("chat");
    TCase *t = tcase_create("chat");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, chat_answers_and_remembers);
    tcase_add_test(t, credit_flows_to_the_turn);
    tcase_add_loop_test(t, refusals_say_what_to_do, 0, 6);
    tcase_add_test(t, turn_errors_have_a_status);
    tcase_add_test(t, the_turn_gets_the_grant_and_may_renew_it);
    tcase_add_test(t, a_browsers_grant_is_renewed_in_its_session);
    tcase_add_loop_test(t, what_a_turn_says_about_a_grant_is_passed_on, 0, 4);
    tcase_add_loop_test(t, without_a_turn_the_grant_comes_first, 0, 3);
    tcase_add_test(t, cancelled_while_its_grant_is_looked_at);
    tcase_add_test(t, forgetting_needs_the_grant);
    tcase_add_test(t, host_calls_reach_the_database);
    tcase_add_test(t, late_database_finds_nobody);
    tcase_add_test(t, cancel_ends_it_anywhere);
    tcase_add_test(t, gateway_that_dies_cancels);
    tcase_add_loop_test(t, gateway_garbage_drops_the_gateway_alone, 0, 3);
    tcase_add_test(t, fields_are_checked);
    tcase_add_test(t, forgetting_beats_a_running_turn);
    tcase_add_loop_test(t, what_is_asked_of_the_account_that_stays_is_asked_again, 0, 5);
    tcase_add_test(t, cancelled_while_its_end_is_looked_at);
    tcase_add_test(t, health_and_draining);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
