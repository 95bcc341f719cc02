/* The models' answers: streams of both dialects, error bodies, retries. A whole answer is within
 * its bounds, can be sent back, and is the same in whatever pieces it came; its text was given out
 * as whole characters; a failed one left nothing behind and has words. The input's first byte is
 * 'o' for OpenAI's dialect, then the script. */
#include "memory/seal.h"
#include "providers/model.h"
#include "script_http.h"

struct reader {
    size_t len;
    uint64_t sum;
};

static int on_text(void *ctx, const char *text, size_t len) {
    struct reader *reader = ctx;
    MUST(len > 0 && utf8_valid(text, len));
    reader->len += len;
    for (size_t i = 0; i < len; i++)
        reader->sum = reader->sum * 31 + (uint8_t)text[i];
    return 0;
}

static void answer_holds(const struct model_dialect *dialect, const struct model_answer *answer) {
    struct model_result results[MODEL_CALLS_MAX];
    MUST(answer->ncalls <= MODEL_CALLS_MAX && json_is_object(answer->raw));
    for (size_t i = 0; i < answer->ncalls; i++) {
        const struct model_tool_call *call = &answer->calls[i];
        MUST(call->id != NULL && call->id[0] != '\0' && call->name != NULL);
        MUST(call->arguments == NULL || json_is_object(call->arguments));
        results[i] = (struct model_result){call->id, call->name, "{}", i % 2 == 1};
    }
    json_t *messages = json_pack("[O]", answer->raw);
    MUST(model_add_results(dialect, messages, results, answer->ncalls) == 0);
    char *text = json_dumps(messages, JSON_COMPACT);
    json_t *again = text != NULL ? json_loads(text, 0, NULL) : NULL;
    MUST(again != NULL && json_equal(messages, again));
    json_decref(again);
    json_decref(messages);
    free(text);
}

/* What came of one answer, to be compared. */
struct outcome {
    int result;
    const char *code;
    struct reader shown;
    size_t calls;
    enum model_stop stop;
};

static struct outcome ask(const struct model_dialect *dialect, const struct input *script,
                          size_t piece) {
    struct pump pump;
    struct fault fault = {0};
    struct model_answer answer;
    struct outcome outcome = {0};
    struct model_settings settings = {
        .dialect = dialect, .url = (char *)"http://model.example/v1", .model = "model"};
    struct model_prompt prompt = {
        .stable = "stable", .current = "current", .messages = json_array()};
    script_begin(script, piece, &pump);
    const struct model_call call = {.pump = &pump,
                                    .settings = &settings,
                                    .prompt = &prompt,
                                    .api_key = "key",
                                    .max_tokens = 100,
                                    .on_text = on_text,
                                    .ctx = &outcome.shown};
    outcome.result = model_ask(&call, &answer, &fault);
    outcome.code = fault.code;
    if (outcome.result == 0) {
        answer_holds(dialect, &answer);
        MUST(answer.text_len == outcome.shown.len);
        outcome.calls = answer.ncalls;
        outcome.stop = answer.stop;
        model_answer_free(&answer);
    } else {
        MUST(outcome.result < 0 && fault.code != NULL && fault.detail[0] != '\0');
        MUST(answer.raw == NULL && answer.ncalls == 0);
    }
    MUST(script_requests() <= 3);
    json_decref(prompt.messages);
    script_end(&pump);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input script = {data, len};
    if (len < 1 || seal_init() < 0)
        return 0;
    const struct model_dialect *dialect =
        input_byte(&script) == 'o' ? &model_openai : &model_anthropic;
    struct outcome whole = ask(dialect, &script, 65536), split = ask(dialect, &script, 3);
    if (whole.result == 0 || split.result == 0) {
        MUST(whole.result == split.result && whole.calls == split.calls);
        MUST(whole.stop == split.stop && whole.shown.len == split.shown.len &&
             whole.shown.sum == split.shown.sum);
    } else {
        MUST(strcmp(whole.code, split.code) == 0);
    }
    return 0;
}
