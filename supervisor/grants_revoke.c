/* Voids every grant that was given out for a user: DELETE /v1/users/{user}/grants. Connections,
 * memory and sessions stay; who wants to act as the user needs a new grant. */
#include "supervisor/admit.h"
#include "supervisor/api_flow.h"

static void on_revoked(void *ctx, int error, const Cloister__KeyResult *result) {
    struct flow *flow = ctx;
    (void)result;
    if (!flow_resume(flow))
        return;
    if (error != 0) {
        flow_fail_keys(flow);
        return;
    }
    Cloister__Ok body = CLOISTER__OK__INIT;
    body.request = flow->request;
    Cloister__Message message = MSG_OF(OK, ok, &body);
    flow_reply(flow, &message);
}

void flow_revoke_grants(struct flow *flow, const char *user) {
    flow_wait(flow);
    keys_grant_revoke(flow->api->keys, user, on_revoked, flow);
}

void api_grants_revoke(struct api *api, struct gateway_end *end,
                       const Cloister__GrantsRevoke *request) {
    struct flow *flow = flow_new(api, sizeof(*flow), end, request->request);
    if (flow_caller_sound(flow, request->caller))
        flow_admit(flow, request->caller, flow_revoke_grants);
}
