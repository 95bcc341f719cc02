/* The database, the API and the rules that the chats see. */
#include "chat_rig.h"
#include "supervisor/budgets.h"

struct db db;

struct event *db_event;

void answer_lookups(void) {
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    state.token_version = 5;
    state.refresh = (ProtobufCBinaryData){4, (uint8_t *)"seal"};
    struct store_session session = {.state = &state, .repeated = db.repeated};
    strcpy(session.user, db.user);
    strcpy(session.connection, strcmp(db.state, "none") == 0 ? "" : db.connection);
    strcpy(session.connection_state, db.state);
    size_t n = db.n_held;
    db.n_held = 0;
    for (size_t i = 0; i < n; i++)
        db.held[i].done(db.held[i].ctx, db.error, db.error == 0 ? &session : NULL);
    if (db.pending != NULL)
        (take_ptr(db.pending))(db.pending_ctx, 0);
    if (db.asked_which == NULL)
        return;
    struct store_connection row = {.scopes = "a b", .features = "", .token_version = 5};
    row.refresh = (const uint8_t *)"seal";
    row.refresh_len = 4;
    row.subject_tag = (const uint8_t *)db.tag;
    row.subject_tag_len = db.tag != NULL ? strlen(db.tag) : 0;
    strcpy(row.id, db.connected);
    strcpy(row.state, db.state);
    (take_ptr(db.asked_which))(db.which_ctx, db.error, db.error == 0 ? &row : NULL);
}

void on_db(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what, (void)ctx;
    answer_admission();
    answer_lookups();
}

void store_session(struct store *store, const char *frontend, const char *name,
                   const uint8_t *idempotency, store_session_done *done, void *ctx) {
    (void)store;
    db.sessions++;
    (void)snprintf(db.frontend, sizeof(db.frontend), "%s", frontend);
    (void)snprintf(db.name, sizeof(db.name), "%s", name);
    db.has_key = idempotency != NULL;
    if (db.has_key)
        memcpy(db.key, idempotency, sizeof(db.key));
    ck_assert_uint_lt(db.n_held, COUNT_OF(db.held));
    db.held[db.n_held++] = (struct lookup){done, ctx};
    if (!db.hold)
        event_active(db_event, EV_TIMEOUT, 0);
}

void store_session_of(struct store *store, const char *user, store_session_done *done, void *ctx) {
    ck_assert_str_eq(user, USER_A);
    store_session(store, "of", user, NULL, done, ctx);
}

struct budget_fake budget_fake;

bool budgets_allow(const struct budgets *budgets, const char *frontend,
                   const struct store_session *session, int64_t now_ms,
                   struct budget_left *ret_left, struct budget_refusal *ret_refusal) {
    (void)budgets;
    ck_assert_ptr_nonnull(session);
    ck_assert_int_gt(now_ms, 0);
    budget_fake.asked++;
    (void)snprintf(budget_fake.frontend, sizeof(budget_fake.frontend), "%s", frontend);
    *ret_left = budget_fake.left;
    if (budget_fake.used_up == NULL)
        return true;
    (void)snprintf(ret_refusal->detail, sizeof(ret_refusal->detail), "%s", budget_fake.used_up);
    ret_refusal->retry_after_ms = 60000;
    return false;
}

void store_connection_get(struct store *store, const char *user, store_connection_done *done,
                          void *ctx) {
    (void)store;
    ck_assert_str_eq(user, USER_A);
    db.which++;
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

unsigned reconnects;

void api_reconnect_url(struct api *api, const char *user, void (*made)(void *ctx, const char *url),
                       void *ctx) {
    (void)api;
    ck_assert_str_eq(user, USER_A);
    reconnects++;
    made(ctx, "http://reconnect");
}

char regrant_frontend[65];

void api_regrant_url(struct api *api, const char *frontend, const char *user,
                     void (*made)(void *ctx, const char *url), void *ctx) {
    (void)snprintf(regrant_frontend, sizeof(regrant_frontend), "%s", frontend);
    api_reconnect_url(api, user, made, ctx);
}

struct admissions admissions;

void answer_admission(void) {
    bool good = admissions.refused == NULL;
    struct admission admission = {admissions.refused, admissions.action_url, good ? db.user : "",
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

struct renewed renewed;

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
API_FAKE(memory_put, MemoryPut)
API_FAKE(memory_delete, MemoryDelete)
API_FAKE(grants_revoke, GrantsRevoke)
API_FAKE(sign_in_begin, SignInBegin)
API_FAKE(session_show, SessionShow)
API_FAKE(session_end, SessionEnd)
API_FAKE(business_call, BusinessCall)

/* One session is known; more of them in session_gate_test.c. */
void web_session_show(struct api *api, const char *cookie, const char *csrf, bool rotate,
                      web_session_done *done, void *ctx) {
    (void)api, (void)csrf, (void)rotate;
    struct web_session session = {.grant = "grant of the session", .account = "", .name = "name"};
    bool known = strcmp(cookie, "the session cookie") == 0;
    done(ctx, known ? 0 : -ENOENT, known ? &session : NULL);
}

enum rule rule_taken_away = RULES_COUNT;

bool rule_holds(enum rule rule) {
    return rule != rule_taken_away;
}

void fakes_reset(void) {
    memset(&db, 0, sizeof(db));
    memset(&admissions, 0, sizeof(admissions));
    memset(&renewed, 0, sizeof(renewed));
    memset(&budget_fake, 0, sizeof(budget_fake));
    memset(regrant_frontend, 0, sizeof(regrant_frontend));
    reconnects = 0;
    rule_taken_away = RULES_COUNT;
    admissions.action_url = admissions.renewed = "";
    db.state = "active";
    db.user = USER_A;
    db.connected = db.connection = CONN;
}

void until_held(void) {
    while (db.n_held == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
}

void until_asked(void) {
    while (admissions.done == NULL)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
}
