#include "gateway/chat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/sse.h"
#include "ipc/log.h"

struct chat {
    struct call *call;
    struct sse *sse;         /* streamed */
    struct evbuffer *reply;  /* collected: the inside of a JSON string */
    struct evbuffer *tail;   /* collected: bytes of a character still incomplete */
    json_t *proposals;       /* collected */
    struct event *heartbeat; /* streamed */
    uint64_t request;        /* 0 once cloisterd is done with it */
    uint64_t spoke_ms;
    bool accepted, started, ended;
    char conversation[CONVERSATION_MAX + 1]; /* a customer's, who has to know it; "" */
    uint32_t owed; /* credit of a collected reply that is still to be given back */
};

static void chat_free(struct chat *chat) {
    if (chat->started)
        chat->call->gateway->streams_open--;
    if (chat->heartbeat != NULL)
        event_free(chat->heartbeat);
    sse_free(chat->sse);
    if (chat->reply != NULL)
        evbuffer_free(chat->reply);
    if (chat->tail != NULL)
        evbuffer_free(chat->tail);
    json_decref(chat->proposals);
    free(chat);
}

static void tell_cancel(struct chat *chat) {
    if (chat->request == 0)
        return;
    Cloister__ChatCancel cancel = CLOISTER__CHAT_CANCEL__INIT;
    cancel.request = chat->request;
    Cloister__Message message = MSG_OF(CHAT_CANCEL, chat_cancel, &cancel);
    upstream_forget(chat->call->gateway->upstream, chat->request);
    upstream_tell(chat->call->gateway->upstream, &message);
    chat->request = chat->call->ask = 0;
}

static void tell_credit(struct chat *chat, uint32_t bytes) {
    if (bytes == 0 || chat->request == 0)
        return;
    Cloister__ChatCredit credit = CLOISTER__CHAT_CREDIT__INIT;
    credit.request = chat->request;
    credit.bytes = bytes;
    Cloister__Message message = MSG_OF(CHAT_CREDIT, chat_credit, &credit);
    upstream_tell(chat->call->gateway->upstream, &message);
}

/* A whole reply is collected at once, so its credit could go back with every piece; a turn that
 * hears of each small piece would have more messages waiting than its channel holds. */
static void owe_credit(struct chat *chat, uint32_t bytes) {
    chat->owed += bytes;
    if (chat->owed < chat->call->gateway->limits.credit / 4)
        return;
    tell_credit(chat, chat->owed);
    chat->owed = 0;
}

/* The client has gone, or the request is over: the one place where a chat ends. */
static void on_gone(struct call *call) {
    struct chat *chat = call->state;
    tell_cancel(chat);
    call->state = NULL;
    call->cancel = NULL;
    call->drained = NULL;
    chat_free(chat);
}

/* Sends what may go, gives credit back, ends the stream when all is said. */
static void stream_pump(struct chat *chat) {
    struct call *call = chat->call;
    struct evbuffer *out = evbuffer_new();
    if (out == NULL) {
        conn_abort(call->conn);
        return;
    }
    sse_pump(chat->sse, conn_waiting(call->conn), out);
    if (evbuffer_get_length(out) > 0) {
        chat->spoke_ms = clock_ms();
        conn_stream_send(call->conn, out);
    }
    evbuffer_free(out);
    tell_credit(chat, sse_credit(chat->sse));
    if (chat->ended && sse_empty(chat->sse)) {
        struct conn *conn = call->conn;
        on_gone(call);
        conn_stream_end(conn); /* may free the call */
    }
}

static void on_drained(struct call *call, size_t waiting) {
    (void)waiting;
    stream_pump(call->state);
}

static void stream_comment(struct chat *chat, const char *comment) {
    struct evbuffer *out = evbuffer_new();
    if (out == NULL)
        return;
    (void)evbuffer_add(out, comment, strlen(comment));
    chat->spoke_ms = clock_ms();
    conn_stream_send(chat->call->conn, out);
    evbuffer_free(out);
}

static void heartbeat_arm(struct chat *chat) {
    uint64_t beat = chat->call->gateway->limits.heartbeat_ms;
    uint64_t silent = clock_ms() - chat->spoke_ms, wait = silent < beat ? beat - silent : beat;
    struct timeval tv = {(time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000)};
    (void)event_add(chat->heartbeat, &tv);
}

/* A reader that takes nothing gets no more comments: they would only pile up. */
static void on_heartbeat(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct chat *chat = ctx;
    bool due = clock_ms() - chat->spoke_ms >= chat->call->gateway->limits.heartbeat_ms;
    if (due && conn_waiting(chat->call->conn) == 0)
        stream_comment(chat, ": still here\n\n");
    heartbeat_arm(chat);
}

/* The stream starts with the turn, so that a refusal before it is an HTTP status. */
static void stream_start(struct chat *chat) {
    chat->accepted = true;
    if (chat->started || chat->sse == NULL)
        return;
    chat->started = true;
    chat->call->gateway->streams_open++;
    metrics_add(&chat->call->gateway->metrics, METRIC_STREAMS, 0, 0, 1);
    call_stream(chat->call);
    stream_comment(chat, ": accepted\n\n");
    heartbeat_arm(chat);
}

/* What was collected of a reply that broke off, as a JSON string; NULL: nothing, or no memory. It
 * may hold what its reader has from nowhere else, the link of a booking say. */
static json_t *collected(struct chat *chat) {
    struct evbuffer *quoted = NULL;
    json_t *text = NULL;
    if (chat->reply != NULL && evbuffer_get_length(chat->reply) > 0)
        quoted = evbuffer_new();
    if (quoted == NULL)
        return NULL;
    (void)evbuffer_add(quoted, "\"", 1);
    (void)evbuffer_add_buffer(quoted, chat->reply);
    (void)evbuffer_add(quoted, "\"", 1);
    const char *json = (const char *)evbuffer_pullup(quoted, -1);
    if (json != NULL)
        text = json_loadb(json, evbuffer_get_length(quoted), JSON_DECODE_ANY, NULL);
    evbuffer_free(quoted);
    return text;
}

/* Ends the chat with a problem: a status before the stream, an event within it. */
static void chat_fail(struct chat *chat, const struct problem *problem) {
    struct call *call = chat->call;
    struct problem named = *problem;
    if (!chat->started) {
        json_t *reply = collected(chat);
        tell_cancel(chat);
        named.reply = json_string_value(reply);
        call_problem(call, &named);
        json_decref(reply);
        return; /* on_gone frees the chat when the connection closes */
    }
    named.request_id = call->id;
    SCOPE_FREE char *data = problem_event(&named);
    tell_cancel(chat);
    if (data == NULL || sse_event(chat->sse, "error", data) < 0) {
        conn_abort(call->conn); /* rather an end without a word than a wrong one */
        return;
    }
    chat->ended = true;
    stream_pump(chat);
}

static void chat_fail_internal(struct chat *chat, const char *code, const char *detail) {
    struct problem problem = {
        .status = 502, .code = code, .detail = detail, .unknown_writes = true};
    chat_fail(chat, &problem);
}

/* Queues an event and sends what may go. False: the chat is over. */
static bool stream_event(struct chat *chat, const char *name, json_t *object) {
    SCOPE_FREE char *data = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    int r = data == NULL ? -ENOMEM : sse_event(chat->sse, name, data);
    if (data != NULL)
        explicit_bzero(data, strlen(data));
    if (r == 0)
        return true;
    chat_fail_internal(chat, "internal", "The answer could not be passed on.");
    return false;
}

/* JSON mode: text is escaped as it comes; a character cut in two waits for its other half. */
static void collect_text(struct chat *chat, const char *text) {
    struct evbuffer *tail = chat->tail;
    (void)evbuffer_add(tail, text, strlen(text));
    size_t len = evbuffer_get_length(tail);
    const char *bytes = (const char *)evbuffer_pullup(tail, -1);
    if (bytes != NULL)
        (void)evbuffer_drain(tail, json_escape(chat->reply, bytes, len, true));
    if (evbuffer_get_length(chat->reply) > chat->call->gateway->limits.reply) {
        (void)evbuffer_drain(chat->reply, evbuffer_get_length(chat->reply));
        chat_fail_internal(
            chat, "reply_too_large",
            "The reply is longer than a JSON answer may be; ask for an event stream.");
        return;
    }
    owe_credit(chat, (uint32_t)strlen(text));
}

static void on_text(struct chat *chat, const char *text) {
    if (chat->sse == NULL) {
        collect_text(chat, text);
        return;
    }
    int r = sse_text(chat->sse, text, strlen(text));
    if (r == -EDQUOT)
        log_error("cloisterd sent more text than it had credit for");
    if (r < 0)
        chat_fail_internal(chat, "internal", "The answer could not be passed on.");
    else
        stream_pump(chat);
}

static void on_tool(struct chat *chat, const Cloister__ChatTool *tool) {
    if (chat->sse == NULL)
        return;
    json_t *object = json_pack("{s:s?, s:s?}", "name", tool->name, "state", tool->state);
    if (stream_event(chat, "tool", object))
        stream_pump(chat);
}

static void on_proposal(struct chat *chat, const Cloister__ChatProposal *proposal) {
    json_t *arguments = json_loads(proposal->arguments, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(arguments)) {
        json_decref(arguments);
        chat_fail_internal(chat, "internal", "A proposal could not be read.");
        return;
    }
    json_t *object =
        json_pack("{s:s, s:s, s:o, s:s}", "id", proposal->id, "summary", proposal->summary,
                  "arguments", arguments, "expires_at", proposal->expires_at);
    if (chat->sse == NULL)
        (void)json_array_append_new(chat->proposals, object);
    else if (stream_event(chat, "proposal", object))
        stream_pump(chat);
}

static json_t *usage_json(const Cloister__Usage *usage) {
    static const Cloister__Usage none = CLOISTER__USAGE__INIT;
    if (usage == NULL)
        usage = &none;
    return json_pack("{s:I, s:I, s:I, s:I}", "input_tokens", (json_int_t)usage->input_tokens,
                     "output_tokens", (json_int_t)usage->output_tokens, "model_calls",
                     (json_int_t)usage->model_calls, "tool_calls", (json_int_t)usage->tool_calls);
}

static json_t *words_json(char *const *words, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, json_string(words[i]));
    return list;
}

/* What is told at the end beside the turn's id: {"usage":{…},"shown":[…],"settled":[…]}. */
static json_t *end_json(const struct chat *chat, const Cloister__ChatDone *done) {
    if (chat->conversation[0] != '\0') /* what was read and what it cost is the owner's business */
        return json_pack("{s:s}", "conversation", chat->conversation);
    return json_pack("{s:o, s:o, s:o}", "usage", usage_json(done->usage), "shown",
                     words_json(done->shown, done->n_shown), "settled",
                     words_json(done->settled, done->n_settled));
}

static void add_grant(struct evbuffer *out, const char *grant) {
    if (grant == NULL)
        return;
    (void)evbuffer_add_printf(out, ",\"grant\":\"");
    (void)json_escape(out, grant, strlen(grant), false);
    (void)evbuffer_add_printf(out, "\"");
}

/* {"turn":…,"reply":…,"proposals":[…],"usage":{…},"shown":[…],"settled":[…],"grant":…}, around the
 * reply as it was collected. */
static void answer_collected(struct chat *chat, const Cloister__ChatDone *done) {
    struct call *call = chat->call;
    SCOPE_FREE char *proposals = json_dumps(chat->proposals, JSON_COMPACT);
    json_t *end = end_json(chat, done);
    SCOPE_FREE char *end_text = json_dumps(end, JSON_COMPACT | JSON_EMBED);
    struct evbuffer *all = evbuffer_new();
    json_decref(end);
    if (all == NULL || proposals == NULL || end_text == NULL) {
        if (all != NULL)
            evbuffer_free(all);
        call_refuse(call, 500, "internal", "The answer could not be written.");
        return;
    }
    size_t left = evbuffer_get_length(chat->tail);
    (void)json_escape(chat->reply, (const char *)evbuffer_pullup(chat->tail, -1), left, false);
    (void)evbuffer_add_printf(all, "{\"turn\":\"");
    (void)json_escape(all, done->turn, strlen(done->turn), false);
    (void)evbuffer_add_printf(all, "\",\"request\":\"%s\",\"reply\":\"", call->id);
    (void)evbuffer_add_buffer(all, chat->reply);
    (void)evbuffer_add_printf(all, "\",\"proposals\":%s,%s", proposals, end_text);
    add_grant(all, call->renewed);
    (void)evbuffer_add_printf(all, "}");
    size_t len = evbuffer_get_length(all);
    call_answer(call, 200, "application/json", (const char *)evbuffer_pullup(all, -1), len, NULL,
                0);
    evbuffer_free(all);
}

static void on_done(struct chat *chat, const Cloister__ChatDone *done) {
    chat->request = chat->call->ask = 0;
    if (chat->sse == NULL) {
        answer_collected(chat, done);
        return;
    }
    stream_start(chat);
    json_t *object = json_pack("{s:s, s:s}", "turn", done->turn, "request", chat->call->id),
           *end = end_json(chat, done);
    (void)json_object_update(object, end);
    json_decref(end);
    if (chat->call->renewed != NULL) /* a stream's head has long gone */
        (void)json_object_set_new(object, "grant", json_string(chat->call->renewed));
    if (!stream_event(chat, "done", object))
        return;
    chat->ended = true;
    stream_pump(chat);
}

static void on_end(struct chat *chat, enum upstream_end end, const Cloister__Message *message) {
    struct problem problem = call_failure(end, message);
    if (end == UPSTREAM_LOST && chat->accepted) {
        problem.status = 502;
        problem.code = "agent_lost";
        problem.detail = "The connection to your agent was lost. Send the same request again under "
                         "the same Idempotency-Key.";
        problem.unknown_writes = true;
    }
    if (end != UPSTREAM_TIMEOUT) /* a turn that is too late still has to be told */
        chat->request = chat->call->ask = 0;
    chat_fail(chat, &problem);
}

static bool on_answer(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct chat *chat = call->state;
    if (chat == NULL || chat->ended || (call->status != 0 && !chat->started))
        return false;
    if (end != UPSTREAM_REPLY) {
        on_end(chat, end, message);
        return false;
    }
    switch ((int)message->body_case) {
    case CLOISTER__MESSAGE__BODY_CHAT_ACCEPTED:
        stream_start(chat);
        return true;
    case CLOISTER__MESSAGE__BODY_CHAT_DELTA:
        stream_start(chat);
        on_text(chat, message->chat_delta->text);
        return true;
    case CLOISTER__MESSAGE__BODY_CHAT_TOOL:
        stream_start(chat);
        on_tool(chat, message->chat_tool);
        return true;
    case CLOISTER__MESSAGE__BODY_CHAT_PROPOSAL:
        stream_start(chat);
        on_proposal(chat, message->chat_proposal);
        return true;
    case CLOISTER__MESSAGE__BODY_CHAT_DONE:
        on_done(chat, message->chat_done);
        return false;
    default: /* a failure, or nothing that belongs here */
        on_end(chat, end, message);
        return false;
    }
}

static struct chat *chat_new(struct call *call) {
    struct gateway *gateway = call->gateway;
    struct chat *chat = calloc(1, sizeof(*chat));
    if (chat == NULL)
        return NULL;
    chat->call = call;
    chat->spoke_ms = clock_ms();
    bool good;
    if (call->accepts_stream) {
        chat->heartbeat = evtimer_new(gateway->base, on_heartbeat, chat);
        good = chat->heartbeat != NULL &&
               sse_new(gateway->limits.credit, gateway->limits.output_high, &chat->sse) == 0;
    } else {
        chat->reply = evbuffer_new();
        chat->tail = evbuffer_new();
        chat->proposals = json_array();
        good = chat->reply != NULL && chat->tail != NULL && chat->proposals != NULL;
    }
    if (!good) {
        chat_free(chat);
        return NULL;
    }
    call->state = chat;
    call->cancel = on_gone;
    call->drained = call->accepts_stream ? on_drained : NULL;
    return chat;
}

/* What both ways of asking share. NULL: answered. */
static struct chat *chat_begin(struct call *call) {
    if (!call->accepts_stream && !call->accepts_json) {
        call_refuse(call, 406, "not_acceptable", "Accept text/event-stream or application/json.");
        return NULL;
    }
    struct chat *chat = chat_new(call);
    if (chat == NULL)
        call_refuse(call, 503, "full", "The server is out of memory. Try again in a moment.");
    return chat;
}

static void chat_send(struct chat *chat, Cloister__ChatRequest *request) {
    struct call *call = chat->call;
    request->request = chat->request = upstream_number(call->gateway->upstream);
    if (call->idempotency_key != NULL)
        request->idempotency_key = call->idempotency_key;
    request->credit = call->gateway->limits.credit;
    Cloister__Message message = MSG_OF(CHAT_REQUEST, chat_request, request);
    if (!call_ask(call, request->request, &message, call->gateway->limits.chat_ms, on_answer))
        chat->request = 0;
}

void chat_ask(struct call *call, const char *user, Cloister__ChatRequest *request) {
    struct chat *chat = chat_begin(call);
    if (chat == NULL)
        return;
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    request->caller = &caller;
    chat_send(chat, request);
}

void chat_ask_business(struct call *call, Cloister__ChatRequest *request) {
    char address[INET6_ADDRSTRLEN] = "";
    Cloister__Client client = CLOISTER__CLIENT__INIT;
    struct chat *chat = chat_begin(call);
    if (chat == NULL)
        return;
    if (request->conversation[0] == '\0')
        id_random(chat->conversation);
    else
        (void)snprintf(chat->conversation, sizeof(chat->conversation), "%s", request->conversation);
    request->conversation = chat->conversation;
    (void)inet_ntop(AF_INET6, &call->address, address, sizeof(address));
    client.address = address;
    client.channel = (char *)(uintptr_t) "chat";
    request->client = &client;
    chat_send(chat, request);
}
