/* cloisterd's end of a gateway's channel: dispatches requests to their handlers, sends replies.
 * Every request ends with exactly one final message (its own reply type, CHAT_DONE or FAILURE).
 * Loop thread. */
#ifndef CLOISTER_SUPERVISOR_GATEWAY_END_H
#define CLOISTER_SUPERVISOR_GATEWAY_END_H

#include "ipc/message.h"

/* Which connection of which gateway a request came on: stays valid after that gateway is gone
 * (sends are then dropped), so handlers may answer late. */
struct gateway_end;

/* Encodes and sends; logs and drops when the gateway is gone. */
void gateway_send(struct gateway_end *end, Cloister__Message *message);
void gateway_fail(struct gateway_end *end, uint64_t request, unsigned status, const char *code,
                  const char *detail, bool retryable);
/* The store is away: 503 "database_unavailable", retryable. */
void gateway_fail_store(struct gateway_end *end, uint64_t request);

#endif
