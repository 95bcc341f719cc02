/* State of one answer while it streams in; shared by model.c and the dialects only. */
#ifndef CLOISTER_PROVIDERS_MODEL_STREAM_H
#define CLOISTER_PROVIDERS_MODEL_STREAM_H

#include "providers/json_get.h"
#include "providers/model.h"
#include "providers/strbuf.h"

#define MODEL_BLOCKS_MAX 64u

struct model_block {
    json_t *json;       /* as it was started */
    struct strbuf body; /* text, thinking or partial JSON */
    struct strbuf signature;
    bool used, stopped;
    long index; /* the provider's */
};

struct model_stream {
    const struct model_dialect *dialect;
    struct model_answer *answer;
    int (*on_text)(void *ctx, const char *text, size_t len);
    void *ctx;
    struct model_block blocks[MODEL_BLOCKS_MAX];
    size_t nblocks;
    struct strbuf text; /* all text of the answer */
    json_t *reasoning;  /* openai: reasoning_details to send back */
    bool stop_seen, finished;
    json_t *error; /* body of a reported error */
    size_t bytes;
};

void model_stream_open(struct model_stream *stream, const struct model_dialect *dialect,
                       struct model_answer *answer,
                       int (*on_text)(void *ctx, const char *text, size_t len), void *ctx);
void model_stream_close(struct model_stream *stream);
/* Gives text out and keeps it. */
int model_stream_text(struct model_stream *stream, const char *text, size_t len) MUST_CHECK;
/* Adds a tool call with `arguments` as the model wrote them; "" means {}. -EFBIG, -ENOMEM. */
int model_stream_call(struct model_stream *stream, const char *id, const char *name,
                      const char *arguments) MUST_CHECK;

#endif
