/* An owner's operations on their businesses (business/api/operations.def): asked of cloisterd,
 * which knows the caller, stamps who it is and passes them on to cloister-business. Loop thread. */
#ifndef CLOISTER_GATEWAY_BUSINESS_H
#define CLOISTER_GATEWAY_BUSINESS_H

#include "gateway/call.h"

#define SLUG_MAX      64 /* as SLUG of business/api/shapes.h */
#define REFERENCE_MAX 32

/* Lower case letters, digits and hyphens. */
bool slug_fits(const char *text);
/* Letters, digits and hyphens: what references look like. */
bool reference_fits(const char *text);

/* Asks for `operation` as the caller's `user` ("" with a session). Steals `arguments`; NULL is no
 * memory. A call without an Idempotency-Key gets its own id for one: sent again when the link is
 * lost, it is still the same call. Answers itself when it cannot be sent. */
void business_ask(struct call *call, const char *user, const char *operation, json_t *arguments,
                  upstream_answer *answer);
/* The result's object (new reference), or NULL after answering with what went wrong: a refusal's
 * problem document carries what came beside it, such as the next free slots. */
json_t *business_replied(struct call *call, enum upstream_end end,
                         const Cloister__Message *message) MUST_CHECK;
/* The same without answering: NULL and *problem when it is none; *ret_beside, unless NULL, is the
 * object beside a refusal (new reference) or NULL. Its texts live as long as `message`. */
json_t *business_result(enum upstream_end end, const Cloister__Message *message,
                        struct problem *problem, json_t **ret_beside) MUST_CHECK;

#endif
