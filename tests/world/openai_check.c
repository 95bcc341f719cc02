#include "tests/world/openai_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/world/google.h"

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static bool PRINTF_LIKE(2, 3) refuse(struct exchange *x, const char *format, ...) {
    char message[300];
    va_list ap;
    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    openai_error(x, 400, NULL, message);
    return false;
}

bool openai_headers(struct exchange *x) {
    const char *key = bearer(x), *type = exchange_header(x, "Content-Type");
    if (!key || strcmp(key, x->world->model_key) != 0) {
        openai_error(x, 401, "invalid_api_key",
                     key ? "Incorrect API key provided." : "You didn't provide an API key.");
        return false;
    }
    if (strcmp(x->method, "POST") == 0 && (!type || strncasecmp(type, "application/json", 16) != 0))
        return refuse(x, "Content-Type must be application/json.");
    return true;
}

static bool check_scalars(struct exchange *x, struct openai_request *r) {
    static const char *const known[] = {"model",
                                        "messages",
                                        "stream",
                                        "stream_options",
                                        "tools",
                                        "tool_choice",
                                        "parallel_tool_calls",
                                        "max_completion_tokens",
                                        "max_tokens",
                                        "temperature",
                                        "top_p",
                                        "stop",
                                        "seed",
                                        "n",
                                        "response_format",
                                        "reasoning_effort",
                                        "user",
                                        "safety_identifier",
                                        "metadata",
                                        "service_tier",
                                        "store",
                                        "prompt_cache_key",
                                        "verbosity",
                                        "logprobs",
                                        "top_logprobs",
                                        "presence_penalty",
                                        "frequency_penalty",
                                        "logit_bias",
                                        NULL};
    const char *key = NULL;
    if (!model_members(r->body, known, &key))
        return refuse(x, "Unrecognized request argument supplied: %.60s", key);
    r->model = text(r->body, "model");
    if (!r->model)
        return refuse(x, "you must provide a model parameter");
    const json_t *a = json_object_get(r->body, "max_completion_tokens");
    const json_t *b = json_object_get(r->body, "max_tokens");
    if (a && b)
        return refuse(
            x,
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
    a = a ? a : b;
    if (a && (!json_is_integer(a) || json_integer_value(a) < 1))
        return refuse(x, "Invalid 'max_tokens': integer below minimum value.");
    r->max_tokens = a ? json_integer_value(a) : 1000000;
    const json_t *stream = json_object_get(r->body, "stream");
    const json_t *options = json_object_get(r->body, "stream_options");
    if (stream && !json_is_boolean(stream) && !json_is_null(stream))
        return refuse(x, "Invalid type for 'stream': expected a boolean.");
    r->stream = json_is_true(stream);
    if (options && !json_is_null(options) && !r->stream)
        return refuse(x,
                      "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    r->include_usage = json_is_true(json_object_get(options, "include_usage"));
    const json_t *n = json_object_get(r->body, "n"), *stop = json_object_get(r->body, "stop");
    if (n && json_integer_value(n) != 1)
        return refuse(x, "Only n=1 is supported.");
    if (json_is_string(stop))
        r->stop = json_pack("[O]", stop);
    else if (json_is_array(stop))
        r->stop = json_incref((json_t *)stop);
    if (!model_known(x->world, r->model)) {
        openai_error(x, 404, "model_not_found",
                     "The model does not exist or you do not have access to it.");
        return false;
    }
    return true;
}

static bool check_tools(struct exchange *x, struct openai_request *r) {
    json_t *tools = json_object_get(r->body, "tools"), *tool, *list = json_array();
    size_t i;
    json_object_set_new(r->conversation, "tools", list);
    if (tools && (!json_is_array(tools) || json_array_size(tools) == 0))
        return refuse(x, "Invalid 'tools': expected a non-empty array.");
    json_array_foreach(tools, i, tool) {
        const json_t *function = json_object_get(tool, "function");
        const char *type = text(tool, "type"), *name = text(function, "name");
        json_t *schema = json_object_get(function, "parameters");
        if (!type || strcmp(type, "function") != 0 || !json_is_object(function))
            return refuse(x, "Invalid 'tools[%zu]': expected type 'function'.", i);
        if (!model_tool_name_valid(name))
            return refuse(
                x, "Invalid 'tools[%zu].function.name': does not match '^[a-zA-Z0-9_-]+$'.", i);
        if (schema && !json_is_object(schema))
            return refuse(x, "Invalid 'tools[%zu].function.parameters': expected an object.", i);
        const char *about = text(function, "description");
        json_array_append_new(list, json_pack("{s:s,s:s,s:o}", "name", name, "description",
                                              about ? about : "", "schema",
                                              schema ? json_incref(schema) : json_object()));
    }
    const json_t *choice = json_object_get(r->body, "tool_choice");
    const json_t *parallel = json_object_get(r->body, "parallel_tool_calls");
    if ((choice || parallel) && !tools)
        return refuse(x, "'%s' is only allowed when 'tools' are specified.",
                      choice ? "tool_choice" : "parallel_tool_calls");
    const char *kind = json_string_value(choice);
    if (kind && strcmp(kind, "none") == 0)
        json_array_clear(list);
    else if (kind && strcmp(kind, "auto") != 0 && strcmp(kind, "required") != 0)
        return refuse(x, "Invalid value for 'tool_choice'.");
    r->one_call = json_is_false(parallel);
    return true;
}

/* ---- messages ---- */

struct walk {
    struct exchange *x;
    size_t at;
    json_t *turns, *turn, *system, *pending;
};

static void append_text(json_t *turn, const char *key, const char *more) {
    const char *old = text(turn, key);
    json_object_set_new(turn, key,
                        json_sprintf("%s%s%s", old ? old : "", old && *old ? "\n" : "", more));
}

/* String or array of text parts; malloc'd, NULL when it is neither. */
static char *content_text(const json_t *content) {
    if (json_is_string(content))
        return strdup(json_string_value(content));
    if (!json_is_array(content))
        return NULL;
    json_t *all = json_object();
    size_t i;
    const json_t *part;
    bool ok = true;
    json_array_foreach(content, i, part) {
        const char *type = text(part, "type");
        if (type && strcmp(type, "text") == 0 && text(part, "text"))
            append_text(all, "text", text(part, "text"));
        else if (!type || strcmp(type, "image_url") != 0)
            ok = false;
    }
    char *copy = ok ? strdup(text(all, "text") ? text(all, "text") : "") : NULL;
    json_decref(all);
    return copy;
}

static void turn_for(struct walk *w, const char *role) {
    const char *now = text(w->turn, "role");
    if (now && strcmp(now, role) == 0)
        return;
    w->turn = json_pack("{s:s}", "role", role);
    json_array_append_new(w->turns, w->turn);
}

static bool read_calls(struct walk *w, const json_t *calls) {
    size_t i;
    const json_t *call;
    if (!json_is_array(calls) || json_array_size(calls) == 0)
        return refuse(w->x, "Invalid 'messages[%zu].tool_calls': expected a non-empty array.",
                      w->at);
    json_t *list = json_array();
    json_object_set_new(w->turn, "calls", list);
    json_array_foreach(calls, i, call) {
        const json_t *function = json_object_get(call, "function");
        const char *id = text(call, "id"), *name = text(function, "name");
        const char *arguments = text(function, "arguments"), *type = text(call, "type");
        if (!id || !name || !arguments || !type || strcmp(type, "function") != 0)
            return refuse(w->x,
                          "Invalid 'messages[%zu].tool_calls[%zu]': id, type, function.name and "
                          "function.arguments (a string) are required.",
                          w->at, i);
        json_object_set_new(w->pending, id, json_true());
        json_t *input = json_loads(arguments, 0, NULL);
        json_array_append_new(list, json_pack("{s:s,s:s,s:o}", "id", id, "name", name, "input",
                                              input ? input : json_object()));
    }
    return true;
}

static bool read_result(struct walk *w, const json_t *message, const char *said) {
    const char *id = text(message, "tool_call_id");
    if (!id || !json_object_get(w->pending, id))
        return refuse(w->x,
                      "Invalid parameter: messages with role 'tool' must be a response to a "
                      "preceeding message with 'tool_calls'. (messages[%zu])",
                      w->at);
    json_object_del(w->pending, id);
    turn_for(w, "user");
    if (!json_object_get(w->turn, "results"))
        json_object_set_new(w->turn, "results", json_array());
    /* This dialect has no error flag: the words must tell. */
    json_array_append_new(json_object_get(w->turn, "results"),
                          json_pack("{s:s,s:s,s:b}", "id", id, "text", said, "error", 0));
    return true;
}

static bool one_message(struct walk *w, const json_t *message) {
    const char *role = text(message, "role");
    const json_t *content = json_object_get(message, "content");
    const json_t *calls = json_object_get(message, "tool_calls");
    SCOPE_FREE char *said = content_text(content);
    if (!role)
        return refuse(w->x, "Missing required parameter: 'messages[%zu].role'.", w->at);
    bool tool = strcmp(role, "tool") == 0, assistant = strcmp(role, "assistant") == 0;
    if (!tool && json_object_size(w->pending) > 0)
        return refuse(w->x,
                      "An assistant message with 'tool_calls' must be followed by tool messages "
                      "responding to each 'tool_call_id'. (messages[%zu])",
                      w->at);
    if (!said && !(assistant && calls && (!content || json_is_null(content))))
        return refuse(w->x, "Invalid value for 'content' of messages[%zu]: expected a string.",
                      w->at);
    if (tool)
        return read_result(w, message, said);
    if (strcmp(role, "system") == 0 || strcmp(role, "developer") == 0) {
        append_text(w->system, "system", said);
        return true;
    }
    if (!assistant && strcmp(role, "user") != 0)
        return refuse(w->x,
                      "Invalid value: '%.40s'. Supported values are: 'system', 'assistant', "
                      "'user', 'tool' and 'developer'.",
                      role);
    /* Results of calls and the user's next words are different turns. */
    if (!assistant && json_object_get(w->turn, "results"))
        w->turn = NULL;
    turn_for(w, role);
    if (said) {
        append_text(w->turn, "text", said);
        if (!json_object_get(w->turn, "blocks"))
            json_object_set_new(w->turn, "blocks", json_array());
        json_array_append_new(json_object_get(w->turn, "blocks"), json_string(said));
    }
    return !calls || !assistant ? true : read_calls(w, calls);
}

static bool check_messages(struct exchange *x, struct openai_request *r) {
    const json_t *messages = json_object_get(r->body, "messages"), *message;
    struct walk w = {
        .x = x, .turns = json_array(), .system = r->conversation, .pending = json_object()};
    bool ok = true;
    json_object_set_new(r->conversation, "turns", w.turns);
    json_object_set_new(r->conversation, "system", json_string(""));
    if (!json_is_array(messages) || json_array_size(messages) == 0)
        ok = refuse(x, "Invalid 'messages': expected a non-empty array.");
    json_array_foreach(messages, w.at, message) {
        if (ok)
            ok = one_message(&w, message);
    }
    if (ok && json_object_size(w.pending) > 0)
        ok = refuse(x, "An assistant message with 'tool_calls' must be followed by tool messages "
                       "responding to each 'tool_call_id'.");
    json_decref(w.pending);
    return ok;
}

bool openai_check(struct exchange *x, struct openai_request *ret) {
    struct openai_request r = {.body = json_loadb(x->body, x->body_len, 0, NULL),
                               .conversation = json_object()};
    bool ok = json_is_object(r.body);
    if (!ok)
        (void)refuse(x, "We could not parse the JSON body of your request.");
    ok = ok && check_scalars(x, &r) && check_tools(x, &r) && check_messages(x, &r);
    if (ok)
        *ret = r;
    else
        openai_request_free(&r);
    return ok;
}

void openai_request_free(struct openai_request *r) {
    json_decref(r->body);
    json_decref(r->conversation);
    json_decref(r->stop);
}
