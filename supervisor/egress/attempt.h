/* One attempt to connect to a listed destination: its addresses in turn, 3 s each, 10 s in all.
 * Addresses that are not public are skipped unless the list allows them. Single-threaded. */
#ifndef CLOISTER_EGRESS_ATTEMPT_H
#define CLOISTER_EGRESS_ATTEMPT_H

#include "supervisor/egress/resolve.h"

struct attempt;

/* `fd` (then the callee's) with error 0, or -1 and a positive errno: EACCES no address was public,
 * ENOENT the name does not resolve, ETIMEDOUT, ECONNREFUSED, or what connect() said. */
typedef void (*attempt_fn)(void *ctx, int fd, int error);

/* `done` is called once, later, from the loop; the attempt is gone then. NULL: out of memory. */
struct attempt *attempt_start(struct event_base *base, struct resolver *resolver,
                              const struct destination *d, attempt_fn done, void *ctx);
/* Ends it without calling `done`. */
void attempt_cancel(struct attempt *attempt);

#endif
