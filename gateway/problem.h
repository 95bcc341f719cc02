/* RFC 9457 problem documents. */
#ifndef CLOISTER_GATEWAY_PROBLEM_H
#define CLOISTER_GATEWAY_PROBLEM_H

#include "ipc/base.h"

struct problem {
    unsigned status;
    const char *code, *detail; /* stable word; plain sentence with the next step */
    uint64_t retry_after_ms;   /* 0: says nothing about when */
    const char *action_url;    /* NULL or "": none */
    const char *request_id;
    const char *reply;   /* what had been answered before, or NULL; in documents alone */
    bool retryable;      /* the same request may succeed when sent again */
    bool unknown_writes; /* a change may have been made; repeat under the same Idempotency-Key */
};

/* The document as compact JSON to free, or NULL (no memory). Text that is not UTF-8 is left out. */
char *problem_document(const struct problem *problem) MUST_CHECK;
/* The data of a stream's "error" event: {code, detail, retryable, …}. */
char *problem_event(const struct problem *problem) MUST_CHECK;
/* Starts with http:// or https:// and holds visible ASCII alone. */
bool web_address(const char *text);

#endif
