/* What the chat completions API accepts. */
#ifndef CLOISTER_WORLD_OPENAI_CHECK_H
#define CLOISTER_WORLD_OPENAI_CHECK_H

#include "tests/world/model.h"

struct openai_request {
    json_t *body;         /* owned */
    json_t *conversation; /* owned; see model.h */
    const char *model;
    json_int_t max_tokens;
    json_t *stop; /* owned array or NULL */
    bool stream, include_usage, one_call;
};

bool openai_headers(struct exchange *x);
bool openai_check(struct exchange *x, struct openai_request *ret);
void openai_request_free(struct openai_request *r);

#endif
