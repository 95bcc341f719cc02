/* One request to the stand-in world and its answer. A handler reads the request fields, calls one
 * of answer_*() exactly once and returns; sending (with delays, pacing and faults) happens
 * afterwards. */
#ifndef CLOISTER_WORLD_EXCHANGE_H
#define CLOISTER_WORLD_EXCHANGE_H

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "tests/world/faults.h"
#include "tests/world/world.h"

struct server;
struct exchange {
    struct world *world;
    const struct server *server;
    struct evhttp_request *req;
    enum service service;
    const char *method;
    char *path;             /* still percent-encoded, without query */
    struct evkeyvalq query; /* decoded */
    char *body;             /* NUL-terminated */
    size_t body_len;
    char account[64]; /* on whose behalf, "" when nobody's */
    struct fault fault;
    uint64_t record; /* in the request log */

    int status;
    const char *content_type;
    char *out; /* malloc'd */
    size_t out_len;
    json_t *pieces;      /* of a stream: array of strings; NULL for plain answers */
    json_t *error_piece; /* what a midstream_error sends instead of the second half */
    size_t next_piece;
    bool started, closing;
    struct event *timer;
    struct exchange *next_live, **link; /* all unfinished ones, for a clean end */
};

/* NULL when absent. */
const char *exchange_header(const struct exchange *x, const char *name);
const char *exchange_query(const struct exchange *x, const char *name);
/* Came in over TLS (server.c). */
bool exchange_is_tls(const struct exchange *x);
/* Query values of a repeated parameter: the `index`-th, or NULL. */
const char *exchange_query_nth(const struct exchange *x, const char *name, size_t index);

void answer_header(struct exchange *x, const char *name, const char *value);
/* Takes `json`; NULL sends an empty body. */
void answer_json(struct exchange *x, int status, json_t *json);
void answer_text(struct exchange *x, int status, const char *content_type, const char *text);
/* Takes `pieces` and `error_piece` (may be NULL): server-sent events in order. */
void answer_stream(struct exchange *x, json_t *pieces, json_t *error_piece);

#endif
