/* Language models behind one small interface. A dialect knows how a request looks and how its
 * stream is read; model.c does the rest: sending, retrying while nothing was shown, bounds, error
 * words.
 *
 * Messages are kept in the dialect's own JSON, so that what the model said goes back unchanged. */
#ifndef CLOISTER_PROVIDERS_MODEL_H
#define CLOISTER_PROVIDERS_MODEL_H

#include <jansson.h>

#include "providers/pump.h"

#define MODEL_STREAM_MAX (4u << 20) /* bytes of one answer's stream */
#define MODEL_CALLS_MAX  32u        /* tool calls in one answer */

struct model_dialect;
extern const struct model_dialect model_anthropic, model_openai;
/* By configuration word ("anthropic", "openai"); NULL when unknown. */
const struct model_dialect *model_dialect_of(const char *word);

struct model_settings {
    const struct model_dialect *dialect;
    char *url;              /* of the endpoint itself, see model_url */
    const char *model;      /* id */
    bool completion_tokens; /* OpenAI's own host wants max_completion_tokens */
    const struct http_trust *trust;
};
/* The endpoint under a configured base. malloc'd; NULL when the base is no URL. */
char *model_url(const struct model_dialect *dialect, const char *base);
/* True when the URL's host is OpenAI's. */
bool model_is_openai_host(const char *base);

struct model_tool {
    const char *name, *description;
    const char *schema; /* JSON Schema of the arguments */
};

struct model_prompt {
    const char *stable;  /* system text that is the same in every turn: cacheable */
    const char *current; /* system text of this turn */
    const struct model_tool *tools;
    size_t ntools;
    json_t *messages; /* array in the dialect's form */
};

struct model_tool_call {
    char *id, *name;
    json_t *arguments; /* object; NULL when what came was not one */
};

enum model_stop {
    MODEL_STOP_END,
    MODEL_STOP_TOOLS,
    MODEL_STOP_LENGTH, /* cut: tool calls may be incomplete and must not be executed */
    MODEL_STOP_REFUSED,
    MODEL_STOP_PAUSED,  /* send the answer back as it is to go on */
    MODEL_STOP_CONTEXT, /* the conversation no longer fits */
};

struct model_answer {
    struct model_tool_call calls[MODEL_CALLS_MAX];
    size_t ncalls;
    json_t *raw; /* the assistant message, to be appended to model_prompt.messages */
    enum model_stop stop;
    uint64_t input_tokens, output_tokens;
    size_t text_len;
};
void model_answer_free(struct model_answer *answer);

struct model_result {
    const char *call_id, *name, *text;
    bool is_error;
};

/* A plain message. NULL when memory ran out. */
json_t *model_message(const char *role, const char *text);
/* Appends the results of one answer's calls, all of them. 0 or -ENOMEM. */
int model_add_results(const struct model_dialect *dialect, json_t *messages,
                      const struct model_result *results, size_t n) MUST_CHECK;

struct model_call {
    struct pump *pump;
    const struct model_settings *settings;
    const struct model_prompt *prompt;
    const char *api_key; /* "" sends none */
    bool quote_errors;   /* what the provider writes beside an error goes into the fault as well */
    uint32_t max_tokens;
    /* Text as it comes, whole UTF-8 characters. Non-zero ends the call with that value. */
    int (*on_text)(void *ctx, const char *text, size_t len);
    void *ctx;
};
/* One answer, streamed. Retries up to twice as long as no text of it was given out. 0, or -errno
 * with the fault set. Either way `ret` has the tokens of all attempts: as the provider counted
 * them, or estimated for one that broke off, or was cancelled, before it said. */
int model_ask(const struct model_call *call, struct model_answer *ret,
              struct fault *fault) MUST_CHECK;

/* Writes these tools' form ahead of need. Once for each list that prompts choose from, before fork:
 * those made from then on share it. Schemas are constants of the program. 0 or -ENOMEM. */
int model_warm(const struct model_settings *settings, const struct model_tool *tools,
               size_t n) MUST_CHECK;

/* ---- for the dialects and their tests ---- */

/* The request's text with the prompt's tools in it; malloc'd, NULL when memory is short. */
char *model_body(const struct model_dialect *dialect, json_t *request,
                 const struct model_prompt *prompt);

struct model_stream;
struct model_dialect {
    const char *word;
    const char *path; /* under the base */
    /* All of it but the tools. */
    json_t *(*request)(const struct model_settings *settings, const struct model_prompt *prompt,
                       uint32_t max_tokens);
    const char *tool_begin, *tool_schema, *tool_end; /* what a tool stands in */
    /* malloc'd header line with the key, NULL on lack of memory. */
    const char *key_header; /* "x-api-key: " */
    const char *const *headers;
    int (*add_results)(json_t *messages, const struct model_result *results, size_t n);
    /* One event of the stream. 0, -EPROTO, -EFBIG, -ENOMEM, -EREMOTEIO (the provider reported an
     * error), or what on_text gave. */
    int (*event)(struct model_stream *stream, const char *name, const char *data, size_t len);
    bool ends_by_reason; /* whole once it says why it stopped: some servers send no last mark */
    /* The stream has ended: completes the answer. -EPROTO when it is not whole. */
    int (*end)(struct model_stream *stream);
};

/* What a provider's error means for us. */
enum model_error_kind {
    MODEL_ERROR_TRANSIENT, /* model_unavailable, retried */
    MODEL_ERROR_RATE,      /* model_rate_limited, retried */
    MODEL_ERROR_REJECTED,  /* model_rejected: the request is not taken */
    MODEL_ERROR_CONFIG,    /* model_misconfigured: key, model name, account */
};
/* `status` 0: reported inside a stream. `body` may be NULL. */
enum model_error_kind model_error_classify(int status, const json_t *body);

#endif
