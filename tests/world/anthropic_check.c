#include "tests/world/anthropic_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/world/google.h"

#define BODY_MAX (32u << 20)

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* Answers 400 and returns false. */
static bool PRINTF_LIKE(2, 3) refuse(struct exchange *x, const char *format, ...) {
    char message[300];
    va_list ap;
    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    anthropic_error(x, 400, NULL, message);
    return false;
}

bool anthropic_headers(struct exchange *x) {
    const char *key = exchange_header(x, "x-api-key"), *token = bearer(x);
    const char *version = exchange_header(x, "anthropic-version");
    const char *type = exchange_header(x, "Content-Type");
    if (key && token)
        return refuse(x, "Send either x-api-key or Authorization, not both.");
    if (!key)
        key = token;
    if (!key || strcmp(key, x->world->model_key) != 0) {
        anthropic_error(x, 401, NULL, key ? "invalid x-api-key" : "x-api-key header is required");
        return false;
    }
    if (!version)
        return refuse(x, "anthropic-version: header is required");
    if (strcmp(version, "2026-10-21") != 0 && strcmp(version, "2023-06-01") != 0)
        return refuse(x, "anthropic-version: \"%.40s\" is not a valid version", version);
    if (strcmp(x->method, "POST") == 0 && (!type || strncasecmp(type, "application/json", 16) != 0))
        return refuse(x, "content-type: must be application/json");
    return true;
}

/* ---- top level ---- */

static bool check_members(struct exchange *x, const json_t *body) {
    static const char *const known[] = {"model",         "max_tokens",     "messages",
                                        "system",        "tools",          "tool_choice",
                                        "stream",        "stop_sequences", "thinking",
                                        "output_config", "cache_control",  "metadata",
                                        "service_tier",  "inference_geo",  "container",
                                        "diagnostics",   "speed",          "temperature",
                                        "top_p",         "top_k",          NULL};
    static const char *const sampling[] = {"temperature", "top_p", "top_k"};
    const char *version = exchange_header(x, "anthropic-version"), *key = NULL;
    if (!model_members(body, known, &key))
        return refuse(x, "%.60s: Extra inputs are not permitted", key);
    for (size_t i = 0; i < COUNT_OF(sampling); i++)
        if (json_object_get(body, sampling[i]) && strcmp(version, "2023-06-01") != 0)
            return refuse(x, "%s: not supported in version %s", sampling[i], version);
    return true;
}

static bool check_scalars(struct exchange *x, bool counting, struct anthropic_request *r) {
    const json_t *max = json_object_get(r->body, "max_tokens"), *i, *one;
    r->model = text(r->body, "model");
    if (!r->model)
        return refuse(x, "model: Field required");
    if (!json_is_integer(max) && !counting)
        return refuse(x, max ? "max_tokens: Input should be a valid integer"
                             : "max_tokens: Field required");
    r->max_tokens = json_integer_value(max);
    if (r->max_tokens < 0 || r->max_tokens > 128000)
        return refuse(x, "max_tokens: must be between 0 and 128000");
    i = json_object_get(r->body, "stream");
    if (i && !json_is_boolean(i))
        return refuse(x, "stream: Input should be a valid boolean");
    r->stream = json_is_true(i);
    r->stop_sequences = json_object_get(r->body, "stop_sequences");
    if (r->stop_sequences && !json_is_array(r->stop_sequences))
        return refuse(x, "stop_sequences: Input should be a valid list");
    one = json_object_get(r->body, "metadata");
    if (one && !json_is_object(one))
        return refuse(x, "metadata: Input should be an object");
    const json_t *thinking = json_object_get(r->body, "thinking");
    const char *kind = text(thinking, "type"), *display = text(thinking, "display");
    if (thinking && !kind)
        return refuse(x, "thinking.type: Field required");
    if (kind && strcmp(kind, "adaptive") != 0 && strcmp(kind, "disabled") != 0 &&
        strcmp(kind, "between_tools") != 0)
        return refuse(x, "thinking.type: \"%.40s\" is not supported by this model", kind);
    r->thinking = kind && strcmp(kind, "adaptive") == 0;
    r->thinking_shown = display && strcmp(display, "summarized") == 0;
    if (!model_known(x->world, r->model)) {
        anthropic_error(x, 404, NULL, "model: there is no such model");
        return false;
    }
    return true;
}

static bool check_tools(struct exchange *x, struct anthropic_request *r) {
    static const char *const known[] = {
        "type",   "name",          "description",           "input_schema",
        "strict", "cache_control", "eager_input_streaming", "input_examples",
        NULL};
    json_t *tools = json_object_get(r->body, "tools"), *tool, *list = json_array(),
           *seen = json_object();
    size_t i;
    bool ok = true;
    json_object_set_new(r->conversation, "tools", list);
    if (tools && !json_is_array(tools))
        ok = refuse(x, "tools: Input should be a valid list");
    json_array_foreach(tools, i, tool) {
        const char *name = text(tool, "name"), *key = NULL;
        json_t *schema = json_object_get(tool, "input_schema");
        const char *type = text(schema, "type");
        if (!ok)
            break;
        if (!json_is_object(tool) || !model_tool_name_valid(name))
            ok =
                refuse(x, "tools.%zu.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'", i);
        else if (!model_members(tool, known, &key))
            ok = refuse(x, "tools.%zu.%.40s: Extra inputs are not permitted", i, key);
        else if (!type || strcmp(type, "object") != 0)
            ok = refuse(x, "tools.%zu.input_schema.type: Input should be 'object'", i);
        else if (json_object_get(seen, name))
            ok = refuse(x, "tools: Tool names must be unique.");
        else
            json_array_append_new(
                list, json_pack("{s:s,s:s,s:O}", "name", name, "description",
                                text(tool, "description") ? text(tool, "description") : "",
                                "schema", schema));
        if (ok)
            json_object_set_new(seen, name, json_true());
    }
    const json_t *choice = json_object_get(r->body, "tool_choice");
    const char *kind = text(choice, "type"), *forced = text(choice, "name");
    if (ok && choice &&
        (!kind || (strcmp(kind, "auto") != 0 && strcmp(kind, "any") != 0 &&
                   strcmp(kind, "none") != 0 && strcmp(kind, "tool") != 0)))
        ok = refuse(x, "tool_choice.type: must be auto, any, none or tool");
    else if (ok && choice && json_array_size(list) == 0)
        ok = refuse(x, "tool_choice: may only be specified while providing tools");
    else if (ok && kind && strcmp(kind, "tool") == 0 && (!forced || !json_object_get(seen, forced)))
        ok = refuse(x, "tool_choice.name: there is no such tool");
    if (ok && kind && strcmp(kind, "none") == 0)
        json_array_clear(list);
    r->one_call = json_is_true(json_object_get(choice, "disable_parallel_tool_use"));
    json_decref(seen);
    return ok;
}

/* ---- messages ---- */

struct walk {
    struct exchange *x;
    size_t at;       /* index of the message being read */
    json_t *turn;    /* the merged turn it belongs to */
    json_t *pending; /* ids of tool_use blocks without a result yet: id → true */
    json_t *ids;     /* all tool_use ids seen */
    bool text_seen;  /* text before a tool_result in this user turn */
};

static void append_text(json_t *turn, const char *more) {
    const char *old = text(turn, "text");
    json_object_set_new(turn, "text",
                        json_sprintf("%s%s%s", old ? old : "", old && *old ? "\n" : "", more));
}

static char *result_text(const json_t *content) {
    if (json_is_string(content))
        return strdup(json_string_value(content));
    json_t *all = json_object();
    size_t i;
    const json_t *block;
    json_array_foreach(content, i, block) if (text(block, "text"))
        append_text(all, text(block, "text"));
    char *copy = strdup(text(all, "text") ? text(all, "text") : "");
    json_decref(all);
    return copy;
}

static void push(json_t *turn, const char *key, json_t *value) {
    if (!json_object_get(turn, key))
        json_object_set_new(turn, key, json_array());
    json_array_append_new(json_object_get(turn, key), value);
}

static bool use_block(struct walk *w, const json_t *block) {
    const char *id = text(block, "id"), *name = text(block, "name");
    json_t *input = json_object_get(block, "input");
    if (!id || !*id || !name || !json_is_object(input))
        return refuse(w->x, "messages.%zu: tool_use needs id, name and an object as input", w->at);
    if (json_object_get(w->ids, id))
        return refuse(w->x, "messages.%zu: `tool_use` ids must be unique", w->at);
    json_object_set_new(w->ids, id, json_true());
    json_object_set_new(w->pending, id, json_true());
    push(w->turn, "calls", json_pack("{s:s,s:s,s:O}", "id", id, "name", name, "input", input));
    return true;
}

static bool result_block(struct walk *w, const json_t *block) {
    const char *id = text(block, "tool_use_id");
    const json_t *content = json_object_get(block, "content"),
                 *error = json_object_get(block, "is_error");
    if (!id || !json_object_get(w->pending, id))
        return refuse(
            w->x,
            "messages.%zu: unexpected `tool_use_id` found in `tool_result` blocks: %.60s. "
            "Each `tool_result` block must have a corresponding `tool_use` block in the "
            "previous message.",
            w->at, id ? id : "");
    if (w->text_seen)
        return refuse(w->x, "messages.%zu: tool_result blocks must come before any text", w->at);
    if (content && !json_is_string(content) && !json_is_array(content))
        return refuse(w->x, "messages.%zu: tool_result content: Input should be a string or a list",
                      w->at);
    if (error && !json_is_boolean(error))
        return refuse(w->x, "messages.%zu: is_error: Input should be a valid boolean", w->at);
    json_object_del(w->pending, id);
    SCOPE_FREE char *said = result_text(content);
    push(w->turn, "results",
         json_pack("{s:s,s:s,s:b}", "id", id, "text", said ? said : "", "error",
                   json_is_true(error)));
    return true;
}

static bool text_block(struct walk *w, const json_t *block, bool user) {
    const char *said = text(block, "text");
    if (!said)
        return refuse(w->x, "messages.%zu: text: Field required", w->at);
    if (!*said)
        return refuse(w->x, "messages.%zu: text content blocks must be non-empty", w->at);
    if (user && json_array_size(json_object_get(block, "citations")) > 0 &&
        strcmp(exchange_header(w->x, "anthropic-version"), "2023-06-01") != 0)
        return refuse(w->x, "messages.%zu: citations are not accepted in user messages", w->at);
    if (user)
        w->text_seen = true;
    append_text(w->turn, said);
    push(w->turn, "blocks", json_string(said));
    return true;
}

static bool one_block(struct walk *w, const json_t *block, bool user) {
    const char *type = text(block, "type");
    if (!type)
        return refuse(w->x, "messages.%zu.content: type: Field required", w->at);
    if (strcmp(type, "text") == 0)
        return text_block(w, block, user);
    if (strcmp(type, "tool_use") == 0 && !user)
        return use_block(w, block);
    if (strcmp(type, "tool_result") == 0 && user)
        return result_block(w, block);
    if (strcmp(type, "thinking") == 0 && !user) {
        const char *signature = text(block, "signature");
        if (!signature || !json_object_get(w->x->world->codes, signature))
            return refuse(w->x, "messages.%zu: Invalid `signature` in `thinking` block", w->at);
        return true;
    }
    if (strcmp(type, "redacted_thinking") == 0 && !user)
        return true;
    if ((strcmp(type, "image") == 0 || strcmp(type, "document") == 0) && user)
        return true;
    return refuse(w->x, "messages.%zu.content: a `%.40s` block is not allowed here", w->at, type);
}

static bool one_content(struct walk *w, const json_t *content, bool user) {
    if (json_is_string(content)) {
        if (!json_string_length(content))
            return refuse(w->x, "messages.%zu: all messages must have non-empty content", w->at);
        append_text(w->turn, json_string_value(content));
        push(w->turn, "blocks", json_incref((json_t *)content));
        w->text_seen = true;
        return true;
    }
    size_t i;
    const json_t *block;
    if (!json_is_array(content) || json_array_size(content) == 0)
        return refuse(w->x, "messages.%zu: all messages must have non-empty content", w->at);
    json_array_foreach(content, i, block) if (!one_block(w, block, user)) return false;
    return true;
}

/* All calls of the turn before must be answered once another turn has ended. */
static bool all_answered(struct walk *w) {
    const char *id = json_object_iter_key(json_object_iter(w->pending));
    if (!id)
        return true;
    return refuse(
        w->x,
        "messages.%zu: `tool_use` ids were found without `tool_result` blocks immediately "
        "after: %.60s",
        w->at, id);
}

static bool one_message(struct walk *w, json_t *turns, const json_t *message) {
    static const char *const known[] = {"role", "content", NULL};
    const char *role = text(message, "role"), *key = NULL;
    bool user = role && strcmp(role, "user") == 0;
    if (!role || (!user && strcmp(role, "assistant") != 0))
        return refuse(w->x, "messages.%zu.role: must be 'user' or 'assistant'", w->at);
    if (!model_members(message, known, &key))
        return refuse(w->x, "messages.%zu.%.40s: Extra inputs are not permitted", w->at, key);
    const char *before = text(w->turn, "role");
    if (!before && !user)
        return refuse(w->x, "messages: first message must use the \"user\" role");
    if (!before || strcmp(before, role) != 0) {
        /* The answers to calls are complete when the user's turn ends. */
        if (before && strcmp(before, "user") == 0 && !all_answered(w))
            return false;
        w->turn = json_pack("{s:s}", "role", role);
        w->text_seen = false;
        json_array_append_new(turns, w->turn);
    }
    return one_content(w, json_object_get(message, "content"), user);
}

static bool check_messages(struct exchange *x, struct anthropic_request *r) {
    const json_t *messages = json_object_get(r->body, "messages"), *message;
    json_t *turns = json_array();
    struct walk w = {.x = x, .pending = json_object(), .ids = json_object()};
    bool ok = true;
    json_object_set_new(r->conversation, "turns", turns);
    if (!json_is_array(messages) || json_array_size(messages) == 0)
        ok = refuse(x, "messages: at least one message is required");
    json_array_foreach(messages, w.at, message) {
        if (ok)
            ok = one_message(&w, turns, message);
    }
    if (ok && strcmp(text(w.turn, "role"), "user") != 0)
        ok = refuse(x,
                    "This model does not support assistant message prefill. The conversation must "
                    "end with a user message.");
    if (ok)
        ok = all_answered(&w);
    json_decref(w.pending);
    json_decref(w.ids);
    return ok;
}

static bool check_system(struct exchange *x, struct anthropic_request *r) {
    const json_t *system = json_object_get(r->body, "system"), *block;
    json_t *all = json_object();
    size_t i;
    bool ok = true;
    if (json_is_string(system))
        append_text(all, json_string_value(system));
    else if (system && !json_is_array(system))
        ok = refuse(x, "system: Input should be a string or a list");
    json_array_foreach(system, i, block) {
        if (ok && (!text(block, "text") || !*text(block, "text")))
            ok = refuse(x, "system.%zu: text content blocks must be non-empty", i);
        else if (ok)
            append_text(all, text(block, "text"));
    }
    json_object_set_new(r->conversation, "system",
                        json_string(text(all, "text") ? text(all, "text") : ""));
    json_decref(all);
    return ok;
}

bool anthropic_check(struct exchange *x, bool counting, struct anthropic_request *ret) {
    if (x->body_len > BODY_MAX) {
        anthropic_error(x, 413, NULL, "Request exceeds the maximum size");
        return false;
    }
    struct anthropic_request r = {.body = json_loadb(x->body, x->body_len, 0, NULL),
                                  .conversation = json_object()};
    bool ok = json_is_object(r.body);
    if (!ok)
        (void)refuse(x, "The request body is not valid JSON");
    ok = ok && check_members(x, r.body) && check_scalars(x, counting, &r) && check_system(x, &r) &&
         check_tools(x, &r) && check_messages(x, &r);
    if (ok)
        *ret = r;
    else
        anthropic_request_free(&r);
    return ok;
}

void anthropic_request_free(struct anthropic_request *r) {
    json_decref(r->body);
    json_decref(r->conversation);
}
