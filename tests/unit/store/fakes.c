#include "tests/unit/store/fakes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "supervisor/gateway_open.h"

static struct event_base *loop;
static unsigned deferred;

static void defer(void (*run)(evutil_socket_t, short, void *), void *arg) {
    struct timeval soon = {0, 1000};
    deferred++;
    if (event_base_once(loop, -1, EV_TIMEOUT, run, arg, &soon) < 0)
        abort();
}

/* ---- gateway ---- */

static int gateway;
struct gateway_end *const fake_end = (struct gateway_end *)(void *)&gateway;
static struct fake_answer answers[64];

struct fake_answer *fake_answer(uint64_t request) {
    return &answers[request % 64];
}

/* What a real gateway would get: encoded, checked against the table, decoded. */
void gateway_send(struct gateway_end *end, Cloister__Message *message) {
    static uint8_t wire[MESSAGE_MAX];
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_GATEWAY, PHASE_READY, {0}};
    Cloister__Message *copy;
    ssize_t len = msg_encode(message, wire, sizeof(wire));
    if (end != fake_end || len < 0 || msg_decode(&peer, wire, (size_t)len, 0, &copy) < 0)
        abort();
    if (copy->body_case == CLOISTER__MESSAGE__BODY_GRANT_RENEWED) {
        if (fake_answer(copy->grant_renewed->request)->count > 0)
            abort(); /* too late */
        snprintf(fake_renewed_to_gateway, sizeof(fake_renewed_to_gateway), "%s",
                 copy->grant_renewed->grant);
        msg_free(copy);
        return;
    }
    /* Every final message begins with its request number. */
    struct fake_answer *answer = fake_answer(copy->ok->request);
    msg_free(answer->message);
    answer->message = copy;
    answer->count++;
}

void gateway_fail(struct gateway_end *end, uint64_t request, unsigned status, const char *code,
                  const char *detail, bool retryable) {
    Cloister__Failure body = CLOISTER__FAILURE__INIT;
    body.request = request;
    body.status = status;
    body.code = (char *)(uintptr_t)code;
    body.detail = (char *)(uintptr_t)detail;
    body.retryable = retryable;
    Cloister__Message message = MSG_OF(FAILURE, failure, &body);
    gateway_send(end, &message);
}

const struct about *gateway_request_about(const struct gateway_end *end, uint64_t request) {
    static const struct about none;
    (void)end, (void)request;
    return &none;
}

void gateway_fail_store(struct gateway_end *end, uint64_t request) {
    gateway_fail(end, request, 503, "database_unavailable", "The database is away.", true);
}

/* ---- keys ---- */

static int keys_object;
struct keys_client *const fake_keys = (struct keys_client *)(void *)&keys_object;
bool fake_keys_away;
static struct { char name[64], user[ID_LEN + 1]; } keyring[64];

struct key_answer {
    keys_done *done;
    void *ctx;
    int error;
    char challenge[64], grant[128];
};

static void on_key_answer(evutil_socket_t fd, short what, void *arg) {
    struct key_answer *answer = arg;
    Cloister__KeyResult result = CLOISTER__KEY_RESULT__INIT;
    (void)fd;
    (void)what;
    result.challenge = answer->challenge;
    result.grant = answer->grant;
    deferred--;
    answer->done(answer->ctx, answer->error, answer->error == 0 ? &result : NULL);
    free(answer);
}

static struct key_answer *key_answer(keys_done *done, void *ctx, int error, const char *challenge) {
    struct key_answer *answer = calloc(1, sizeof(*answer));
    *answer = (struct key_answer){.done = done, .ctx = ctx, .error = error};
    snprintf(answer->challenge, sizeof(answer->challenge), "%s", challenge);
    defer(on_key_answer, answer);
    return answer;
}

static int find_key(const char *name) {
    for (size_t i = 0; i < COUNT_OF(keyring); i++)
        if (strcmp(keyring[i].name, name) == 0)
            return (int)i;
    return -1;
}

bool fake_key_exists(const char *name) {
    return find_key(name) >= 0;
}

unsigned fake_keys_count(void) {
    unsigned count = 0;
    for (size_t i = 0; i < COUNT_OF(keyring); i++)
        count += keyring[i].name[0] != '\0';
    return count;
}

static void name_of(Cloister__KeyKind kind, const char *id, char out[static 64]) {
    snprintf(out, 64, "%s:%s", kind == CLOISTER__KEY_KIND__KEY_USER ? "user" : "connection", id);
}

const char *fake_key_user(const char *connection) {
    char name[64];
    name_of(CLOISTER__KEY_KIND__KEY_CONNECTION, connection, name);
    int at = find_key(name);
    return at < 0 ? "" : keyring[at].user;
}

void keys_create(struct keys_client *keys, Cloister__KeyKind kind, const char *id, const char *user,
                 keys_done *done, void *ctx) {
    char name[64];
    (void)keys;
    name_of(kind, id, name);
    if (!fake_keys_away && find_key(name) < 0) {
        int at = find_key("");
        strcpy(keyring[at].name, name);
        strcpy(keyring[at].user, user);
    }
    (void)key_answer(done, ctx, fake_keys_away ? -EAGAIN : 0, "");
}

void keys_destroy(struct keys_client *keys, Cloister__KeyKind kind, const char *id, keys_done *done,
                  void *ctx) {
    char name[64];
    (void)keys;
    name_of(kind, id, name);
    int at = find_key(name);
    if (!fake_keys_away && at >= 0)
        memset(&keyring[at], 0, sizeof(keyring[at]));
    (void)key_answer(done, ctx, fake_keys_away ? -EAGAIN : 0, "");
}

void keys_bind_user(struct keys_client *keys, const char *connection, const char *user,
                    keys_done *done, void *ctx) {
    char name[64];
    (void)keys;
    name_of(CLOISTER__KEY_KIND__KEY_CONNECTION, connection, name);
    int at = find_key(name), error = fake_keys_away ? -EAGAIN : at < 0 ? -ENOENT : 0;
    if (error == 0)
        strcpy(keyring[at].user, user);
    (void)key_answer(done, ctx, error, "");
}

void keys_challenge(struct keys_client *keys, const char *state_token, keys_done *done, void *ctx) {
    (void)keys;
    char challenge[64];
    snprintf(challenge, sizeof(challenge), "challenge-of-%.8s", state_token);
    (void)key_answer(done, ctx, fake_keys_away ? -EAGAIN : 0, challenge);
}

unsigned fake_grant_epoch, fake_grants_asked;
bool fake_grants_old;
const char *fake_renewed = "";
char fake_renewed_to_gateway[128], fake_renewed_in_session[128];

const char *fake_grant(const char *user, const char *frontend) {
    static char grant[128];
    snprintf(grant, sizeof(grant), "grant:%.8s:%.20s:%u", user, frontend, fake_grant_epoch);
    return grant;
}

void keys_grant_mint(struct keys_client *keys, const char *user, const char *frontend,
                     keys_done *done, void *ctx) {
    char name[64];
    (void)keys;
    name_of(CLOISTER__KEY_KIND__KEY_USER, user, name);
    int error = fake_keys_away ? -EAGAIN : find_key(name) < 0 ? -EKEYREVOKED : 0;
    strcpy(key_answer(done, ctx, error, "")->grant, fake_grant(user, frontend));
}

static int check_grant(const char *user, const char *frontend, const char *grant) {
    size_t stem = strlen(fake_grant(user, frontend)) - 1;
    if (fake_keys_away)
        return -EAGAIN;
    if (*grant == '\0')
        return -ENOKEY;
    if (strncmp(grant, fake_grant(user, frontend), stem) != 0)
        return -EACCES;
    if (fake_grants_old)
        return -EKEYEXPIRED;
    return strcmp(grant, fake_grant(user, frontend)) == 0 ? 0 : -EKEYREVOKED;
}

void keys_grant_check(struct keys_client *keys, const char *user, const char *frontend,
                      const char *grant, keys_done *done, void *ctx) {
    (void)keys;
    fake_grants_asked++;
    strcpy(key_answer(done, ctx, check_grant(user, frontend, grant), "")->grant, fake_renewed);
}

void keys_grant_revoke(struct keys_client *keys, const char *user, keys_done *done, void *ctx) {
    (void)keys;
    (void)user;
    fake_grant_epoch += !fake_keys_away;
    (void)key_answer(done, ctx, fake_keys_away ? -EAGAIN : 0, "");
}

bool keys_client_ready(const struct keys_client *keys) {
    (void)keys;
    return !fake_keys_away;
}

/* ---- sessions of the web pages; sign_in_test.c has the real ones ---- */

struct web_session fake_session;

#ifndef REAL_SESSIONS

struct session_answer {
    web_session_done *done;
    void *ctx;
    bool known;
};

static void on_session_answer(evutil_socket_t fd, short what, void *arg) {
    struct session_answer *answer = arg;
    (void)fd;
    (void)what;
    deferred--;
    answer->done(answer->ctx, answer->known ? 0 : -ENOENT, answer->known ? &fake_session : NULL);
    free(answer);
}

void web_session_show(struct api *api, const char *cookie, const char *csrf, bool rotate,
                      web_session_done *done, void *ctx) {
    (void)api;
    if (csrf != NULL || rotate)
        abort(); /* nothing is changed, nothing can be set */
    struct session_answer *answer = calloc(1, sizeof(*answer));
    bool known = *cookie != '\0' && strcmp(cookie, fake_session.cookie) == 0;
    *answer = (struct session_answer){done, ctx, known};
    defer(on_session_answer, answer);
}

void web_session_renew(struct api *api, const char *cookie, const char *grant) {
    (void)api;
    snprintf(fake_renewed_in_session, sizeof(fake_renewed_in_session), "%s %s", cookie, grant);
}

void api_sign_in_return(struct api *api, struct gateway_end *end,
                        const Cloister__ConnectCallback *request) {
    (void)api;
    gateway_fail(end, request->request, 418, "sign_in", request->login, false);
}

#endif

/* ---- turns ---- */

static int turns_object;
struct turns *const fake_turns = (struct turns *)(void *)&turns_object;
struct turn fake_turn;
unsigned fake_turn_count, fake_ended_count;
bool fake_turns_full;

static void copy_text(char *out, size_t cap, const char *text) {
    snprintf(out, cap, "%s", text);
}

struct turn *turns_submit(struct turns *turns, const char *user, const char *origin,
                          const char *connection, const Cloister__TurnStart *start,
                          const struct turn_ops *ops, void *ctx, struct turn_failure *ret_failure) {
    if (turns != fake_turns || fake_turn.running)
        abort();
    if (fake_turns_full) {
        *ret_failure = (struct turn_failure){503, "full", "No room.", true, false, 1000};
        return NULL;
    }
    fake_turn = (struct turn){.running = true, .kind = start->kind, .ops = ops, .ctx = ctx};
    copy_text(fake_turn.user, sizeof(fake_turn.user), user);
    copy_text(fake_turn.origin, sizeof(fake_turn.origin), origin);
    copy_text(fake_turn.connection, sizeof(fake_turn.connection), connection);
    copy_text(fake_turn.state_connection, sizeof(fake_turn.state_connection),
              start->state->connection);
    copy_text(fake_turn.grant, sizeof(fake_turn.grant), start->grant);
    copy_text(fake_turn.frontend, sizeof(fake_turn.frontend), start->frontend);
    copy_text(fake_turn.code, sizeof(fake_turn.code), start->code);
    copy_text(fake_turn.state_token, sizeof(fake_turn.state_token), start->state_token);
    copy_text(fake_turn.redirect_uri, sizeof(fake_turn.redirect_uri), start->redirect_uri);
    snprintf(fake_turn.refresh, sizeof(fake_turn.refresh), "%.*s", (int)start->state->refresh.len,
             (const char *)start->state->refresh.data);
    fake_turn.n_preferences = (unsigned)start->state->n_preferences;
    fake_turn_count++;
    return &fake_turn;
}

void turn_cancel(struct turn *turn) {
    if (!turn->running)
        abort();
    turn->running = false;
    turn->cancelled = true;
}

void turn_credit(struct turn *turn, uint32_t bytes) {
    (void)turn;
    (void)bytes;
}

void turn_host_reply(struct turn *turn, uint64_t call, int error, const char *detail) {
    (void)detail;
    if (!turn->running)
        abort();
    turn->replied = call;
    turn->reply_error = error;
}

struct ended {
    void (*ended)(void *ctx);
    void *ctx;
};

static void on_ended(evutil_socket_t fd, short what, void *arg) {
    struct ended *ended = arg;
    (void)fd;
    (void)what;
    deferred--;
    ended->ended(ended->ctx);
    free(ended);
}

void turns_end_user(struct turns *turns, const char *user, void (*ended)(void *ctx), void *ctx) {
    (void)turns;
    (void)user;
    struct ended *later = calloc(1, sizeof(*later));
    *later = (struct ended){ended, ctx};
    fake_ended_count++;
    defer(on_ended, later);
}

void fake_turn_host_call(Cloister__HostCall *call) {
    fake_turn.ops->host_call(fake_turn.ctx, call);
}

void fake_turn_done(Cloister__TurnDone *done) {
    fake_turn.running = false;
    fake_turn.ops->done(fake_turn.ctx, done);
}

void fake_turn_error(const char *code, bool retryable) {
    Cloister__TurnError error = CLOISTER__TURN_ERROR__INIT;
    error.code = (char *)(uintptr_t)code;
    error.detail = (char *)(uintptr_t) "The turn's words.";
    error.retryable = retryable;
    fake_turn.running = false;
    fake_turn.ops->error(fake_turn.ctx, &error);
}

void fake_turn_lost(void) {
    static const struct turn_failure lost = {502, "agent_lost", "The agent ended.", true};
    fake_turn.running = false;
    fake_turn.ops->failed(fake_turn.ctx, &lost);
}

void fakes_settle(void) {
    while (deferred > 0)
        (void)event_base_loop(loop, EVLOOP_ONCE);
}

void fakes_reset(struct event_base *base) {
    loop = base;
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        msg_free(answers[i].message);
    memset(answers, 0, sizeof(answers));
    memset(keyring, 0, sizeof(keyring));
    memset(&fake_turn, 0, sizeof(fake_turn));
    memset(&fake_session, 0, sizeof(fake_session));
    fake_keys_away = fake_turns_full = false;
    fake_turn_count = fake_ended_count = 0;
    fake_grant_epoch = fake_grants_asked = 0;
    fake_grants_old = false;
    fake_renewed = "";
    fake_renewed_to_gateway[0] = fake_renewed_in_session[0] = '\0';
}
