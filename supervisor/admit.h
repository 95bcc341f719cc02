/* Before anything is done for an owner without a turn: who is meant, and whether the caller's grant
 * is that user's. Chat and the list of memories are checked once more in their turns. Loop thread.
 */
#ifndef CLOISTER_SUPERVISOR_ADMIT_H
#define CLOISTER_SUPERVISOR_ADMIT_H

#include "supervisor/api.h"

/* Valid during the callback. */
struct admission {
    const struct turn_failure *refused; /* 404 unknown_user, 401 grant_*, 503; NULL: admitted */
    const char *action_url;             /* where the owner gets a grant again; "" none */
    const char *user;                   /* opaque id, when admitted */
    const char *grant; /* a fresh one for grant_renewed, when admitted; "" keep the old */
};
typedef void admit_done(void *ctx, const struct admission *admission);
/* `caller` is copied. `done` is called once, later; by api_free too (refused). */
void api_admit(struct api *api, const Cloister__Caller *caller, admit_done *done, void *ctx);

/* The same for a handler of api_flow.h: `go` is called with the user's opaque id once the grant was
 * found good and a renewed one has been passed on; otherwise the flow is answered. */
struct flow;
typedef void admitted(struct flow *flow, const char *user);
void flow_admit(struct flow *flow, const Cloister__Caller *caller, admitted *go);

/* What the caller is told for an errno of keys_grant_check or grant_check: code, detail with the
 * next step; never NULL. */
const struct turn_failure *grant_failure(int error);

/* Passes a renewed grant on: to the frontend in GRANT_RENEWED, or into the caller's web session. */
void grant_renewed(struct api *api, struct gateway_end *end, uint64_t request,
                   const Cloister__Caller *caller, const char *grant);

#endif
