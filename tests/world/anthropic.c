/* Anthropic Messages: answers. What is accepted is in anthropic_check.c. */
#include <stdio.h>
#include <string.h>

#include "tests/world/anthropic_check.h"

void anthropic_error(struct exchange *x, int status, const char *type, const char *message) {
    static const struct {
        int status;
        const char *type;
    } types[] = {
        {400, "invalid_request_error"}, {401, "authentication_error"}, {402, "billing_error"},
        {403, "permission_error"},      {404, "not_found_error"},      {409, "conflict_error"},
        {413, "request_too_large"},     {429, "rate_limit_error"},     {500, "api_error"},
        {504, "timeout_error"},         {529, "overloaded_error"}};
    char hex[25], id[40];
    random_hex(hex, 24);
    snprintf(id, sizeof(id), "req_%s", hex);
    for (size_t i = 0; i < COUNT_OF(types) && !type; i++)
        if (types[i].status == status)
            type = types[i].type;
    answer_header(x, "request-id", id);
    answer_json(x, status,
                json_pack("{s:s,s:{s:s,s:s},s:s}", "type", "error", "error", "type",
                          type ? type : "api_error", "message", message, "request_id", id));
}

/* One answer before it is written in either form. */
struct answer {
    const char *stop_reason, *stop_sequence, *model;
    json_t *content; /* array of blocks */
    json_int_t input_tokens, output_tokens;
    char id[40];
};

static void new_id(const char *prefix, char out[static 40]) {
    char hex[25];
    random_hex(hex, 24);
    snprintf(out, 40, "%s%s", prefix, hex);
}

static json_t *usage(const struct answer *a, json_int_t output) {
    return json_pack("{s:I,s:I,s:i,s:i,s:s}", "input_tokens", a->input_tokens, "output_tokens",
                     output, "cache_creation_input_tokens", 0, "cache_read_input_tokens", 0,
                     "service_tier", "standard");
}

static json_t *message(const struct answer *a, bool begun) {
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:s?,s:s?,s:n,s:n,s:o}", "id", a->id, "type", "message",
                     "role", "assistant", "model", a->model, "content",
                     begun ? json_array() : json_incref(a->content), "stop_reason",
                     begun ? NULL : a->stop_reason, "stop_sequence",
                     begun ? NULL : a->stop_sequence, "stop_details", "container", "usage",
                     usage(a, begun ? 1 : a->output_tokens));
}

/* ---- building the content ---- */

static void add_calls(struct answer *a, const json_t *reply, bool one_only) {
    size_t i;
    const json_t *call;
    json_array_foreach(json_object_get(reply, "calls"), i, call) {
        if (one_only && i > 0)
            break;
        char id[40];
        new_id("toolu_01", id);
        const char *name = json_string_value(json_object_get(call, "name"));
        json_array_append_new(a->content,
                              json_pack("{s:s,s:s,s:s,s:O}", "type", "tool_use", "id", id, "name",
                                        name, "input", json_object_get(call, "input")));
        a->stop_reason = "tool_use";
        SCOPE_FREE char *dump = json_dumps(json_object_get(call, "input"), JSON_COMPACT);
        a->output_tokens += model_tokens(dump ? strlen(dump) : 0) + 8;
    }
}

static void add_text(struct answer *a, const struct anthropic_request *r, const json_t *reply) {
    const char *said = json_string_value(json_object_get(reply, "text"));
    bool cut = false;
    SCOPE_FREE char *text = model_cut(said ? said : "", r->max_tokens, &cut);
    model_stop(text, r->stop_sequences, &a->stop_sequence);
    a->stop_reason = a->stop_sequence ? "stop_sequence" : cut ? "max_tokens" : "end_turn";
    a->output_tokens += model_tokens(strlen(text));
    if (*text)
        json_array_append_new(
            a->content, json_pack("{s:s,s:s,s:n}", "type", "text", "text", text, "citations"));
}

static void build(struct exchange *x, const struct anthropic_request *r, struct answer *a) {
    json_t *reply = mind_think(r->conversation, world_now_s(x->world));
    *a = (struct answer){.model = r->model,
                         .content = json_array(),
                         .stop_reason = "end_turn",
                         .input_tokens = model_tokens(x->body_len)};
    new_id("msg_01", a->id);
    if (r->thinking || x->world->opt.thinking) {
        char signature[65];
        random_hex(signature, 64);
        json_array_append_new(a->content,
                              json_pack("{s:s,s:s,s:s}", "type", "thinking", "thinking",
                                        r->thinking_shown ? "I look at what is asked." : "",
                                        "signature", signature));
        json_object_set_new(x->world->codes, signature, json_true());
    }
    add_text(a, r, reply);
    if (!a->stop_sequence && strcmp(a->stop_reason, "max_tokens") != 0)
        add_calls(a, reply, r->one_call);
    if (json_is_true(json_object_get(reply, "refused")))
        a->stop_reason = "refusal";
    json_decref(reply);
}

/* ---- streaming ---- */

static void event(json_t *pieces, json_t *data) {
    SCOPE_FREE char *text = json_dumps(data, JSON_COMPACT);
    const char *type = json_string_value(json_object_get(data, "type"));
    json_array_append_new(pieces,
                          json_sprintf("event: %s\ndata: %s\n\n", type, text ? text : "{}"));
    json_decref(data);
}

static void delta(json_t *pieces, size_t index, const char *type, const char *key,
                  const char *value, size_t len) {
    event(pieces, json_pack("{s:s,s:i,s:{s:s,s:s%}}", "type", "content_block_delta", "index",
                            (int)index, "delta", "type", type, key, value, len));
}

static void stream_block(json_t *pieces, size_t index, const json_t *block) {
    const char *type = json_string_value(json_object_get(block, "type"));
    json_t *begun = json_copy((json_t *)block);
    if (strcmp(type, "text") == 0)
        json_object_set_new(begun, "text", json_string(""));
    else if (strcmp(type, "tool_use") == 0)
        json_object_set_new(begun, "input", json_object());
    else if (strcmp(type, "thinking") == 0) {
        json_object_set_new(begun, "thinking", json_string(""));
        json_object_set_new(begun, "signature", json_string(""));
    }
    event(pieces, json_pack("{s:s,s:i,s:o}", "type", "content_block_start", "index", (int)index,
                            "content_block", begun));
    if (strcmp(type, "text") == 0) {
        const char *p = json_string_value(json_object_get(block, "text"));
        for (size_t n; *p; p += n) {
            n = model_piece(p);
            delta(pieces, index, "text_delta", "text", p, n);
        }
    } else if (strcmp(type, "tool_use") == 0) {
        SCOPE_FREE char *input =
            json_dumps(json_object_get(block, "input"), JSON_COMPACT | JSON_ENSURE_ASCII);
        size_t len = input ? strlen(input) : 0;
        delta(pieces, index, "input_json_delta", "partial_json", "", 0);
        for (size_t at = 0, n; len > 2 && at < len; at += n) {
            n = len - at < 23 ? len - at : 23;
            delta(pieces, index, "input_json_delta", "partial_json", input + at, n);
        }
    } else {
        const char *thought = json_string_value(json_object_get(block, "thinking"));
        const char *signature = json_string_value(json_object_get(block, "signature"));
        if (*thought)
            delta(pieces, index, "thinking_delta", "thinking", thought, strlen(thought));
        delta(pieces, index, "signature_delta", "signature", signature, strlen(signature));
    }
    event(pieces, json_pack("{s:s,s:i}", "type", "content_block_stop", "index", (int)index));
}

static void stream(struct exchange *x, const struct answer *a) {
    json_t *pieces = json_array(), *block;
    size_t i;
    event(pieces, json_pack("{s:s,s:o}", "type", "message_start", "message", message(a, true)));
    event(pieces, json_pack("{s:s}", "type", "ping"));
    json_array_foreach(a->content, i, block) stream_block(pieces, i, block);
    event(pieces, json_pack("{s:s,s:{s:s,s:s?,s:n,s:n},s:o}", "type", "message_delta", "delta",
                            "stop_reason", a->stop_reason, "stop_sequence", a->stop_sequence,
                            "stop_details", "container", "usage", usage(a, a->output_tokens)));
    event(pieces, json_pack("{s:s}", "type", "message_stop"));
    answer_stream(x, pieces,
                  json_string("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                              "\"overloaded_error\",\"message\":\"Overloaded\"},"
                              "\"request_id\":\"req_midstream\"}\n\n"));
}

/* ---- routes ---- */

static json_t *model_json(const char *id) {
    return json_pack("{s:s,s:s,s:s,s:s,s:i,s:i}", "type", "model", "id", id, "display_name", id,
                     "created_at", "2026-09-01T00:00:00Z", "max_input_tokens", 1000000,
                     "max_tokens", 128000);
}

static void models(struct exchange *x, const char *id) {
    if (id && !model_known(x->world, id)) {
        anthropic_error(x, 404, NULL, "There is no such model.");
        return;
    }
    if (id) {
        answer_json(x, 200, model_json(id));
        return;
    }
    json_t *ids = model_ids(x->world), *data = json_array(), *one;
    size_t i;
    json_array_foreach(ids, i, one) json_array_append_new(data, model_json(json_string_value(one)));
    json_decref(ids);
    answer_json(x, 200,
                json_pack("{s:o,s:b,s:n,s:n}", "data", data, "has_more", 0, "first_id", "last_id"));
}

void anthropic_handle(struct exchange *x) {
    char id[40];
    new_id("req_", id);
    if (!anthropic_headers(x))
        return;
    answer_header(x, "request-id", id);
    bool count = strcmp(x->path, "/v1/messages/count_tokens") == 0;
    if (strncmp(x->path, "/v1/models", 10) == 0) {
        models(x, x->path[10] == '/' ? x->path + 11 : NULL);
        return;
    }
    if (strcmp(x->method, "POST") != 0 || (!count && strcmp(x->path, "/v1/messages") != 0)) {
        anthropic_error(x, strcmp(x->method, "POST") == 0 ? 404 : 405, "not_found_error",
                        "Not Found");
        return;
    }
    struct anthropic_request r;
    if (!anthropic_check(x, count, &r))
        return;
    if (count) {
        answer_json(x, 200, json_pack("{s:I}", "input_tokens", model_tokens(x->body_len)));
    } else {
        struct answer a;
        build(x, &r, &a);
        answer_header(x, "anthropic-ratelimit-requests-remaining", "3999");
        if (r.stream)
            stream(x, &a);
        else
            answer_json(x, 200, message(&a, false));
        json_decref(a.content);
    }
    anthropic_request_free(&r);
}
