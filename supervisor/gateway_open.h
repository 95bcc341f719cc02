/* The requests that are open on one gateway's connection. Used by gateway.c and chat.c. Loop
 * thread. */
#ifndef CLOISTER_SUPERVISOR_GATEWAY_OPEN_H
#define CLOISTER_SUPERVISOR_GATEWAY_OPEN_H

#include "ipc/about.h"
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

/* What is no chat and may be cancelled all the same: `cancel` answers the request. Nothing is
 * called when the gateway goes. */
typedef void gateway_cancel(void *ctx);
void gateway_request_set_cancel(struct gateway_end *end, uint64_t request, gateway_cancel *cancel,
                                void *ctx);
void gateway_request_cancel(struct gateway_end *end, uint64_t request);

/* What an open request is called; empty when it is not open, or was not told. Never NULL. */
void gateway_request_set_about(struct gateway_end *end, uint64_t request,
                               const struct about *about);
const struct about *gateway_request_about(const struct gateway_end *end, uint64_t request);

size_t gateway_end_open(const struct gateway_end *end);

#endif
