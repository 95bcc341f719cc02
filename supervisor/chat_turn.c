/* A chat's turn: what it starts with, what is relayed, what is remembered of it. */
#include <string.h>

#include "ipc/log.h"
#include "supervisor/chat_state.h"
#include "supervisor/failures.h"
#include "supervisor/store_connect.h"

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
    chat_renewed(chat, done->grant);
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
    if (failure_status(error->code) == 0) {
        log_error("a turn ended with an error code that is not in failures.def");
        chat_fail(chat, &chat_internal, "");
        return;
    }
    struct turn_failure why = {.status = failure_status(error->code),
                               .code = error->code,
                               .detail = error->detail,
                               .retryable = error->retryable,
                               .unknown_writes = error->unknown_writes,
                               .retry_after_ms = error->retry_after_ms};
    if (strcmp(error->code, "reconnect_required") == 0 ||
        strcmp(error->code, "grant_expired") == 0 || strcmp(error->code, "grant_revoked") == 0)
        chat_fail_with_url(chat, error->code, error->detail, &why);
    else
        chat_fail(chat, &why, "");
}

/* The owner has another account than before: ending that one ends whatever runs for the user. What
 * was asked of the account that stays has only to be asked again. */
static void on_connection(void *ctx, int error, const struct store_connection *row) {
    static const char detail[] = "An earlier connection was just being ended. Ask again.";
    struct chat *chat = ctx;
    if (error == 0 && strcmp(row->id, chat->connection) == 0 && strcmp(row->state, "active") == 0)
        chat->failure = (struct turn_failure){.status = failure_status("agent_lost"),
                                              .code = "agent_lost",
                                              .detail = detail,
                                              .retryable = true,
                                              .unknown_writes = chat->failure.unknown_writes};
    chat_fail(chat, &chat->failure, "");
}

/* The words of a failure are static. */
static void on_failed(void *ctx, const struct turn_failure *failure) {
    struct chat *chat = ctx;
    turn_over(chat);
    if (strcmp(failure->code, "disconnected") != 0) {
        chat_fail(chat, failure, "");
        return;
    }
    chat->failure = *failure;
    store_connection_get(chat->chats->setup.store, chat->user, on_connection, chat);
}

static const struct turn_ops chat_turn_ops = {on_started, on_event, on_host_call,
                                              on_done,    on_error, on_failed};

static ProtobufCBinaryData bytes_of(struct session_blob blob) {
    return (ProtobufCBinaryData){.len = blob.len, .data = (uint8_t *)blob.data};
}

void chat_submit(struct chat *chat, const struct store_session *session) {
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
    start.frontend = chat->frontend;
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
