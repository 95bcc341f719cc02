/* OpenAI-compatible chat completions: answers. What is accepted is in openai_check.c. */
#include <stdio.h>
#include <string.h>

#include "tests/world/openai_check.h"

void openai_error(struct exchange *x, int status, const char *code, const char *message) {
    const char *type = status == 429   ? "requests"
                       : status >= 500 ? "server_error"
                                       : "invalid_request_error";
    if (status == 429 && !code)
        code = "rate_limit_exceeded";
    if (code && strcmp(code, "insufficient_quota") == 0)
        type = "insufficient_quota";
    answer_header(x, "x-request-id", "req_stand_in");
    answer_json(x, status,
                json_pack("{s:{s:s,s:s,s:n,s:s?}}", "error", "message", message, "type", type,
                          "param", "code", code));
}

struct answer {
    char id[48];
    const char *model, *finish;
    char *text;    /* malloc'd */
    json_t *calls; /* array of tool_calls */
    json_int_t prompt_tokens, completion_tokens, created;
};

static void build(struct exchange *x, const struct openai_request *r, struct answer *a) {
    json_t *reply = mind_think(r->conversation, world_now_s(x->world));
    const char *said = json_string_value(json_object_get(reply, "text")), *stop = NULL;
    bool cut = false;
    char hex[25];
    random_hex(hex, 24);
    *a = (struct answer){.model = r->model,
                         .created = world_now_s(x->world),
                         .calls = json_array(),
                         .prompt_tokens = model_tokens(x->body_len)};
    snprintf(a->id, sizeof(a->id), "chatcmpl-%s", hex);
    a->text = model_cut(said ? said : "", r->max_tokens, &cut);
    model_stop(a->text, r->stop, &stop);
    a->finish = cut ? "length" : "stop";
    a->completion_tokens = model_tokens(strlen(a->text));
    size_t i;
    const json_t *call;
    json_array_foreach(json_object_get(reply, "calls"), i, call) {
        if (cut || stop || (r->one_call && i > 0))
            break;
        random_hex(hex, 24);
        SCOPE_FREE char *arguments = json_dumps(json_object_get(call, "input"), JSON_COMPACT);
        json_array_append_new(a->calls, json_pack("{s:s+,s:s,s:{s:s,s:s}}", "id", "call_", hex,
                                                  "type", "function", "function", "name",
                                                  json_string_value(json_object_get(call, "name")),
                                                  "arguments", arguments ? arguments : "{}"));
        a->completion_tokens += model_tokens(arguments ? strlen(arguments) : 0) + 8;
        a->finish = "tool_calls";
    }
    if (json_is_true(json_object_get(reply, "refused")))
        a->finish = "content_filter";
    json_decref(reply);
}

static json_t *usage(const struct answer *a) {
    return json_pack("{s:I,s:I,s:I,s:{s:i},s:{s:i}}", "prompt_tokens", a->prompt_tokens,
                     "completion_tokens", a->completion_tokens, "total_tokens",
                     a->prompt_tokens + a->completion_tokens, "prompt_tokens_details",
                     "cached_tokens", 0, "completion_tokens_details", "reasoning_tokens", 0);
}

static json_t *completion(const struct answer *a) {
    json_t *message = json_pack("{s:s,s:s?,s:n}", "role", "assistant", "content",
                                *a->text ? a->text : NULL, "refusal");
    if (json_array_size(a->calls) > 0)
        json_object_set(message, "tool_calls", a->calls);
    return json_pack("{s:s,s:s,s:I,s:s,s:[{s:i,s:o,s:s,s:n}],s:o,s:s}", "id", a->id, "object",
                     "chat.completion", "created", a->created, "model", a->model, "choices",
                     "index", 0, "message", message, "finish_reason", a->finish, "logprobs",
                     "usage", usage(a), "system_fingerprint", "fp_stand_in");
}

/* ---- streaming ---- */

static json_t *chunk(const struct answer *a, json_t *choices) {
    return json_pack("{s:s,s:s,s:I,s:s,s:s,s:o}", "id", a->id, "object", "chat.completion.chunk",
                     "created", a->created, "model", a->model, "system_fingerprint", "fp_stand_in",
                     "choices", choices);
}

static void put(json_t *pieces, const struct openai_request *r, json_t *data, json_t *tokens) {
    if (r->include_usage)
        json_object_set_new(data, "usage", tokens ? tokens : json_null());
    SCOPE_FREE char *text = json_dumps(data, JSON_COMPACT);
    json_array_append_new(pieces, json_sprintf("data: %s\n\n", text ? text : "{}"));
    json_decref(data);
}

static void put_delta(json_t *pieces, const struct openai_request *r, const struct answer *a,
                      json_t *delta, const char *finish) {
    put(pieces, r,
        chunk(a, json_pack("[{s:i,s:o,s:n,s:s?}]", "index", 0, "delta", delta, "logprobs",
                           "finish_reason", finish)),
        NULL);
}

static void stream_call(json_t *pieces, const struct openai_request *r, const struct answer *a,
                        size_t index, const json_t *call) {
    const json_t *function = json_object_get(call, "function");
    const char *arguments = json_string_value(json_object_get(function, "arguments"));
    put_delta(pieces, r, a,
              json_pack("{s:[{s:i,s:O,s:s,s:{s:O,s:s}}]}", "tool_calls", "index", (int)index, "id",
                        json_object_get(call, "id"), "type", "function", "function", "name",
                        json_object_get(function, "name"), "arguments", ""),
              NULL);
    size_t len = strlen(arguments);
    for (size_t at = 0, n; at < len; at += n) {
        n = len - at < 19 ? len - at : 19;
        while (at + n < len && ((unsigned char)arguments[at + n] & 0xC0) == 0x80)
            n++;
        put_delta(pieces, r, a,
                  json_pack("{s:[{s:i,s:{s:s%}}]}", "tool_calls", "index", (int)index, "function",
                            "arguments", arguments + at, n),
                  NULL);
    }
}

static void stream(struct exchange *x, const struct openai_request *r, const struct answer *a) {
    json_t *pieces = json_array(), *call;
    put_delta(pieces, r, a,
              json_pack("{s:s,s:s,s:n}", "role", "assistant", "content", "", "refusal"), NULL);
    const char *p = a->text;
    for (size_t n; *p; p += n) {
        n = model_piece(p);
        put_delta(pieces, r, a, json_pack("{s:s%}", "content", p, n), NULL);
    }
    size_t i;
    json_array_foreach(a->calls, i, call) stream_call(pieces, r, a, i, call);
    put_delta(pieces, r, a, json_object(), a->finish);
    if (r->include_usage)
        put(pieces, r, chunk(a, json_array()), usage(a));
    json_array_append_new(pieces, json_string("data: [DONE]\n\n"));
    answer_stream(x, pieces,
                  json_string("data: {\"error\":{\"message\":\"The server had an error\",\"type\":"
                              "\"server_error\",\"param\":null,\"code\":null}}\n\n"));
}

static void models(struct exchange *x) {
    json_t *ids = model_ids(x->world), *data = json_array(), *one;
    size_t i;
    json_array_foreach(ids, i, one)
        json_array_append_new(data, json_pack("{s:O,s:s,s:i,s:s}", "id", one, "object", "model",
                                              "created", 1790000000, "owned_by", "stand-in"));
    json_decref(ids);
    answer_json(x, 200, json_pack("{s:s,s:o}", "object", "list", "data", data));
}

void openai_handle(struct exchange *x) {
    if (!openai_headers(x))
        return;
    answer_header(x, "x-request-id", "req_stand_in");
    if (strcmp(x->path, "/v1/models") == 0 && strcmp(x->method, "GET") == 0) {
        models(x);
        return;
    }
    if (strcmp(x->path, "/v1/chat/completions") != 0 || strcmp(x->method, "POST") != 0) {
        openai_error(x, 404, NULL, "Invalid URL");
        return;
    }
    struct openai_request r;
    if (!openai_check(x, &r))
        return;
    struct answer a;
    build(x, &r, &a);
    if (r.stream)
        stream(x, &r, &a);
    else
        answer_json(x, 200, completion(&a));
    free(a.text);
    json_decref(a.calls);
    openai_request_free(&r);
}
