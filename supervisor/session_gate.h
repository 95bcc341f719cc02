/* Before the handlers: who is asking. A frontend's caller passes as it is; of a browser's the
 * session is looked up, and the caller becomes the user that it stands for (frontend "web", name,
 * grant). A request waits here for one statement of the store, which is bounded (pg.h), and is one
 * of its gateway's open requests, which are bounded too (gateway_open.h). Loop thread. */
#ifndef CLOISTER_SUPERVISOR_SESSION_GATE_H
#define CLOISTER_SUPERVISOR_SESSION_GATE_H

#include "supervisor/gateway_end.h"
#include "supervisor/web_sessions.h"

struct session_gate;

/* Takes over `message`, a request that may go on. */
typedef void session_gate_go(void *ctx, struct gateway_end *end, Cloister__Message *message);

int session_gate_new(struct api *api, session_gate_go *go, void *ctx,
                     struct session_gate **ret) MUST_CHECK;
/* Requests that wait end as with session_gate_gone. */
void session_gate_free(struct session_gate *gate);

/* Takes over `message`, an open request, and lets it go on (at once when no session is shown) or
 * answers it: 400 a caller that is two at once, or none; 401 "session_invalid"; 403 "csrf_invalid",
 * and "not_allowed" for a gateway that speaks as the web pages by itself; 503. */
void session_gate_enter(struct session_gate *gate, struct gateway_end *end,
                        Cloister__Message *message);

/* A request that still waits: its reader is gone (it is answered "cancelled"), or can take more.
 * Nothing happens when none of this number waits. */
void session_gate_cancel(struct session_gate *gate, const struct gateway_end *end,
                         uint64_t request);
void session_gate_credit(struct session_gate *gate, const struct gateway_end *end, uint64_t request,
                         uint32_t bytes);
/* The gateway is gone: what waits of it goes nowhere. Before gateway_end_gone. */
void session_gate_gone(struct session_gate *gate, struct gateway_end *end);

#endif
