/* OpenAI-compatible chat completions, streamed. Only what every known server takes is sent; what
 * comes is read leniently (OpenAI, OpenRouter, Ollama, llama.cpp, vLLM differ in many small ways).
 */
#include <errno.h>
#include <string.h>

#include "providers/model_stream.h"

static json_t *openai_request(const struct model_settings *settings,
                              const struct model_prompt *prompt, uint32_t max_tokens) {
    SCOPE_STRBUF struct strbuf system = {0};
    strbuf_addf(&system, "%s\n\n%s", prompt->stable, prompt->current);
    json_t *messages = json_array();
    (void)json_array_append_new(messages, model_message("system", strbuf_str(&system)));
    (void)json_array_extend(messages, prompt->messages);
    return json_pack("{s:s, s:b, s:{s:b}, s:I, s:o}", "model", settings->model, "stream", 1,
                     "stream_options", "include_usage", 1,
                     settings->completion_tokens ? "max_completion_tokens" : "max_tokens",
                     (json_int_t)max_tokens, "messages", messages);
}

/* The protocol has no error flag for results; the text itself says what went wrong. */
static int openai_results(json_t *messages, const struct model_result *results, size_t n) {
    for (size_t i = 0; i < n; i++) {
        json_t *message = json_pack("{s:s, s:s, s:s}", "role", "tool", "tool_call_id",
                                    results[i].call_id, "content", results[i].text);
        if (json_array_append_new(messages, message) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* A fragment's call: by index; without one, by a known id, else the last one goes on. */
static struct model_block *call_at(struct model_stream *stream, const json_t *fragment,
                                   size_t position, bool alone) {
    const json_t *index = json_object_get(fragment, "index");
    const char *id = json_text(fragment, "id");
    long wanted = (long)position;
    if (json_is_integer(index))
        wanted = (long)json_integer_value(index);
    else if (alone && *id == '\0' && stream->nblocks > 0)
        wanted = stream->blocks[stream->nblocks - 1].index;
    else if (alone && *id != '\0') {
        wanted = (long)stream->nblocks;
        for (size_t i = 0; i < stream->nblocks; i++)
            if (strcmp(json_text(stream->blocks[i].json, "id"), id) == 0)
                wanted = stream->blocks[i].index;
    }
    for (size_t i = 0; i < stream->nblocks; i++)
        if (stream->blocks[i].index == wanted)
            return &stream->blocks[i];
    if (stream->nblocks == MODEL_CALLS_MAX)
        return NULL;
    struct model_block *block = &stream->blocks[stream->nblocks++];
    *block = (struct model_block){.json = json_object(), .used = true, .index = wanted};
    return block;
}

/* First non-empty value wins: some servers repeat id and name on every fragment. */
static void keep_first(json_t *object, const char *key, const char *value) {
    if (*value != '\0' && *json_text(object, key) == '\0')
        (void)json_object_set_new(object, key, json_string(value));
}

static int on_tool_fragment(struct model_stream *stream, const json_t *fragment, size_t position,
                            bool alone) {
    if (!json_is_object(fragment))
        return -EPROTO;
    struct model_block *block = call_at(stream, fragment, position, alone);
    if (block == NULL)
        return -EFBIG;
    const json_t *function = json_object_get(fragment, "function");
    keep_first(block->json, "id", json_text(fragment, "id"));
    keep_first(block->json, "name", json_text(function, "name"));
    const json_t *arguments = json_object_get(function, "arguments");
    if (json_is_string(arguments)) {
        strbuf_puts(&block->body, json_string_value(arguments));
    } else if (json_is_object(arguments)) { /* not conforming, seen in the field */
        SCOPE_FREE char *whole = json_dumps(arguments, JSON_COMPACT);
        strbuf_puts(&block->body, whole != NULL ? whole : "");
    }
    return block->body.failed ? -ENOMEM : 0;
}

static int on_delta(struct model_stream *stream, const json_t *delta) {
    const json_t *content = json_object_get(delta, "content"), *calls, *details;
    size_t i;
    json_t *item;
    if (json_is_string(content)) {
        int r = model_stream_text(stream, json_string_value(content), json_string_length(content));
        if (r != 0)
            return r;
    }
    calls = json_object_get(delta, "tool_calls");
    json_array_foreach(calls, i, item) {
        int r = on_tool_fragment(stream, item, i, json_array_size(calls) == 1);
        if (r != 0)
            return r;
    }
    details = json_object_get(delta, "reasoning_details");
    json_array_foreach(details, i, item) {
        if (stream->reasoning == NULL)
            stream->reasoning = json_array();
        (void)json_array_append(stream->reasoning, item);
    }
    if (*json_text(delta, "refusal") != '\0')
        stream->answer->stop = MODEL_STOP_REFUSED;
    return 0;
}

static int on_finish(struct model_stream *stream, const char *reason) {
    if (strcmp(reason, "error") == 0) {
        stream->error = json_object();
        return -EREMOTEIO;
    }
    stream->stop_seen = true;
    if (strcmp(reason, "length") == 0)
        stream->answer->stop = MODEL_STOP_LENGTH;
    else if (strcmp(reason, "content_filter") == 0)
        stream->answer->stop = MODEL_STOP_REFUSED;
    return 0;
}

static int on_chunk(struct model_stream *stream, const json_t *chunk) {
    const json_t *usage = json_object_get(chunk, "usage");
    if (json_is_object(usage)) {
        stream->answer->input_tokens =
            json_count(usage, "prompt_tokens", stream->answer->input_tokens);
        stream->answer->output_tokens =
            json_count(usage, "completion_tokens", stream->answer->output_tokens);
    }
    const json_t *choices = json_object_get(chunk, "choices"), *choice = json_array_get(choices, 0);
    if (choice == NULL)
        return 0;
    int r = on_delta(stream, json_object_get(choice, "delta"));
    const char *reason = json_text(choice, "finish_reason");
    if (r == 0 && *reason != '\0')
        r = on_finish(stream, reason);
    return r;
}

static int openai_event(struct model_stream *stream, const char *name, const char *data,
                        size_t len) {
    if (stream->finished || len == 0)
        return 0;
    if (strcmp(data, "[DONE]") == 0) {
        stream->finished = true;
        return 0;
    }
    json_t *chunk = json_loadb(data, len, 0, NULL);
    if (!json_is_object(chunk)) {
        json_decref(chunk);
        return -EPROTO;
    }
    json_t *error = json_object_get(chunk, "error");
    int r;
    if ((error != NULL && !json_is_null(error)) || strcmp(name, "error") == 0 ||
        strcmp(json_text(chunk, "object"), "error") == 0) {
        stream->error = json_deep_copy(chunk);
        r = -EREMOTEIO;
    } else {
        r = on_chunk(stream, chunk);
    }
    json_decref(chunk);
    return r;
}

static json_t *call_back(const struct model_tool_call *call) {
    SCOPE_FREE char *arguments =
        call->arguments != NULL ? json_dumps(call->arguments, JSON_COMPACT) : strdup("{}");
    return json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", call->id, "type", "function", "function",
                     "name", call->name, "arguments", arguments != NULL ? arguments : "{}");
}

static int openai_end(struct model_stream *stream) {
    struct model_answer *answer = stream->answer;
    if (!stream->stop_seen)
        return -EPROTO;
    json_t *calls = json_array();
    for (size_t i = 0; i < stream->nblocks; i++) {
        struct model_block *block = &stream->blocks[i];
        int r = model_stream_call(stream, json_text(block->json, "id"),
                                  json_text(block->json, "name"), strbuf_str(&block->body));
        if (r == 0 && json_array_append_new(calls, call_back(&answer->calls[i])) < 0)
            r = -ENOMEM;
        if (r < 0) {
            json_decref(calls);
            return r;
        }
    }
    if (answer->ncalls > 0 && answer->stop == MODEL_STOP_END)
        answer->stop = MODEL_STOP_TOOLS; /* some servers say "stop" all the same */
    answer->raw =
        json_pack("{s:s, s:s}", "role", "assistant", "content", strbuf_str(&stream->text));
    if (answer->raw != NULL && answer->ncalls > 0)
        (void)json_object_set(answer->raw, "tool_calls", calls);
    json_decref(calls);
    if (answer->raw != NULL && stream->reasoning != NULL)
        (void)json_object_set(answer->raw, "reasoning_details", stream->reasoning);
    return answer->raw != NULL ? 0 : -ENOMEM;
}

static const char *const openai_headers[] = {
    "content-type: application/json",
    "accept: text/event-stream",
    NULL,
};

const struct model_dialect model_openai = {
    .word = "openai",
    .path = "/chat/completions",
    .request = openai_request,
    .tool_begin = "{\"type\":\"function\",\"function\":",
    .tool_schema = "parameters",
    .tool_end = "}",
    .key_header = "authorization: Bearer ",
    .headers = openai_headers,
    .add_results = openai_results,
    .event = openai_event,
    .ends_by_reason = true,
    .end = openai_end,
};
