#include "tests/world/exchange.h"

#include <string.h>

const char *exchange_header(const struct exchange *x, const char *name) {
    return evhttp_find_header(evhttp_request_get_input_headers(x->req), name);
}

const char *exchange_query(const struct exchange *x, const char *name) {
    return exchange_query_nth(x, name, 0);
}

const char *exchange_query_nth(const struct exchange *x, const char *name, size_t index) {
    const struct evkeyval *pair;
    for (pair = x->query.tqh_first; pair; pair = pair->next.tqe_next)
        if (strcmp(pair->key, name) == 0 && index-- == 0)
            return pair->value;
    return NULL;
}

void answer_header(struct exchange *x, const char *name, const char *value) {
    struct evkeyvalq *headers = evhttp_request_get_output_headers(x->req);
    (void)evhttp_remove_header(headers, name);
    (void)evhttp_add_header(headers, name, value);
}

void answer_json(struct exchange *x, int status, json_t *json) {
    x->status = status;
    x->content_type = json ? "application/json; charset=UTF-8" : NULL;
    free(x->out);
    x->out = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("");
    x->out_len = x->out ? strlen(x->out) : 0;
    json_decref(json);
}

void answer_text(struct exchange *x, int status, const char *content_type, const char *text) {
    x->status = status;
    x->content_type = content_type;
    free(x->out);
    x->out = strdup(text);
    x->out_len = x->out ? strlen(x->out) : 0;
}

void answer_stream(struct exchange *x, json_t *pieces, json_t *error_piece) {
    x->status = 200;
    x->content_type = "text/event-stream; charset=utf-8";
    x->pieces = pieces;
    x->error_piece = error_piece;
}
