/* A customer's chat with a business: from a public gateway's CHAT_REQUEST through cloister-business
 * (which business, and may it be chatted with) and the database to a turn of origin "customer". It
 * is given the published profile and its own conversation's notes, and nothing of the owner's: no
 * token, no preference, no note. Whatever is wrong with the owner's connection or budgets is not a
 * customer's to know. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/chat_state.h"
#include "supervisor/failures.h"
#include "supervisor/gateway_open.h"
#include "supervisor/host_calls.h"

#define CONVERSATION_MIN  22u /* characters: nobody finds another's by trying */
#define CUSTOMER_CONV_MAX 64u
#define SLUG_BYTES        64u
#define KEY_SCOPE         "cloister-customer"

static const struct turn_failure away = {
    503,
    "business_unavailable",
    "This business's assistant cannot answer at the moment. Try again later.",
    true,
    false,
    5000};
static const struct turn_failure memory = {
    503, "full", "The service is short of memory. Ask again shortly.", true, false, 1000};

/* ---- the turn ---- */

static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct chat *chat = ctx;
    chat_host_call(chat->host, chat->turn, call);
}

static void turn_over(struct chat *chat) {
    chat->turn = NULL;
    chat_host_free(take_ptr(chat->host));
}

static void remember(struct chat *chat, const ProtobufCBinaryData *notes) {
    if (notes->len == 0 || chat->forget)
        return;
    int r = sessions_put_notes(chat->chats->setup.sessions, chat->user, "customer",
                               chat->conversation, chat->connection, notes->data, notes->len);
    if (r < 0)
        log_warn("the notes of a conversation are not kept: %s", strerror(-r));
}

static void on_done(void *ctx, const Cloister__TurnDone *done) {
    struct chat *chat = ctx;
    const struct about about = chat->about;
    LOG_ABOUT(.request = about.request, .trace = about.trace);
    turn_over(chat);
    remember(chat, &done->notes);
    Cloister__ChatDone reply = CLOISTER__CHAT_DONE__INIT;
    reply.request = chat->request;
    reply.turn = chat->turn_id;
    Cloister__Message message = MSG_OF(CHAT_DONE, chat_done, &reply);
    chat_end(chat, &message);
}

/* Causes that are the owner's affair. */
static bool is_owners(const char *code) {
    static const char *const owners[] = {"not_connected",  "reconnect_required",
                                         "disconnected",   "missing_permission",
                                         "budget_used_up", "unknown_user"};
    for (size_t i = 0; i < COUNT_OF(owners); i++)
        if (strcmp(code, owners[i]) == 0)
            return true;
    return strncmp(code, "grant_", 6) == 0 || failure_status(code) == 0;
}

static void on_error(void *ctx, const Cloister__TurnError *error) {
    struct chat *chat = ctx;
    const struct about about = chat->about;
    LOG_ABOUT(.request = about.request, .trace = about.trace);
    turn_over(chat);
    remember(chat, &error->notes);
    const struct turn_failure why = {.status = failure_status(error->code),
                                     .code = error->code,
                                     .detail = error->detail,
                                     .retryable = error->retryable,
                                     .unknown_writes = error->unknown_writes,
                                     .retry_after_ms = error->retry_after_ms};
    chat_fail(chat, is_owners(error->code) ? &away : &why, "");
}

static void on_failed(void *ctx, const struct turn_failure *failure) {
    struct chat *chat = ctx;
    turn_over(chat);
    chat_fail(chat, is_owners(failure->code) ? &away : failure, "");
}

static void on_begins(void *ctx, Cloister__SealedState *state) {
    struct chat *chat = ctx;
    struct session_blob notes = sessions_notes(chat->chats->setup.sessions, chat->user, "customer",
                                               chat->conversation, chat->connection);
    state->notes = (ProtobufCBinaryData){notes.len, (uint8_t *)(uintptr_t)notes.data};
}

static const struct turn_ops ops = {chat_on_started, chat_on_event, on_host_call, on_done,
                                    on_error,        on_failed,     on_begins};

/* Turns of one conversation run one after the other, those of others beside them. */
static void choose_cell(struct chat *chat) {
    const struct chat *other;
    LIST_FOREACH(other, &chat->chats->customers, listed) {
        if (other == chat || other->turn == NULL || strcmp(other->user, chat->user) != 0 ||
            strcmp(other->conversation, chat->conversation) != 0)
            continue;
        memcpy(chat->cell, other->cell, sizeof(chat->cell));
        return;
    }
    turns_choose_cell(chat->chats->setup.turns, chat->user, "customer", chat->cell);
}

static void submit(struct chat *chat, const struct store_session *session) {
    const Cloister__ChatRequest *request = chat->message->chat_request;
    Cloister__ContextText profile = CLOISTER__CONTEXT_TEXT__INIT, *context[] = {&profile};
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    Cloister__About about;
    struct turn_failure refused;
    state.connection = chat->connection;
    profile.source = CLOISTER__TEXT_SOURCE__SOURCE_RECORD;
    profile.about = (char *)"profile";
    profile.text = chat->context;
    start.about = about_write(&chat->about, &about);
    start.kind = CLOISTER__TURN_KIND__TURN_CHAT;
    start.credit = request->credit;
    start.state = &state;
    start.conversation = chat->conversation;
    start.message = request->message;
    start.timezone = request->timezone[0] != '\0' ? request->timezone : chat->zone;
    start.frontend = (char *)(uintptr_t)session->frontend;
    start.business = chat->business;
    start.context = context;
    start.n_context = COUNT_OF(context);
    start.tokens_left = chat->left.tokens;
    start.spend_left = chat->left.spend;
    if (chat->has_key)
        start.idempotency = (ProtobufCBinaryData){IDEMPOTENCY_LEN, chat->idempotency};
    choose_cell(chat);
    chat->turn = turns_submit(chat->chats->setup.turns, chat->user, chat->cell, chat->connection,
                              &start, &ops, chat, &refused);
    msg_free(take_ptr(chat->message));
    if (chat->turn == NULL)
        chat_fail(chat, &refused, "");
}

/* ---- before it ---- */

static void on_session(void *ctx, int error, const struct store_session *session) {
    struct chat *chat = ctx;
    struct budget_refusal refusal;
    const struct chats_setup *setup = &chat->chats->setup;
    if (chat->end == NULL) {
        chat_free(chat);
        return;
    }
    if (error != 0 || strcmp(session->connection_state, "active") != 0 ||
        !budgets_allow(setup->budgets, session->frontend, session, wall_ms(), &chat->left,
                       &refusal)) {
        chat_fail(chat, &away, "");
        return;
    }
    memcpy(chat->connection, session->connection, sizeof(chat->connection));
    chat->host = chat_host_new(setup->store, chat->user, chat->connection);
    if (chat->host == NULL) {
        chat_fail(chat, &memory, "");
        return;
    }
    chat_host_business(chat->host, setup->business, "customer", chat->business);
    submit(chat, session);
}

/* What begin_chat gives. False: it is not as business/api has it. */
static bool take_begin(struct chat *chat, const char *text) {
    json_t *result = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *user = json_string_value(json_object_get(result, "user"));
    const char *context = json_string_value(json_object_get(result, "context"));
    const char *zone = json_string_value(json_object_get(result, "timezone"));
    bool sound = user != NULL && id_valid(user) && context != NULL && zone != NULL &&
                 strlen(zone) < sizeof(chat->zone);
    if (sound) {
        strcpy(chat->user, user);
        strcpy(chat->zone, zone);
        chat->context = strdup(context);
    }
    json_decref(result);
    return sound && chat->context != NULL;
}

static void refuse_begin(struct chat *chat, const Cloister__BusinessResult *result) {
    const struct turn_failure why = {.status = result->status,
                                     .code = result->code,
                                     .detail = result->detail,
                                     .retryable = result->status == 429 || result->status == 503,
                                     .retry_after_ms = result->retry_after_ms};
    bool named = result->status >= 400 && result->status <= 599 && word_valid(result->code, 48);
    chat_fail(chat, named ? &why : &chat_internal, "");
}

static void on_begun(void *ctx, const Cloister__BusinessResult *result) {
    struct chat *chat = ctx;
    if (chat->end == NULL)
        chat_free(chat);
    else if (result->status >= 400)
        refuse_begin(chat, result);
    else if (!take_begin(chat, result->result))
        chat_fail(chat, &chat_internal, "");
    else
        store_session_of(chat->chats->setup.store, chat->user, on_session, chat);
}

static bool begin(struct chat *chat) {
    SCOPE_FREE char *arguments = NULL;
    json_t *named = json_pack("{s:s}", "business", chat->business);
    Cloister__BusinessCall call = CLOISTER__BUSINESS_CALL__INIT;
    arguments = json_dumps(named, JSON_COMPACT);
    json_decref(named);
    if (arguments == NULL)
        return false;
    call.operation = (char *)"begin_chat";
    call.arguments = arguments;
    call.client = chat->message->chat_request->client;
    call.origin = (char *)"cloisterd";
    call.timeout_ms = 5000;
    return business_call(chat->chats->setup.business, &call, on_begun, chat) != NULL;
}

/* ---- the request ---- */

static bool conversation_sound(const char *name) {
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return name[len] == '\0' && (len == 0 || (len >= CONVERSATION_MIN && len <= CUSTOMER_CONV_MAX));
}

static bool slug_sound(const char *slug) {
    size_t len = strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return slug[len] == '\0' && len > 0 && len <= SLUG_BYTES;
}

static const char *wrong_of(const Cloister__ChatRequest *request) {
    const Cloister__Caller *caller = request->caller;
    if (caller != NULL &&
        (caller->frontend[0] != '\0' || caller->user[0] != '\0' || caller->grant[0] != '\0' ||
         caller->session[0] != '\0' || caller->csrf[0] != '\0'))
        return "The caller of a customer's chat is nobody in particular.";
    if (!slug_sound(request->business))
        return "The business is not named properly.";
    if (request->proposal[0] != '\0' || chat_wrong_field(request) != NULL)
        return "A field is empty, too long or not UTF-8.";
    if (!conversation_sound(request->conversation))
        return "A conversation's name must have 22 to 64 characters of A-Z, a-z, 0-9, - and _, and "
               "must not be guessable.";
    return NULL;
}

/* The same conversation's name means another one at another business. Without a name there is
 * nothing to go on with later. */
static char *conversation_of(const Cloister__ChatRequest *request) {
    char once[ID_LEN + 1], *name;
    id_random(once);
    const char *given = request->conversation[0] != '\0' ? request->conversation : once;
    return asprintf(&name, "%s/%s", request->business, given) < 0 ? NULL : name;
}

static struct chat *chat_new(struct chats *chats, struct gateway_end *end,
                             const Cloister__ChatRequest *request) {
    struct chat *chat = chat_made(chats, end, request);
    if (chat == NULL)
        return NULL;
    chat->conversation = conversation_of(request);
    chat->business = strdup(request->business);
    LIST_INSERT_HEAD(&chats->customers, chat, listed);
    if (chat->conversation == NULL || chat->business == NULL) {
        chat_free(chat);
        return NULL;
    }
    return chat;
}

/* A key means the same request only within its conversation: whoever knows that is the same. */
static void take_key(struct chat *chat, const Cloister__ChatRequest *request) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    caller.frontend = (char *)KEY_SCOPE;
    caller.user = chat->conversation;
    chat->has_key = request->idempotency_key[0] != '\0';
    if (chat->has_key)
        chat_idempotency(&caller, request->idempotency_key, chat->idempotency);
}

void chat_customer_begin(struct chats *chats, struct gateway_end *end, Cloister__Message *message) {
    SCOPE_MSG Cloister__Message *mine = message;
    const Cloister__ChatRequest *request = message->chat_request;
    const char *wrong = wrong_of(request);
    struct chat *chat = wrong == NULL ? chat_new(chats, end, request) : NULL;
    if (wrong != NULL) {
        gateway_fail(end, request->request, 400, "invalid_field", wrong, false);
        return;
    }
    if (chat == NULL) {
        gateway_fail(end, request->request, memory.status, memory.code, memory.detail, true);
        return;
    }
    gateway_request_set_chat(end, request->request, chat);
    take_key(chat, request);
    chat->message = take_ptr(mine);
    if (chats->setup.business == NULL || !begin(chat))
        chat_fail(chat, &away, "");
}
