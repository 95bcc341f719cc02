/* Both dialects: requests, streams cut at every byte, broken streams, errors. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "providers/json_get.h"
#include "providers/model_stream.h"

struct heard {
    char text[4096];
    size_t len;
};

static int on_text(void *ctx, const char *text, size_t len) {
    struct heard *heard = ctx;
    memcpy(heard->text + heard->len, text, len);
    heard->len += len;
    heard->text[heard->len] = '\0';
    return 0;
}

static int on_sse(void *ctx, const char *name, const char *data, size_t len) {
    struct model_stream *stream = ctx;
    return stream->dialect->event(stream, name, data, len);
}

/* Feeds `wire` in two parts, cut at `cut`. */
static int read_stream(const struct model_dialect *dialect, const char *wire, size_t len,
                       size_t cut, struct heard *heard, struct model_answer *answer) {
    struct model_stream *stream = calloc(1, sizeof(*stream));
    *heard = (struct heard){0};
    *answer = (struct model_answer){0};
    model_stream_open(stream, dialect, answer, on_text, heard);
    struct sse *sse = sse_new(1 << 20, on_sse, stream);
    int r = sse_feed(sse, wire, cut);
    if (r == 0)
        r = sse_feed(sse, wire + cut, len - cut);
    if (r == 0)
        r = dialect->end(stream);
    sse_free(sse);
    model_stream_close(stream);
    free(stream);
    return r;
}

static const char anthropic_wire[] =
    "event: message_start\n"
    "data: "
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":10,"
    "\"cache_read_input_tokens\":5,\"cache_creation_input_tokens\":null,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\n"
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\","
    "\"thinking\":\"\",\"signature\":\"\"}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
    "\"thinking\":\"hm\"}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\","
    "\"signature\":\"SIG==\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
    "event: content_block_start\n"
    "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\","
    "\"text\":\"\"}}\n\n"
    "event: content_block_delta\n"
    "data: "
    "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":"
    "\"Gr\xc3\xbc\xc3\x9f \"}}\n\n"
    "event: content_block_delta\n"
    "data: "
    "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":"
    "\"\\ud83d\\ude00\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
    "event: content_block_start\n"
    "data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\","
    "\"id\":\"toolu_1\",\"name\":\"check_availability\",\"input\":{}}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"\"}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"{\\\"start\\\": \\\"2026-\"}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"11-23\\\"}\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
    "event: content_block_start\n"
    "data: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"tool_use\","
    "\"id\":\"toolu_2\",\"name\":\"forget\",\"input\":{}}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n"
    "event: future_event\ndata: {\"type\":\"future_event\",\"x\":1}\n\n"
    "event: message_delta\n"
    "data: "
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},"
    "\"usage\":{\"output_tokens\":42}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

START_TEST(anthropic_every_cut) {
    for (size_t cut = 0; cut < sizeof(anthropic_wire); cut++) {
        struct heard heard;
        struct model_answer answer;
        int r = read_stream(&model_anthropic, anthropic_wire, sizeof(anthropic_wire) - 1,
                            cut < sizeof(anthropic_wire) - 1 ? cut : cut - 1, &heard, &answer);
        ck_assert_msg(r == 0, "cut %zu: %d", cut, r);
        ck_assert_str_eq(heard.text, "Gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
        ck_assert_uint_eq(answer.ncalls, 2);
        ck_assert_str_eq(answer.calls[0].id, "toolu_1");
        ck_assert_str_eq(answer.calls[0].name, "check_availability");
        ck_assert_str_eq(json_text(answer.calls[0].arguments, "start"), "2026-11-23");
        ck_assert_uint_eq(json_object_size(answer.calls[1].arguments), 0);
        ck_assert_int_eq(answer.stop, MODEL_STOP_TOOLS);
        ck_assert_uint_eq(answer.input_tokens, 15);
        ck_assert_uint_eq(answer.output_tokens, 42);
        if (cut == 0) { /* goes back as it came */
            char *raw = json_dumps(answer.raw, JSON_COMPACT);
            ck_assert_ptr_nonnull(
                strstr(raw, "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"SIG==\"}"));
            ck_assert_ptr_nonnull(strstr(raw, "\"input\":{\"start\":\"2026-11-23\"}"));
            ck_assert_ptr_nonnull(strstr(raw, "\"name\":\"forget\",\"input\":{}"));
            free(raw);
        }
        model_answer_free(&answer);
    }
}
END_TEST

static const char openai_wire[] =
    ": OPENROUTER PROCESSING\n\n"
    "data: "
    "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
    "\"finish_reason\":null}],\"usage\":null}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Gr\xc3\xbc\xc3\x9f\"}}]}\n\n"
    "data: "
    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_a\",\"type\":"
    "\"function\",\"function\":{\"name\":\"list_events\",\"arguments\":\"\"}}]}}]}\r\n\r\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"call_b\","
    "\"function\":{\"name\":\"forget\",\"arguments\":\"{\\\"id\\\":\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_a\","
    "\"function\":{\"name\":\"list_events\",\"arguments\":\"{\\\"start\\\":\\\"a\\\"\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{"
    "\"arguments\":\"\\\"x\\\"}\"}},{\"index\":0,\"function\":{\"arguments\":\"}\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}\n\n"
    "data: [DONE]\n\n";

START_TEST(openai_every_cut) {
    for (size_t cut = 0; cut < sizeof(openai_wire); cut++) {
        struct heard heard;
        struct model_answer answer;
        int r = read_stream(&model_openai, openai_wire, sizeof(openai_wire) - 1,
                            cut < sizeof(openai_wire) - 1 ? cut : cut - 1, &heard, &answer);
        ck_assert_msg(r == 0, "cut %zu: %d", cut, r);
        ck_assert_str_eq(heard.text, "Gr\xc3\xbc\xc3\x9f");
        ck_assert_uint_eq(answer.ncalls, 2);
        ck_assert_str_eq(answer.calls[0].name, "list_events");
        ck_assert_str_eq(json_text(answer.calls[0].arguments, "start"), "a");
        ck_assert_str_eq(answer.calls[1].id, "call_b");
        ck_assert_str_eq(json_text(answer.calls[1].arguments, "id"), "x");
        ck_assert_int_eq(answer.stop, MODEL_STOP_TOOLS); /* although it said "stop" */
        ck_assert_uint_eq(answer.input_tokens, 7);
        ck_assert_uint_eq(answer.output_tokens, 9);
        model_answer_free(&answer);
    }
}
END_TEST

#define CHUNK(delta, rest) "data: {\"choices\":[{\"index\":0,\"delta\":" delta rest "}]}\n\n"
#define FINISH             CHUNK("{}", ",\"finish_reason\":\"stop\"")
#define A(type, rest)      "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define A_TOOL                                                                                     \
    A("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\"," \
                             "\"name\":\"forget\",\"input\":{}}")
#define A_JSON(j)                                                                                  \
    A("content_block_delta",                                                                       \
      ",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"" j "\"}")
#define A_STOP A("content_block_stop", ",\"index\":0")
#define A_END(reason)                                                                              \
    A("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\"}") A("message_stop", "")

static const struct {
    const struct model_dialect *dialect;
    const char *wire;
    int result;
    size_t calls, good_calls;
    enum model_stop stop;
} odd[] = {
    /* OpenAI's relatives */
    {&model_openai, CHUNK("{\"content\":\"a\"}", ""), -EPROTO, 0, 0, 0},
    {&model_openai, CHUNK("{\"content\":\"a\"}", ",\"finish_reason\":\"stop\""), 0, 0, 0,
     MODEL_STOP_END},
    {&model_openai, FINISH "data: [DONE]\n\n", 0, 0, 0, MODEL_STOP_END},
    {&model_openai, "data: {nonsense\n\n", -EPROTO, 0, 0, 0},
    {&model_openai, "data: [1]\n\n", -EPROTO, 0, 0, 0},
    {&model_openai, "data: {\"error\":{\"message\":\"x\",\"code\":502}}\n\n", -EREMOTEIO, 0, 0, 0},
    {&model_openai, "data: {\"error\":\"plain\"}\n\n", -EREMOTEIO, 0, 0, 0},
    {&model_openai, CHUNK("{}", ",\"finish_reason\":\"error\""), -EREMOTEIO, 0, 0, 0},
    {&model_openai, CHUNK("{}", ",\"finish_reason\":\"length\""), 0, 0, 0, MODEL_STOP_LENGTH},
    {&model_openai, CHUNK("{}", ",\"finish_reason\":\"content_filter\""), 0, 0, 0,
     MODEL_STOP_REFUSED},
    {&model_openai,
     CHUNK(
         "{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}]}",
         "") FINISH,
     0, 1, 1, MODEL_STOP_TOOLS},
    {&model_openai,
     CHUNK("{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}", "") FINISH, 0,
     1, 1, MODEL_STOP_TOOLS},
    {&model_openai,
     CHUNK("{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{broken\"}}"
           "]}",
           "") FINISH,
     0, 1, 0, MODEL_STOP_TOOLS},
    {&model_openai,
     CHUNK("{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"[1]\"}}]}",
           "") FINISH,
     0, 1, 0, MODEL_STOP_TOOLS},
    {&model_openai,
     CHUNK("{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}",
           "") CHUNK("{\"tool_calls\":[{\"function\":{\"arguments\":\"}\"}}]}", "") FINISH,
     0, 1, 1, MODEL_STOP_TOOLS},
    {&model_openai,
     CHUNK("{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}",
           "")
         CHUNK(
             "{\"tool_calls\":[{\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}",
             "") FINISH,
     0, 2, 2, MODEL_STOP_TOOLS},
    /* Anthropic */
    {&model_anthropic, A_TOOL A_JSON("{}") A_STOP A_END("tool_use"), 0, 1, 1, MODEL_STOP_TOOLS},
    {&model_anthropic, A_TOOL A_JSON("{broken") A_STOP A_END("tool_use"), 0, 1, 0,
     MODEL_STOP_TOOLS},
    {&model_anthropic, A_TOOL A_JSON("{broken") A_END("max_tokens"), 0, 0, 0, MODEL_STOP_LENGTH},
    {&model_anthropic, A_TOOL A_JSON("{}") A_END("tool_use"), -EPROTO, 0, 0, 0},
    {&model_anthropic, A_TOOL A_JSON("{}") A_STOP, -EPROTO, 0, 0, 0},
    {&model_anthropic, A_END("refusal"), 0, 0, 0, MODEL_STOP_REFUSED},
    {&model_anthropic, A_END("pause_turn"), 0, 0, 0, MODEL_STOP_PAUSED},
    {&model_anthropic, A_END("model_context_window_exceeded"), 0, 0, 0, MODEL_STOP_CONTEXT},
    {&model_anthropic, A_END("something_new"), 0, 0, 0, MODEL_STOP_END},
    {&model_anthropic, A("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}"),
     -EREMOTEIO, 0, 0, 0},
    {&model_anthropic, "event: message_start\ndata: <html>\n\n", -EPROTO, 0, 0, 0},
    {&model_anthropic, A_JSON("{}"), -EPROTO, 0, 0, 0},
    {&model_anthropic, "", -EPROTO, 0, 0, 0},
};

START_TEST(odd_streams) {
    struct heard heard;
    struct model_answer answer;
    size_t len = strlen(odd[_i].wire), good_calls = 0;
    int r = read_stream(odd[_i].dialect, odd[_i].wire, len, len / 2, &heard, &answer);
    ck_assert_msg(r == odd[_i].result, "row %d: %d", _i, r);
    if (r == 0) {
        ck_assert_uint_eq(answer.ncalls, odd[_i].calls);
        for (size_t i = 0; i < answer.ncalls; i++)
            good_calls += answer.calls[i].arguments != NULL && answer.calls[i].id[0] != '\0';
        ck_assert_uint_eq(good_calls, odd[_i].good_calls);
        ck_assert_int_eq(answer.stop, odd[_i].stop);
        ck_assert_ptr_nonnull(answer.raw);
    }
    model_answer_free(&answer);
}
END_TEST

START_TEST(blank_text_is_not_sent_back) {
    static const char wire[] = A_TOOL A_JSON("{}") A_STOP A(
        "content_block_start", ",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
        A("content_block_delta",
          ",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\n\\n\"}")
            A("content_block_stop", ",\"index\":1") A_END("tool_use");
    struct heard heard;
    struct model_answer answer;
    ck_assert_int_eq(
        read_stream(&model_anthropic, wire, sizeof(wire) - 1, sizeof(wire) / 2, &heard, &answer),
        0);
    ck_assert_uint_eq(answer.ncalls, 1);
    ck_assert_uint_eq(json_array_size(json_object_get(answer.raw, "content")), 1);
    model_answer_free(&answer);
}
END_TEST

static json_t *request_of(const struct model_dialect *dialect, bool completion) {
    static const struct model_tool tool = {"forget", "Forgets.", "{\"type\":\"object\"}"};
    struct model_settings settings = {
        .dialect = dialect, .model = "m-1", .completion_tokens = completion};
    json_t *messages = json_array();
    (void)json_array_append_new(messages, model_message("user", "hello"));
    struct model_prompt prompt = {.stable = "STABLE",
                                  .current = "CURRENT",
                                  .tools = &tool,
                                  .ntools = 1,
                                  .messages = messages};
    json_t *request = dialect->request(&settings, &prompt, 99);
    char *text = model_body(dialect, request, &prompt);
    json_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL); /* as the provider reads it */
    ck_assert_ptr_nonnull(body);
    free(text);
    json_decref(request);
    json_decref(messages);
    return body;
}

static void expect_json(json_t *body, const char *expected) {
    char *text = json_dumps(body, JSON_COMPACT);
    ck_assert_str_eq(text, expected);
    free(text);
    json_decref(body);
}

START_TEST(requests) {
    expect_json(
        request_of(&model_anthropic, false),
        "{\"model\":\"m-1\",\"max_tokens\":99,\"stream\":true,\"system\":[{\"type\":\"text\","
        "\"text\":"
        "\"STABLE\",\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":"
        "\"CURRENT\"}],\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"tools\":[{"
        "\"name\":"
        "\"forget\",\"description\":\"Forgets.\",\"input_schema\":{\"type\":\"object\"}}]}");
    expect_json(
        request_of(&model_openai, false),
        "{\"model\":\"m-1\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
        "\"max_tokens\":99,\"messages\":[{\"role\":\"system\",\"content\":\"STABLE\\n\\nCURRENT\"},"
        "{"
        "\"role\":\"user\",\"content\":\"hello\"}],\"tools\":[{\"type\":\"function\",\"function\":{"
        "\"name\":\"forget\",\"description\":\"Forgets.\",\"parameters\":{\"type\":\"object\"}}}]"
        "}");
    json_t *body = request_of(&model_openai, true);
    ck_assert_ptr_nonnull(json_object_get(body, "max_completion_tokens"));
    ck_assert_ptr_null(json_object_get(body, "max_tokens"));
    json_decref(body);
}
END_TEST

START_TEST(result_messages) {
    const struct model_result results[] = {{"t1", "forget", "{}", false},
                                           {"t2", "forget", "no", true}};
    json_t *messages = json_array();
    ck_assert_int_eq(model_add_results(&model_anthropic, messages, results, 2), 0);
    expect_json(messages,
                "[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","
                "\"content\":\"{}\"},{\"type\":\"tool_result\",\"tool_use_id\":\"t2\",\"content\":"
                "\"no\",\"is_error\":true}]}]");
    messages = json_array();
    ck_assert_int_eq(model_add_results(&model_openai, messages, results, 2), 0);
    expect_json(messages,
                "[{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"{}\"},{\"role\":"
                "\"tool\",\"tool_call_id\":\"t2\",\"content\":\"no\"}]");
}
END_TEST

START_TEST(addresses) {
    static const struct {
        const struct model_dialect *dialect;
        const char *base, *url;
    } rows[] = {
        {&model_anthropic, "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"},
        {&model_anthropic, "https://api.anthropic.com/", "https://api.anthropic.com/v1/messages"},
        {&model_anthropic, "https://x.test/v1", "https://x.test/v1/messages"},
        {&model_anthropic, "https://x.test/proxy/v1/", "https://x.test/proxy/v1/messages"},
        {&model_anthropic, "https://127.0.0.1:8443", "https://127.0.0.1:8443/v1/messages"},
        {&model_openai, "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"},
        {&model_openai, "http://localhost:11434/v1/", "http://localhost:11434/v1/chat/completions"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *url = model_url(rows[i].dialect, rows[i].base);
        ck_assert_str_eq(url, rows[i].url);
        free(url);
    }
    ck_assert_ptr_null(model_url(&model_openai, "not an address"));
    ck_assert(model_is_openai_host("https://api.openai.com/v1"));
    ck_assert(!model_is_openai_host("https://notopenai.com/v1"));
    ck_assert(!model_is_openai_host("http://127.0.0.1:1/openai.com"));
}
END_TEST

static const struct {
    int status;
    const char *body;
    enum model_error_kind kind;
} errors[] = {
    {400, "{\"error\":{\"type\":\"invalid_request_error\"}}", MODEL_ERROR_REJECTED},
    {401, "{\"error\":{\"type\":\"authentication_error\"}}", MODEL_ERROR_CONFIG},
    {402, NULL, MODEL_ERROR_CONFIG},
    {403, NULL, MODEL_ERROR_CONFIG},
    {404, "{\"error\":{\"type\":\"not_found_error\"}}", MODEL_ERROR_CONFIG},
    {413, "{\"error\":{\"type\":\"request_too_large\"}}", MODEL_ERROR_REJECTED},
    {408, NULL, MODEL_ERROR_TRANSIENT},
    {409, NULL, MODEL_ERROR_TRANSIENT},
    {429, "{\"error\":{\"type\":\"rate_limit_error\"}}", MODEL_ERROR_RATE},
    {429, NULL, MODEL_ERROR_RATE},
    {429,
     "{\"error\":{\"type\":\"rate_limit_error\",\"details\":{\"error_code\":\"enforced_spend_limit_"
     "reached\"}}}",
     MODEL_ERROR_CONFIG},
    {429, "{\"error\":{\"type\":\"x\",\"code\":\"insufficient_quota\"}}", MODEL_ERROR_CONFIG},
    {429, "{\"error\":{\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}",
     MODEL_ERROR_CONFIG},
    {500, "{\"error\":{\"type\":\"api_error\"}}", MODEL_ERROR_TRANSIENT},
    {500, "{\"error\":\"plain text\"}", MODEL_ERROR_TRANSIENT},
    {502, NULL, MODEL_ERROR_TRANSIENT},
    {529, "{\"error\":{\"type\":\"overloaded_error\"}}", MODEL_ERROR_TRANSIENT},
    {501, NULL, MODEL_ERROR_REJECTED},
    {0, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}", MODEL_ERROR_TRANSIENT},
    {0, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}", MODEL_ERROR_RATE},
    {0, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\"}}",
     MODEL_ERROR_REJECTED},
    {0, "{\"error\":{\"code\":502,\"message\":\"x\"}}", MODEL_ERROR_TRANSIENT},
    {0, "{\"error\":{\"code\":429,\"message\":\"x\"}}", MODEL_ERROR_RATE},
    {0, "{\"error\":{\"code\":401,\"message\":\"x\"}}", MODEL_ERROR_CONFIG},
    {0, "{\"error\":\"plain text\"}", MODEL_ERROR_TRANSIENT},
    {0, "{\"object\":\"error\",\"code\":400,\"type\":\"BadRequestError\"}", MODEL_ERROR_REJECTED},
};

START_TEST(error_kinds) {
    json_t *body = errors[_i].body != NULL ? json_loads(errors[_i].body, 0, NULL) : NULL;
    ck_assert_msg(model_error_classify(errors[_i].status, body) == errors[_i].kind, "row %d", _i);
    json_decref(body);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, anthropic_every_cut);
    tcase_add_test(tc, openai_every_cut);
    tcase_add_loop_test(tc, odd_streams, 0, (int)COUNT_OF(odd));
    tcase_add_test(tc, blank_text_is_not_sent_back);
    tcase_add_test(tc, requests);
    tcase_add_test(tc, result_messages);
    tcase_add_test(tc, addresses);
    tcase_add_loop_test(tc, error_kinds, 0, (int)COUNT_OF(errors));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
