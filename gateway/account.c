/* What belongs to a user: conversation, memory, connection. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/call.h"
#include "gateway/query.h"

static bool id_fits(const char *id) {
    size_t len = strlen(id);
    return len > 0 && len <= 64 &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

static json_t *strings(char *const *list, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(array, json_string(list[i]));
    return array;
}

static json_t *moment(int64_t ms) {
    char text[40];
    return time_text(ms, text) ? json_string(text) : json_null();
}

static bool on_ok(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    if (call_replied(call, end, message, CLOISTER__MESSAGE__BODY_OK))
        call_answer(call, 204, NULL, NULL, 0, NULL, 0);
    return false;
}

void handle_session_delete(struct call *call) {
    const char *user = call_user(call);
    char conversation[CONVERSATION_MAX + 1] = "";
    if (user == NULL)
        return;
    int r = query_get(call->query, "conversation", conversation, sizeof(conversation));
    if (r < 0 || (conversation[0] != '\0' && !name_valid(conversation, CONVERSATION_MAX))) {
        call_refuse(
            call, 400, "invalid_field",
            "'conversation' may come once, with at most 128 bytes and no control characters.");
        return;
    }
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    Cloister__SessionDelete request = CLOISTER__SESSION_DELETE__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    request.conversation = conversation;
    Cloister__Message message = MSG_OF(SESSION_DELETE, session_delete, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_ok);
}

static json_t *memory_json(const Cloister__Memory *item) {
    return json_pack("{s:s, s:s, s:o}", "id", item->id, "text", item->text, "created_at",
                     moment(item->created_at_ms));
}

static bool on_memories(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_MEMORIES))
        return false;
    json_t *items = json_array();
    for (size_t i = 0; i < message->memories->n_items; i++)
        (void)json_array_append_new(items, memory_json(message->memories->items[i]));
    call_json(call, 200, json_pack("{s:o}", "items", items));
    return false;
}

void handle_memory_list(struct call *call) {
    const char *user = call_user(call);
    if (user == NULL)
        return;
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    Cloister__MemoryList request = CLOISTER__MEMORY_LIST__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    Cloister__Message message = MSG_OF(MEMORY_LIST, memory_list, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_memories);
}

static bool on_corrected(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_MEMORIES))
        return false;
    if (message->memories->n_items == 1)
        call_json(call, 200, memory_json(message->memories->items[0]));
    else
        call_refuse(call, 500, "internal", "An unexpected answer came from inside.");
    return false;
}

static bool memory_id_fits(struct call *call) {
    if (id_fits(call->param[1]))
        return true;
    call_refuse(call, 400, "invalid_field",
                "The id must be one that GET …/memory returned: letters, digits, '-' and '_'.");
    return false;
}

void handle_memory_put(struct call *call) {
    static const struct field rows[] = {{"text", FIELD_TEXT, true, MEMORY_TEXT_MAX, NULL}};
    const char *user = call_user(call);
    if (user == NULL || !memory_id_fits(call) || !call_fields(call, rows, COUNT_OF(rows)))
        return;
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    Cloister__MemoryPut request = CLOISTER__MEMORY_PUT__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    request.id = call->param[1];
    request.text = (char *)(uintptr_t)field_text(call->body, "text");
    Cloister__Message message = MSG_OF(MEMORY_PUT, memory_put, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_corrected);
}

void handle_memory_delete(struct call *call) {
    const char *user = call_user(call);
    bool one = strstr(call->route->pattern, "{id}") != NULL;
    if (user == NULL)
        return;
    if (one && !memory_id_fits(call))
        return;
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    Cloister__MemoryDelete request = CLOISTER__MEMORY_DELETE__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    if (one)
        request.id = call->param[1];
    Cloister__Message message = MSG_OF(MEMORY_DELETE, memory_delete, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_ok);
}

static bool on_state(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_CONNECTION_STATE))
        return false;
    const Cloister__ConnectionState *state = message->connection_state;
    json_t *object = json_pack("{s:s, s:o, s:o, s:o}", "state", state->state, "scopes",
                               strings(state->scopes, state->n_scopes), "features",
                               strings(state->features, state->n_features), "missing",
                               strings(state->missing, state->n_missing));
    if (state->connected_at_ms > 0)
        (void)json_object_set_new(object, "connected_at", moment(state->connected_at_ms));
    if (web_address(state->action_url))
        (void)json_object_set_new(object, "action_url", json_string(state->action_url));
    call_json(call, 200, object);
    return false;
}

void handle_connection_get(struct call *call) {
    const char *user = call_user(call);
    if (user == NULL)
        return;
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    Cloister__ConnectionGet request = CLOISTER__CONNECTION_GET__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    Cloister__Message message = MSG_OF(CONNECTION_GET, connection_get, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_state);
}

static bool on_deleted(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_CONNECTION_DELETED))
        return false;
    json_t *object = json_pack("{s:b}", "revoked", (int)message->connection_deleted->revoked);
    if (message->connection_deleted->detail[0] != '\0')
        (void)json_object_set_new(object, "detail",
                                  json_string(message->connection_deleted->detail));
    call_json(call, 200, object);
    return false;
}

void handle_connection_delete(struct call *call) {
    const char *user = call_user(call);
    if (user == NULL)
        return;
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    Cloister__ConnectionDelete request = CLOISTER__CONNECTION_DELETE__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    Cloister__Message message = MSG_OF(CONNECTION_DELETE, connection_delete, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_deleted);
}

void handle_grants_revoke(struct call *call) {
    const char *user = call_user(call);
    if (user == NULL)
        return;
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    Cloister__GrantsRevoke request = CLOISTER__GRANTS_REVOKE__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    Cloister__Message message = MSG_OF(GRANTS_REVOKE, grants_revoke, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_ok);
}
