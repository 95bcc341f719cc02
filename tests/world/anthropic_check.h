/* What the Messages API accepts, by the version that the request names. */
#ifndef CLOISTER_WORLD_ANTHROPIC_CHECK_H
#define CLOISTER_WORLD_ANTHROPIC_CHECK_H

#include "tests/world/model.h"

struct anthropic_request {
    json_t *body;         /* owned */
    json_t *conversation; /* owned; see model.h */
    const char *model;
    json_int_t max_tokens;
    const json_t *stop_sequences;
    bool stream, one_call, thinking, thinking_shown;
};

/* Key, version, content type. False after answering. */
bool anthropic_headers(struct exchange *x);
/* The whole body. False after answering 400, 404 or 413; nothing to free then. */
bool anthropic_check(struct exchange *x, bool counting, struct anthropic_request *ret);
void anthropic_request_free(struct anthropic_request *r);

#endif
