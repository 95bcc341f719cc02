/* Who calls, and may they: the frontend's key, the browser's session and what a browser says about
 * where a request comes from, rates by address. Only what HTTP can tell is judged here: whether a
 * session lives, and whether its csrf token fits, cloisterd knows. Loop thread. */
#ifndef CLOISTER_GATEWAY_CALLER_H
#define CLOISTER_GATEWAY_CALLER_H

#include "gateway/call.h"

/* Needs call->route, ->address and ->cookie. Fills in ->frontend or ->session. False: answered. */
bool caller_admit(struct call *call, const struct strict_head *head);
/* Answers a form that came without a session, once its body is read. */
void caller_stranger(struct call *call);
/* Answers 429 when `wait_ms` is not 0; then true. */
bool caller_limited(struct call *call, uint64_t wait_ms, unsigned limit, const char *detail);

#endif
