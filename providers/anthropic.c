/* Anthropic Messages API, streamed, version 2023-06-01. No sampling parameters: newer models refuse
 * them. Blocks are kept as they came, thinking and unknown kinds included, and go back unchanged.
 */
#include <errno.h>
#include <string.h>

#include "providers/model_stream.h"

/* tools and the stable system text form the cached prefix; what changes comes after the mark. */
static json_t *anthropic_request(const struct model_settings *settings,
                                 const struct model_prompt *prompt, uint32_t max_tokens) {
    return json_pack("{s:s, s:I, s:b, s:[{s:s, s:s, s:{s:s}}, {s:s, s:s}], s:O}", "model",
                     settings->model, "max_tokens", (json_int_t)max_tokens, "stream", 1, "system",
                     "type", "text", "text", prompt->stable, "cache_control", "type", "ephemeral",
                     "type", "text", "text", prompt->current, "messages", prompt->messages);
}

static int anthropic_results(json_t *messages, const struct model_result *results, size_t n) {
    json_t *blocks = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *block = json_pack("{s:s, s:s, s:s}", "type", "tool_result", "tool_use_id",
                                  results[i].call_id, "content", results[i].text);
        if (results[i].is_error)
            (void)json_object_set_new(block, "is_error", json_true());
        if (json_array_append_new(blocks, block) < 0) {
            json_decref(blocks);
            return -ENOMEM;
        }
    }
    json_t *message = json_pack("{s:s, s:o}", "role", "user", "content", blocks);
    return json_array_append_new(messages, message) < 0 ? -ENOMEM : 0;
}

static struct model_block *block_at(struct model_stream *stream, const json_t *event) {
    const json_t *index = json_object_get(event, "index");
    if (!json_is_integer(index))
        return NULL;
    for (size_t i = 0; i < stream->nblocks; i++)
        if (stream->blocks[i].index == json_integer_value(index))
            return &stream->blocks[i];
    return NULL;
}

static int on_block_start(struct model_stream *stream, const json_t *event) {
    json_t *start = json_object_get(event, "content_block");
    const json_t *index = json_object_get(event, "index");
    if (!json_is_object(start) || !json_is_integer(index) || block_at(stream, event) != NULL)
        return -EPROTO;
    if (stream->nblocks == MODEL_BLOCKS_MAX)
        return -EFBIG;
    struct model_block *block = &stream->blocks[stream->nblocks++];
    *block = (struct model_block){
        .json = json_deep_copy(start), .used = true, .index = (long)json_integer_value(index)};
    if (block->json == NULL)
        return -ENOMEM;
    const char *text = json_text(start, "text");
    if (strcmp(json_text(start, "type"), "text") != 0 || *text == '\0')
        return 0;
    strbuf_puts(&block->body, text);
    return model_stream_text(stream, text, strlen(text));
}

static int on_block_delta(struct model_stream *stream, const json_t *event) {
    struct model_block *block = block_at(stream, event);
    const json_t *delta = json_object_get(event, "delta");
    if (block == NULL || block->stopped || !json_is_object(delta))
        return -EPROTO;
    const char *type = json_text(delta, "type");
    if (strcmp(type, "text_delta") == 0) {
        const char *text = json_text(delta, "text");
        strbuf_puts(&block->body, text);
        return model_stream_text(stream, text, strlen(text));
    }
    if (strcmp(type, "input_json_delta") == 0)
        strbuf_puts(&block->body, json_text(delta, "partial_json"));
    else if (strcmp(type, "thinking_delta") == 0)
        strbuf_puts(&block->body, json_text(delta, "thinking"));
    else if (strcmp(type, "signature_delta") == 0)
        strbuf_puts(&block->signature, json_text(delta, "signature"));
    else if (strcmp(type, "citations_delta") == 0) {
        json_t *list = json_object_get(block->json, "citations");
        if (!json_is_array(list)) {
            list = json_array();
            (void)json_object_set_new(block->json, "citations", list);
        }
        (void)json_array_append(list, json_object_get(delta, "citation"));
    }
    return block->body.failed || block->signature.failed ? -ENOMEM : 0;
}

/* Puts what was streamed into the block, so that it can be sent back as the provider knows it. */
static int block_finish(struct model_stream *stream, struct model_block *block) {
    const char *type = json_text(block->json, "type"), *body = strbuf_str(&block->body);
    if (strcmp(type, "text") == 0)
        return json_object_set_new(block->json, "text", json_string(body)) < 0 ? -ENOMEM : 0;
    if (strcmp(type, "thinking") == 0) {
        if (block->body.len > 0)
            (void)json_object_set_new(block->json, "thinking", json_string(body));
        if (block->signature.len > 0)
            (void)json_object_set_new(block->json, "signature",
                                      json_string(strbuf_str(&block->signature)));
        return 0;
    }
    bool ours = strcmp(type, "tool_use") == 0;
    if (!ours && strcmp(type, "server_tool_use") != 0)
        return 0;
    json_t *input = block->body.len > 0 ? json_loads(body, JSON_REJECT_DUPLICATES, NULL)
                                        : json_incref(json_object_get(block->json, "input"));
    int r = 0;
    if (ours) {
        SCOPE_FREE char *whole = block->body.len > 0 || input == NULL ? NULL : json_dumps(input, 0);
        r = model_stream_call(stream, json_text(block->json, "id"), json_text(block->json, "name"),
                              whole != NULL ? whole : body);
    }
    if (!json_is_object(input)) { /* what goes back must be an object even when the model erred */
        json_decref(input);
        input = json_object();
    }
    (void)json_object_set_new(block->json, "input", input);
    return r;
}

static int on_block_stop(struct model_stream *stream, const json_t *event) {
    struct model_block *block = block_at(stream, event);
    if (block == NULL || block->stopped)
        return -EPROTO;
    block->stopped = true;
    return block_finish(stream, block);
}

static enum model_stop stop_of(const char *reason) {
    static const struct {
        const char *word;
        enum model_stop stop;
    } known[] = {
        {"tool_use", MODEL_STOP_TOOLS},
        {"max_tokens", MODEL_STOP_LENGTH},
        {"refusal", MODEL_STOP_REFUSED},
        {"pause_turn", MODEL_STOP_PAUSED},
        {"model_context_window_exceeded", MODEL_STOP_CONTEXT},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(reason, known[i].word) == 0)
            return known[i].stop;
    return MODEL_STOP_END;
}

static void take_usage(struct model_answer *answer, const json_t *usage) {
    if (!json_is_object(usage))
        return;
    if (json_is_integer(json_object_get(usage, "input_tokens")))
        answer->input_tokens = json_count(usage, "input_tokens", 0) +
                               json_count(usage, "cache_creation_input_tokens", 0) +
                               json_count(usage, "cache_read_input_tokens", 0);
    answer->output_tokens = json_count(usage, "output_tokens", answer->output_tokens);
}

static int on_event(struct model_stream *stream, const char *type, const json_t *event) {
    if (strcmp(type, "message_start") == 0) {
        take_usage(stream->answer, json_object_get(json_object_get(event, "message"), "usage"));
        return 0;
    }
    if (strcmp(type, "content_block_start") == 0)
        return on_block_start(stream, event);
    if (strcmp(type, "content_block_delta") == 0)
        return on_block_delta(stream, event);
    if (strcmp(type, "content_block_stop") == 0)
        return on_block_stop(stream, event);
    if (strcmp(type, "message_delta") == 0) {
        const char *reason = json_text(json_object_get(event, "delta"), "stop_reason");
        if (*reason != '\0') {
            stream->answer->stop = stop_of(reason);
            stream->stop_seen = true;
        }
        take_usage(stream->answer, json_object_get(event, "usage"));
        return 0;
    }
    if (strcmp(type, "message_stop") == 0)
        stream->finished = true;
    if (strcmp(type, "error") == 0) {
        stream->error = json_deep_copy(event);
        return -EREMOTEIO;
    }
    return 0; /* ping, and kinds that came later than this program */
}

static int anthropic_event(struct model_stream *stream, const char *name, const char *data,
                           size_t len) {
    if (stream->finished || len == 0)
        return 0;
    json_t *event = json_loadb(data, len, 0, NULL);
    if (!json_is_object(event)) {
        json_decref(event);
        return -EPROTO;
    }
    const char *type = json_text(event, "type");
    int r = on_event(stream, *type != '\0' ? type : name, event);
    json_decref(event);
    return r;
}

static int anthropic_end(struct model_stream *stream) {
    if (!stream->finished || !stream->stop_seen)
        return -EPROTO;
    json_t *content = json_array();
    for (size_t i = 0; i < stream->nblocks; i++) {
        struct model_block *block = &stream->blocks[i];
        bool empty = strcmp(json_text(block->json, "type"), "text") == 0 &&
                     text_blank(strbuf_str(&block->body));
        if (block->stopped && !empty) /* a blank text block is refused on the way back */
            (void)json_array_append(content, block->json);
        else if (!block->stopped && stream->answer->stop != MODEL_STOP_LENGTH) {
            json_decref(content);
            return -EPROTO;
        }
    }
    stream->answer->raw = json_pack("{s:s, s:o}", "role", "assistant", "content", content);
    return stream->answer->raw != NULL ? 0 : -ENOMEM;
}

static const char *const anthropic_headers[] = {
    "content-type: application/json",
    "accept: text/event-stream",
    "anthropic-version: 2023-06-01",
    NULL,
};

const struct model_dialect model_anthropic = {
    .word = "anthropic",
    .path = "/v1/messages",
    .request = anthropic_request,
    .tool_begin = "",
    .tool_schema = "input_schema",
    .tool_end = "",
    .key_header = "x-api-key: ",
    .headers = anthropic_headers,
    .add_results = anthropic_results,
    .event = anthropic_event,
    .end = anthropic_end,
};
