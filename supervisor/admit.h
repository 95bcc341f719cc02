/* Before anything is done for an owner without a turn: who is meant, and whether the caller's grant
 * is that user's. Chat and the list of memories are checked once more in their turns.  Used by the
 * API handlers. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_ADMIT_H
#define CLOISTER_SUPERVISOR_ADMIT_H

#include "supervisor/api_flow.h"

/* Called with the user's opaque id once the grant was found good; otherwise the flow has been
 * answered (404 unknown_user, 401 grant_*, 503) and this is not called. A renewed grant has been
 * passed on by then (flow_renewed). */
typedef void admitted(struct flow *flow, const char *user);
void flow_admit(struct flow *flow, const Cloister__Caller *caller, admitted *go);

/* What the caller is told for an errno of keys_grant_check or grant_check: code, detail with the
 * next step; never NULL. */
const struct turn_failure *grant_failure(int error);

/* Passes a renewed grant on: to the frontend in GRANT_RENEWED, or into the caller's web session. */
void grant_renewed(struct api *api, struct gateway_end *end, uint64_t request,
                   const Cloister__Caller *caller, const char *grant);

#endif
