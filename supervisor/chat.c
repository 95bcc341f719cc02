#include "supervisor/chat.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/admit.h"
#include "supervisor/chat_state.h"
#include "supervisor/failures.h"
#include "supervisor/gateway_open.h"
#include "supervisor/host_calls.h"

#define CONVERSATION_DEFAULT "default"
#define TIMEZONE_MAX         64
#define MESSAGE_BYTES        32768

static const struct turn_failure not_connected = {
    409,
    "not_connected",
    "No calendar is connected. Make a connect link (POST /v1/users/{user}/connect-links) and open "
    "it.",
    false,
    false,
    0};
const struct turn_failure chat_unknown_user = {
    404,
    "unknown_user",
    "This user is not known. Make a connect link (POST /v1/users/{user}/connect-links) first.",
    false,
    false,
    0};
static const struct turn_failure database_away = {
    503, "database_unavailable", "The database is away. Ask again shortly.", true, false, 1000};
static const struct turn_failure disconnecting = {
    409, "disconnected", "The calendar is being disconnected.", false, false, 0};
static const struct turn_failure broken = {409, "", "", false, false, 0};
const struct turn_failure chat_internal = {500,  "internal", "The request could not be handled.",
                                           true, false,      0};

int chats_new(const struct chats_setup *setup, struct chats **ret) {
    struct chats *chats = calloc(1, sizeof(*chats));
    if (chats == NULL)
        return -ENOMEM;
    if (sodium_init() < 0) {
        free(chats);
        return -EIO;
    }
    chats->setup = *setup;
    LIST_INIT(&chats->all);
    LIST_INIT(&chats->customers);
    *ret = chats;
    return 0;
}

void chats_free(struct chats *chats) {
    while (!LIST_EMPTY(&chats->all)) /* abandoned, and their turns went without a word */
        chat_free(LIST_FIRST(&chats->all));
    free(chats);
}

static void hash_part(crypto_generichash_state *state, const char *part) {
    uint64_t len = strlen(part);
    (void)crypto_generichash_update(state, (const uint8_t *)&len, sizeof(len));
    (void)crypto_generichash_update(state, (const uint8_t *)part, len);
}

void chat_idempotency(const Cloister__Caller *caller, const char *key,
                      uint8_t out[static IDEMPOTENCY_LEN]) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, IDEMPOTENCY_LEN);
    hash_part(&state, "cloister-idempotency");
    hash_part(&state, caller->frontend);
    hash_part(&state, caller->user);
    hash_part(&state, key);
    (void)crypto_generichash_final(&state, out, IDEMPOTENCY_LEN);
}

void chat_free(struct chat *chat) {
    LIST_REMOVE(chat, listed);
    chat_host_free(chat->host);
    msg_free(chat->message);
    free(chat->conversation);
    if (chat->session != NULL)
        explicit_bzero(chat->session, strlen(chat->session));
    free(chat->session);
    free(chat->name);
    free(chat->business);
    free(chat->context);
    free(chat->failure_code);
    free(chat->failure_detail);
    free(chat);
}

void chat_end(struct chat *chat, Cloister__Message *message) {
    if (chat->end != NULL)
        gateway_send(chat->end, message);
    chat_free(chat);
}

void chat_fail(struct chat *chat, const struct turn_failure *why, const char *action_url) {
    Cloister__Failure failure = CLOISTER__FAILURE__INIT;
    failure.request = chat->request;
    failure.status = why->status;
    failure.code = (char *)why->code;
    failure.detail = (char *)why->detail;
    failure.retryable = why->retryable;
    failure.unknown_writes = why->unknown_writes;
    failure.retry_after_ms = why->retry_after_ms;
    failure.action_url = (char *)action_url;
    Cloister__Message message = MSG_OF(FAILURE, failure, &failure);
    chat_end(chat, &message);
}

static void on_url(void *ctx, const char *url) {
    struct chat *chat = ctx;
    chat_fail(chat, &chat->failure, url);
}

void chat_fail_with_url(struct chat *chat, const char *code, const char *detail,
                        const struct turn_failure *why) {
    chat->failure = *why;
    chat->failure_code = strdup(code);
    chat->failure_detail = strdup(detail);
    chat->failure.code = chat->failure_code != NULL ? chat->failure_code : "internal";
    chat->failure.detail = chat->failure_detail != NULL ? chat->failure_detail : "";
    struct api *api = chat->chats->setup.api;
    if (strncmp(code, "grant_", 6) == 0)
        api_regrant_url(api, chat->frontend, chat->user, on_url, chat);
    else
        api_reconnect_url(api, chat->user, on_url, chat);
}

void chat_renewed(struct chat *chat, const char *grant) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    if (grant[0] == '\0' || chat->end == NULL)
        return;
    if (chat->session != NULL)
        caller.session = chat->session;
    grant_renewed(chat->chats->setup.api, chat->end, chat->request, &caller, grant);
}

void chat_caller(const struct chat *chat, Cloister__Caller *ret) {
    *ret = *chat->message->chat_request->caller;
    ret->user = chat->name;
}

/* ---- before the turn ---- */

static void fail_by_state(struct chat *chat) {
    if (strcmp(chat->state, "broken") == 0)
        chat_fail_with_url(
            chat, "reconnect_required",
            "Google does not accept the connection any more. Connect the calendar again.", &broken);
    else
        chat_fail(chat, strcmp(chat->state, "disconnecting") == 0 ? &disconnecting : &not_connected,
                  "");
}

static void on_admission(void *ctx, const struct admission *admission) {
    struct chat *chat = ctx;
    if (chat->end == NULL) {
        chat_free(chat);
        return;
    }
    if (admission->refused != NULL) {
        chat_fail(chat, admission->refused, admission->action_url);
        return;
    }
    chat_renewed(chat, admission->grant);
    fail_by_state(chat);
}

static void admit(struct chat *chat) {
    Cloister__Caller caller;
    chat_caller(chat, &caller);
    api_admit(chat->chats->setup.api, &caller, on_admission, chat);
}

/* The turn checks the grant. */
static void start(struct chat *chat, const struct store_session *session) {
    if (chat_within_budget(chat, session))
        chat_submit(chat, session);
}

void chat_on_session(void *ctx, int error, const struct store_session *session) {
    struct chat *chat = ctx;
    if (chat->end == NULL) {
        chat_free(chat);
        return;
    }
    if (error < 0 || session == NULL) {
        chat_fail(chat,
                  error == -ENOENT   ? &chat_unknown_user
                  : error == -EAGAIN ? &database_away
                                     : &chat_internal,
                  "");
        return;
    }
    memcpy(chat->user, session->user, sizeof(chat->user));
    memcpy(chat->connection, session->connection, sizeof(chat->connection));
    const char *state = session->connection_state;
    snprintf(chat->state, sizeof(chat->state), "%s", state);
    chat->host = chat_host_new(chat->chats->setup.store, chat->user, chat->connection);
    if (chat->host != NULL)
        chat_host_business(chat->host, chat->chats->setup.business, "owner", "");
    if (chat->host == NULL)
        chat_fail(chat, &chat_internal, "");
    else if (strcmp(state, "active") == 0 && chat->connection[0] != '\0' && session->state != NULL)
        start(chat, session);
    else /* no turn: how it stands with the connection is told to its owner alone */
        admit(chat);
}

const char *chat_wrong_field(const Cloister__ChatRequest *request) {
    bool decides = request->proposal[0] != '\0';
    if (decides != (request->message[0] == '\0') || !text_valid(request->message, MESSAGE_BYTES))
        return "message";
    if (!text_valid(request->conversation, CONVERSATION_MAX) ||
        (decides && request->conversation[0] != '\0'))
        return "conversation";
    if (!text_valid(request->timezone, TIMEZONE_MAX))
        return "timezone";
    return text_valid(request->idempotency_key, KEY_BYTES) ? NULL : "Idempotency-Key";
}

struct chat *chat_made(struct chats *chats, struct gateway_end *end,
                       const Cloister__ChatRequest *request) {
    struct chat *chat = calloc(1, sizeof(*chat));
    if (chat == NULL)
        return NULL;
    chat->chats = chats;
    chat->end = end;
    chat->request = request->request;
    chat->began_us = clock_us();
    chat->about = *gateway_request_about(end, request->request);
    return chat;
}

static struct chat *chat_new(struct chats *chats, struct gateway_end *end,
                             const Cloister__ChatRequest *request) {
    struct chat *chat = chat_made(chats, end, request);
    if (chat == NULL)
        return NULL;
    chat->conversation =
        strdup(request->conversation[0] != '\0' ? request->conversation : CONVERSATION_DEFAULT);
    snprintf(chat->frontend, sizeof(chat->frontend), "%s", request->caller->frontend);
    chat->name = strdup(request->caller->user);
    bool web = request->caller->session[0] != '\0';
    chat->session = web ? strdup(request->caller->session) : NULL;
    LIST_INSERT_HEAD(&chats->all, chat, listed);
    if (chat->conversation == NULL || chat->name == NULL || (web && chat->session == NULL)) {
        chat_free(chat);
        return NULL;
    }
    return chat;
}

void chat_begin(struct chats *chats, struct gateway_end *end, Cloister__Message *message) {
    SCOPE_MSG Cloister__Message *mine = message;
    const Cloister__ChatRequest *request = message->chat_request;
    const char *wrong = chat_wrong_field(request);
    struct chat *chat = wrong == NULL ? chat_new(chats, end, request) : NULL;
    if (wrong != NULL) {
        gateway_fail(end, request->request, 400, "invalid_field",
                     "A field is empty, too long or not UTF-8.", false);
        return;
    }
    if (chat == NULL) {
        gateway_fail(end, request->request, 503, "full", "The service is short of memory.", true);
        return;
    }
    gateway_request_set_chat(end, request->request, chat);
    if (request->proposal[0] != '\0') {
        chat->message = take_ptr(mine);
        chat_decide(chat);
        return;
    }
    chat->has_key = request->idempotency_key[0] != '\0';
    if (chat->has_key)
        chat_idempotency(request->caller, request->idempotency_key, chat->idempotency);
    chat->message = take_ptr(mine);
    turns_wake(chats->setup.turns, request->caller->frontend, request->caller->user);
    store_session(chats->setup.store, request->caller->frontend, request->caller->user,
                  chat->has_key ? chat->idempotency : NULL, chat_on_session, chat);
}

void chat_abandon(struct chat *chat) {
    gateway_fail(take_ptr(chat->end), chat->request, failure_status("cancelled"), "cancelled",
                 "The request was cancelled.", false);
    if (chat->turn == NULL)
        return;                         /* the callback that is on its way frees it */
    if (chat->started && chat->given) { /* a yes may be carrying a proposal out: its end says */
        chat_host_free(take_ptr(chat->host));
        turn_stop(chat->turn);
        return;
    }
    if (chat->proposal[0] != '\0')
        (void)chat_decide_broken(chat);
    chat_unnoted(chat);
    turn_cancel(take_ptr(chat->turn));
    chat_free(chat);
}

void chat_credit(struct chat *chat, uint32_t bytes) {
    if (chat->turn != NULL)
        turn_credit(chat->turn, bytes);
    else if (chat->message != NULL)
        chat->message->chat_request->credit += bytes;
}
