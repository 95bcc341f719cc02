/* The route table (routes.def) and matching against it. */
#ifndef CLOISTER_GATEWAY_ROUTES_H
#define CLOISTER_GATEWAY_ROUTES_H

#include "gateway/frontend_file.h"
#include "gateway/strict.h"

struct call;

enum route_method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_DELETE };
enum route_caller {
    CALLER_FRONTEND,
    CALLER_FRONTEND_OR_SESSION,
    CALLER_SESSION,
    CALLER_PUBLIC,
    CALLER_OPERATOR
};
enum route_where { WHERE_OWNER = 1 << 0, WHERE_OPERATORS = 1 << 1, WHERE_PUBLIC = 1 << 2 };
enum route_body { BODY_NONE, BODY_JSON, BODY_MAYBE_JSON, BODY_FORM, BODY_RAW };

#define ROUTE_PARAMS_MAX 2
#define ROUTE_PARAM_SIZE 513 /* decoded bytes of one segment and a NUL */

struct route {
    enum route_method method;
    const char *method_name, *pattern;
    enum route_caller caller;
    enum frontend_right right; /* of a frontend that calls */
    unsigned where;
    enum route_body body;
    void (*handler)(struct call *call);
    const char *summary;
};

extern const struct route routes[];
extern const size_t routes_count;

struct route_match {
    const struct route *route; /* NULL: none */
    bool path_known;           /* with route NULL: another method would do (405) */
    unsigned params;
    char param[ROUTE_PARAMS_MAX][ROUTE_PARAM_SIZE];
};

/* People look at what it answers (routes.def): refusals are pages, not problem documents. */
bool route_is_page(const struct route *route);
/* Looks method and path up among the routes of listener `where`. */
void route_find(struct slice method, struct slice path, unsigned where, struct route_match *ret);
/* "GET, DELETE, OPTIONS" for a known path; fits any path of the table. */
#define ROUTE_ALLOW_SIZE 64
void route_allow(struct slice path, unsigned where, char out[static ROUTE_ALLOW_SIZE]);

/* Percent-decodes into `out` with a NUL. The length, or -EINVAL (malformed, NUL), -ENOSPC (`out`
 * holds what fitted). */
ssize_t percent_decode(struct slice text, char *out, size_t cap) MUST_CHECK;

/* Each handler answers its call exactly once, now or later (call.h). */
#define ROUTE(METHOD, pattern, caller, right, where, body, handler, summary)                       \
    void handler(struct call *call);
#include "gateway/routes.def"
#undef ROUTE

#endif
