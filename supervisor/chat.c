#include "supervisor/chat.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

#include "ipc/log.h"
#include "supervisor/chat_host.h"
#include "supervisor/failures.h"
#include "supervisor/gateway_open.h"
#include "supervisor/host_calls.h"

#define CONVERSATION_DEFAULT "default"
#define CONVERSATION_MAX     128
#define TIMEZONE_MAX         64
#define MESSAGE_BYTES        32768
#define KEY_BYTES            256

struct chat {
    LIST_ENTRY(chat) listed;
    struct chats *chats;
    struct gateway_end *end; /* NULL: the reader is gone, the chat only waits for a callback */
    uint64_t request;
    Cloister__Message *message; /* until the turn is submitted */
    struct turn *turn;
    struct chat_host *host;      /* its unanswered host calls */
    struct turn_failure failure; /* while its action_url is being made */
    char *failure_code, *failure_detail;
    char *conversation;
    uint64_t token_version;
    uint8_t idempotency[IDEMPOTENCY_LEN];
    bool has_key, forget; /* forget: the session was deleted meanwhile */
    char user[ID_LEN + 1], connection[ID_LEN + 1], turn_id[ID_LEN + 1];
};

struct chats {
    struct chats_setup setup;
    LIST_HEAD(, chat) all;
};

int chats_new(const struct chats_setup *setup, struct chats **ret) {
    struct chats *chats = calloc(1, sizeof(*chats));
    if (chats == NULL)
        return -ENOMEM;
    chats->setup = *setup;
    LIST_INIT(&chats->all);
    *ret = chats;
    return sodium_init() < 0 ? -EIO : 0;
}

void chats_free(struct chats *chats) {
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

static void chat_free(struct chat *chat) {
    LIST_REMOVE(chat, listed);
    chat_host_free(chat->host);
    msg_free(chat->message);
    free(chat->conversation);
    free(chat->failure_code);
    free(chat->failure_detail);
    free(chat);
}

/* The last word of a chat; after it there is none. */
static void chat_end(struct chat *chat, Cloister__Message *message) {
    if (chat->end != NULL)
        gateway_send(chat->end, message);
    chat_free(chat);
}

static void chat_fail(struct chat *chat, const struct turn_failure *why, const char *action_url) {
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

static void on_reconnect_url(void *ctx, const char *url) {
    struct chat *chat = ctx;
    chat_fail(chat, &chat->failure, url);
}

/* Fails with the address where the owner can connect again. */
static void fail_with_url(struct chat *chat, const char *code, const char *detail,
                          const struct turn_failure *why) {
    chat->failure = *why;
    chat->failure_code = strdup(code);
    chat->failure_detail = strdup(detail);
    chat->failure.code = chat->failure_code != NULL ? chat->failure_code : "internal";
    chat->failure.detail = chat->failure_detail != NULL ? chat->failure_detail : "";
    api_reconnect_url(chat->chats->setup.api, chat->user, on_reconnect_url, chat);
}

/* ---- the turn ---- */

static void on_started(void *ctx, const char *turn_id) {
    struct chat *chat = ctx;
    Cloister__ChatAccepted accepted = CLOISTER__CHAT_ACCEPTED__INIT;
    accepted.request = chat->request;
    accepted.turn = chat->turn_id;
    memcpy(chat->turn_id, turn_id, sizeof(chat->turn_id));
    Cloister__Message message = MSG_OF(CHAT_ACCEPTED, chat_accepted, &accepted);
    gateway_send(chat->end, &message);
}

static void on_event(void *ctx, const Cloister__Message *event) {
    struct chat *chat = ctx;
    if (event->body_case == CLOISTER__MESSAGE__BODY_TURN_DELTA) {
        Cloister__ChatDelta delta = CLOISTER__CHAT_DELTA__INIT;
        delta.request = chat->request;
        delta.text = event->turn_delta->text;
        Cloister__Message message = MSG_OF(CHAT_DELTA, chat_delta, &delta);
        gateway_send(chat->end, &message);
    } else if (event->body_case == CLOISTER__MESSAGE__BODY_TURN_TOOL) {
        Cloister__ChatTool tool = CLOISTER__CHAT_TOOL__INIT;
        tool.request = chat->request;
        tool.name = event->turn_tool->name;
        tool.state = event->turn_tool->state;
        Cloister__Message message = MSG_OF(CHAT_TOOL, chat_tool, &tool);
        gateway_send(chat->end, &message);
    }
}

static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct chat *chat = ctx;
    if (call->op_case == CLOISTER__HOST_CALL__OP_MARK_BROKEN)
        sessions_forget(chat->chats->setup.sessions, chat->user, NULL, true);
    chat_host_call(chat->host, chat->turn, call);
}

static void remember(struct chat *chat, const ProtobufCBinaryData *notes,
                     const ProtobufCBinaryData *access) {
    struct sessions *sessions = chat->chats->setup.sessions;
    int r = 0;
    if (notes->len > 0 && !chat->forget)
        r = sessions_put_notes(sessions, chat->user, "owner", chat->conversation, chat->connection,
                               notes->data, notes->len);
    if (r < 0)
        log_warn("the notes of a conversation are not kept: %s", strerror(-r));
    r = access->len == 0 ? 0
                         : sessions_put_access(sessions, chat->user, chat->connection,
                                               chat->token_version, access->data, access->len);
    if (r < 0)
        log_warn("an access token is not kept: %s", strerror(-r));
}

/* Nothing may speak to the turn any more. */
static void turn_over(struct chat *chat) {
    chat->turn = NULL;
    chat_host_free(take_ptr(chat->host));
}

static void on_done(void *ctx, const Cloister__TurnDone *done) {
    struct chat *chat = ctx;
    turn_over(chat);
    remember(chat, &done->notes, &done->access);
    Cloister__ChatDone reply = CLOISTER__CHAT_DONE__INIT;
    reply.request = chat->request;
    reply.turn = chat->turn_id;
    reply.usage = done->usage;
    Cloister__Message message = MSG_OF(CHAT_DONE, chat_done, &reply);
    chat_end(chat, &message);
}

static void on_error(void *ctx, const Cloister__TurnError *error) {
    struct chat *chat = ctx;
    turn_over(chat);
    remember(chat, &error->notes, &error->access);
    struct turn_failure why = {.status = failure_status(error->code),
                               .code = error->code,
                               .detail = error->detail,
                               .retryable = error->retryable,
                               .unknown_writes = error->unknown_writes,
                               .retry_after_ms = error->retry_after_ms};
    if (strcmp(error->code, "reconnect_required") == 0)
        fail_with_url(chat, error->code, error->detail, &why);
    else
        chat_fail(chat, &why, "");
}

static void on_failed(void *ctx, const struct turn_failure *failure) {
    struct chat *chat = ctx;
    turn_over(chat);
    chat_fail(chat, failure, "");
}

static const struct turn_ops chat_turn_ops = {on_started, on_event, on_host_call,
                                              on_done,    on_error, on_failed};

static ProtobufCBinaryData bytes_of(struct session_blob blob) {
    return (ProtobufCBinaryData){.len = blob.len, .data = (uint8_t *)blob.data};
}

static void submit(struct chat *chat, const struct store_session *session) {
    const Cloister__ChatRequest *request = chat->message->chat_request;
    struct sessions *sessions = chat->chats->setup.sessions;
    Cloister__SealedState state = *session->state;
    state.connection = chat->connection;
    state.notes = bytes_of(
        sessions_notes(sessions, chat->user, "owner", chat->conversation, chat->connection));
    state.access =
        bytes_of(sessions_access(sessions, chat->user, chat->connection, state.token_version));
    chat->token_version = state.token_version;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    start.kind = CLOISTER__TURN_KIND__TURN_CHAT;
    start.credit = request->credit;
    start.state = &state;
    start.conversation = chat->conversation;
    start.message = request->message;
    start.timezone = request->timezone;
    start.grant = request->caller->grant;
    start.repeated = session->repeated;
    if (chat->has_key)
        start.idempotency = (ProtobufCBinaryData){IDEMPOTENCY_LEN, chat->idempotency};
    struct turn_failure refused;
    chat->turn = turns_submit(chat->chats->setup.turns, chat->user, "owner", chat->connection,
                              &start, &chat_turn_ops, chat, &refused);
    msg_free(take_ptr(chat->message));
    if (chat->turn == NULL)
        chat_fail(chat, &refused, "");
}

/* ---- before the turn ---- */

static const struct turn_failure not_connected = {
    409,
    "not_connected",
    "No calendar is connected. Make a connect link (POST /v1/users/{user}/connect-links) and open "
    "it.",
    false,
    false,
    0};
static const struct turn_failure unknown_user = {
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
static const struct turn_failure internal = {500,  "internal", "The request could not be handled.",
                                             true, false,      0};

static void on_session(void *ctx, int error, const struct store_session *session) {
    struct chat *chat = ctx;
    if (chat->end == NULL) {
        chat_free(chat);
        return;
    }
    if (error < 0 || session == NULL) {
        chat_fail(chat,
                  error == -ENOENT   ? &unknown_user
                  : error == -EAGAIN ? &database_away
                                     : &internal,
                  "");
        return;
    }
    memcpy(chat->user, session->user, sizeof(chat->user));
    memcpy(chat->connection, session->connection, sizeof(chat->connection));
    const char *state = session->connection_state;
    chat->host = chat_host_new(chat->chats->setup.store, chat->user, chat->connection);
    if (chat->host == NULL)
        chat_fail(chat, &internal, "");
    else if (strcmp(state, "broken") == 0)
        fail_with_url(chat, "reconnect_required",
                      "Google does not accept the connection any more. Connect the calendar again.",
                      &broken);
    else if (strcmp(state, "disconnecting") == 0)
        chat_fail(chat, &disconnecting, "");
    else if (strcmp(state, "active") != 0 || chat->connection[0] == '\0' || session->state == NULL)
        chat_fail(chat, &not_connected, "");
    else
        submit(chat, session);
}

/* What the gateway should have refused already. NULL when all is well. */
static const char *wrong_field(const Cloister__ChatRequest *request) {
    if (request->message[0] == '\0' || !text_valid(request->message, MESSAGE_BYTES))
        return "message";
    if (!text_valid(request->conversation, CONVERSATION_MAX))
        return "conversation";
    if (!text_valid(request->timezone, TIMEZONE_MAX))
        return "timezone";
    return text_valid(request->idempotency_key, KEY_BYTES) ? NULL : "Idempotency-Key";
}

static struct chat *chat_new(struct chats *chats, struct gateway_end *end,
                             const Cloister__ChatRequest *request) {
    struct chat *chat = calloc(1, sizeof(*chat));
    if (chat == NULL)
        return NULL;
    chat->chats = chats;
    chat->end = end;
    chat->request = request->request;
    chat->conversation =
        strdup(request->conversation[0] != '\0' ? request->conversation : CONVERSATION_DEFAULT);
    LIST_INSERT_HEAD(&chats->all, chat, listed);
    if (chat->conversation == NULL) {
        chat_free(chat);
        return NULL;
    }
    return chat;
}

void chat_begin(struct chats *chats, struct gateway_end *end, Cloister__Message *message) {
    SCOPE_MSG Cloister__Message *mine = message;
    const Cloister__ChatRequest *request = message->chat_request;
    const char *wrong = wrong_field(request);
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
    chat->has_key = request->idempotency_key[0] != '\0';
    if (chat->has_key)
        chat_idempotency(request->caller, request->idempotency_key, chat->idempotency);
    chat->message = take_ptr(mine);
    store_session(chats->setup.store, request->caller->frontend, request->caller->user,
                  chat->has_key ? chat->idempotency : NULL, on_session, chat);
}

void chat_abandon(struct chat *chat) {
    gateway_fail(take_ptr(chat->end), chat->request, failure_status("cancelled"), "cancelled",
                 "The request was cancelled.", false);
    if (chat->turn == NULL)
        return; /* the callback that is on its way frees it */
    turn_cancel(take_ptr(chat->turn));
    chat_free(chat);
}

void chat_credit(struct chat *chat, uint32_t bytes) {
    if (chat->turn != NULL)
        turn_credit(chat->turn, bytes);
    else if (chat->message != NULL)
        chat->message->chat_request->credit += bytes;
}

/* ---- forgetting ---- */

struct forgetting {
    struct chats *chats;
    struct gateway_end *end;
    Cloister__Message *message;
};

static void on_forget(void *ctx, int error, const struct store_session *session) {
    struct forgetting *forgetting = ctx;
    struct chats *chats = forgetting->chats;
    const Cloister__SessionDelete *request = forgetting->message->session_delete;
    const char *conversation = request->conversation[0] != '\0' ? request->conversation : NULL;
    if (error == -ENOENT) {
        gateway_fail(forgetting->end, request->request, unknown_user.status, unknown_user.code,
                     unknown_user.detail, false);
    } else if (error < 0 || session == NULL) {
        gateway_fail_store(forgetting->end, request->request);
    } else {
        sessions_forget(chats->setup.sessions, session->user, conversation, false);
        struct chat *chat;
        LIST_FOREACH(chat, &chats->all, listed)
        if (strcmp(chat->user, session->user) == 0 &&
            (conversation == NULL || strcmp(chat->conversation, conversation) == 0))
            chat->forget = true;
        Cloister__Ok ok = CLOISTER__OK__INIT;
        ok.request = request->request;
        Cloister__Message reply = MSG_OF(OK, ok, &ok);
        gateway_send(forgetting->end, &reply);
    }
    msg_free(forgetting->message);
    free(forgetting);
}

void chat_session_delete(struct chats *chats, struct gateway_end *end, Cloister__Message *message) {
    struct forgetting *forgetting = calloc(1, sizeof(*forgetting));
    const Cloister__SessionDelete *request = message->session_delete;
    if (forgetting == NULL || !text_valid(request->conversation, CONVERSATION_MAX)) {
        gateway_fail(end, request->request, forgetting == NULL ? 503 : 400,
                     forgetting == NULL ? "full" : "invalid_field",
                     "The conversation is too long or not UTF-8.", forgetting == NULL);
        free(forgetting);
        msg_free(message);
        return;
    }
    *forgetting = (struct forgetting){chats, end, message};
    store_session(chats->setup.store, request->caller->frontend, request->caller->user, NULL,
                  on_forget, forgetting);
}
