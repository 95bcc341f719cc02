/* The requests that are open on one gateway's connection. Used by gateway.c and chat.c. Loop
 * thread. */
#ifndef CLOISTER_SUPERVISOR_GATEWAY_OPEN_H
#define CLOISTER_SUPERVISOR_GATEWAY_OPEN_H

#include "ipc/nng_end.h"
#include "supervisor/gateway_end.h"

#define OPEN_REQUESTS_MAX 4096

struct chat;

/* `channel` is where replies go. */
int gateway_end_new(struct nng_end *channel, struct gateway_end **ret) MUST_CHECK;
/* The peer is gone: what is open is cancelled, later replies are dropped, and the end is freed once
 * the last handler has answered. */
void gateway_end_gone(struct gateway_end *end);

/* Opens a request. -EEXIST: that number is open already; -ENOSPC: OPEN_REQUESTS_MAX; -ENOMEM. */
int gateway_request_open(struct gateway_end *end, uint64_t request) MUST_CHECK;
/* Ends it without a reply: its reader is gone. May free the end. */
void gateway_request_close(struct gateway_end *end, uint64_t request);
/* The chat that a request is, to cancel it and to give it credit; NULL when it is none or not open.
 */
void gateway_request_set_chat(struct gateway_end *end, uint64_t request, struct chat *chat);
struct chat *gateway_request_chat(const struct gateway_end *end, uint64_t request);

size_t gateway_end_open(const struct gateway_end *end);

#endif
