#include "providers/model_stream.h"

#include <errno.h>
#include <string.h>

void model_stream_open(struct model_stream *stream, const struct model_dialect *dialect,
                       struct model_answer *answer,
                       int (*on_text)(void *ctx, const char *text, size_t len), void *ctx) {
    *stream =
        (struct model_stream){.dialect = dialect, .answer = answer, .on_text = on_text, .ctx = ctx};
}

void model_stream_close(struct model_stream *stream) {
    for (size_t i = 0; i < stream->nblocks; i++) {
        json_decref(stream->blocks[i].json);
        strbuf_free(&stream->blocks[i].body);
        strbuf_free(&stream->blocks[i].signature);
    }
    strbuf_free(&stream->text);
    json_decref(stream->reasoning);
    json_decref(stream->error);
    *stream = (struct model_stream){0};
}

int model_stream_text(struct model_stream *stream, const char *text, size_t len) {
    if (len == 0)
        return 0;
    strbuf_add(&stream->text, text, len);
    if (stream->text.failed)
        return -ENOMEM;
    stream->answer->text_len += len;
    return stream->on_text(stream->ctx, text, len);
}

int model_stream_call(struct model_stream *stream, const char *id, const char *name,
                      const char *arguments) {
    struct model_answer *answer = stream->answer;
    if (answer->ncalls == MODEL_CALLS_MAX)
        return -EFBIG;
    struct model_tool_call *call = &answer->calls[answer->ncalls];
    char made[ID_LEN + 1];
    if (*id == '\0') { /* some servers give none; the result must still name its call */
        id_random(made);
        id = made;
    }
    *call = (struct model_tool_call){.id = strdup(id), .name = strdup(name)};
    answer->ncalls++;
    if (call->id == NULL || call->name == NULL)
        return -ENOMEM;
    if (arguments[strspn(arguments, " \t\r\n")] == '\0')
        call->arguments = json_object();
    else
        call->arguments = json_loads(arguments, JSON_REJECT_DUPLICATES, NULL);
    if (call->arguments != NULL && !json_is_object(call->arguments)) {
        json_decref(call->arguments);
        call->arguments = NULL;
    }
    return 0;
}

void model_answer_free(struct model_answer *answer) {
    for (size_t i = 0; i < answer->ncalls; i++) {
        free(answer->calls[i].id);
        free(answer->calls[i].name);
        json_decref(answer->calls[i].arguments);
    }
    json_decref(answer->raw);
    *answer = (struct model_answer){0};
}

json_t *model_message(const char *role, const char *text) {
    return json_pack("{s:s, s:s}", "role", role, "content", text);
}

int model_add_results(const struct model_dialect *dialect, json_t *messages,
                      const struct model_result *results, size_t n) {
    return dialect->add_results(messages, results, n);
}
