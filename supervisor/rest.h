/* Users whose agent broke the protocol: the next one is not started at once, and later each time,
 * so that an agent that is ended again and again does not keep the machine busy with its restarts.
 * Bounded; forgotten after ten minutes of good behaviour. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_REST_H
#define CLOISTER_SUPERVISOR_REST_H

#include "ipc/base.h"

struct rest;

/* `first_ms`: how long the first rest is; 0: there is none. NULL when there is no memory. */
struct rest *rest_new(uint64_t first_ms);
void rest_free(struct rest *rest);
/* `key` (an agent's) broke the rules at `now` (clock_ms). */
void rest_begin(struct rest *rest, const char *key, uint64_t now);
/* How many ms it still rests; 0: it does not. */
uint64_t rest_left(const struct rest *rest, const char *key, uint64_t now);

#endif
