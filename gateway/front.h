/* The public instance's link to cloister-business: every operation a customer may ask goes through
 * here, from HTTP, pages and MCP alike. Arguments are checked against the table of
 * business/api first; answers to what many ask alike are kept for a while. Loop thread. */
#ifndef CLOISTER_GATEWAY_FRONT_H
#define CLOISTER_GATEWAY_FRONT_H

#include "business/api/operations.h"
#include "gateway/call.h"

/* Called once by the public instance, before it serves. 0 or -errno with a sentence in `why`. */
int front_begin(struct gateway *gateway, char *why, size_t why_len) MUST_CHECK;
void front_end(struct gateway *gateway);

/* Who asks, as far as it says so; for the log and for limits. */
struct front_client {
    const char *channel;        /* "http", "page", "mcp" */
    const char *name, *version; /* MCP's clientInfo; "" elsewhere */
};

struct front_request {
    const char *operation; /* of business/api/operations.def, who CUSTOMER */
    json_t *arguments;     /* stolen; NULL is no memory */
    const char *key;       /* idempotency key; NULL or "": the call's own id */
    struct front_client client;
    bool progress; /* `answer` gets BUSINESS_PROGRESS, too */
};

/* Asks. `answer` gets UPSTREAM_REPLY and a BUSINESS_RESULT exactly once, perhaps before this
 * returns: also when arguments do not fit (400 invalid_argument), when cloister-business is away
 * (503 business_unavailable) and when it is late. Refuses nothing itself.
 * business_replied() makes a problem document or a page of a refusal. */
void front_ask(struct call *call, const struct front_request *request, upstream_answer *answer);
/* The client has gone: cloister-business is told. For dispatch.c. */
void front_forget(struct call *call);

#endif
