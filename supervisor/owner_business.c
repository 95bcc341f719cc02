/* What owners ask of cloister-business, through their gateway: who asks is checked here, and
 * stamped on what is passed on. What the gateway says of that beside the caller is not looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "business/api/operations.h"
#include "supervisor/admit.h"
#include "supervisor/api_flow.h"
#include "supervisor/business_link.h"
#include "supervisor/failures.h"
#include "supervisor/gateway_open.h"

struct owner_flow {
    struct flow flow;
    const struct operation *operation;
    Cloister__Message *asked; /* a copy of the request */
    struct business_call *call;
};

static void clean(struct flow *flow) {
    struct owner_flow *f = (struct owner_flow *)flow;
    if (f->call != NULL)
        business_call_cancel(f->call);
    msg_free(f->asked);
}

static void on_result(void *ctx, const Cloister__BusinessResult *result) {
    struct owner_flow *f = ctx;
    f->call = NULL;
    Cloister__BusinessResult body = *result;
    body.request = f->flow.request;
    Cloister__Message message = MSG_OF(BUSINESS_RESULT, business_result, &body);
    flow_reply(&f->flow, &message);
}

/* The work may go on at cloister-business; nobody hears of it. */
static void on_cancel(void *ctx) {
    struct owner_flow *f = ctx;
    flow_fail(&f->flow, failure_status("cancelled"), "cancelled", "The request was cancelled.",
              false);
}

static void ask_admitted(struct flow *flow, const char *user) {
    struct owner_flow *f = (struct owner_flow *)flow;
    Cloister__BusinessCall call = CLOISTER__BUSINESS_CALL__INIT;
    const Cloister__BusinessCall *asked = f->asked->business_call;
    call.operation = asked->operation;
    call.arguments = asked->arguments;
    call.idempotency_key = asked->idempotency_key;
    call.client = asked->client;
    call.timeout_ms = f->operation->timeout_ms;
    call.user = (char *)(uintptr_t)user;
    call.origin = (char *)"owner";
    f->call = business_call(flow->api->business, &call, on_result, f);
    if (f->call == NULL)
        flow_fail(flow, 503, "full", "The service is short of memory.", true);
}

/* In memory that is wiped, like every message. */
static Cloister__Message *copy_of(const Cloister__BusinessCall *request) {
    Cloister__BusinessCall body = *request;
    Cloister__Message message = MSG_OF(BUSINESS_CALL, business_call, &body), *copy = NULL;
    body.caller = NULL;
    struct msg_peer self = {ROLE_GATEWAY, ROLE_SUPERVISOR, PHASE_READY, {0}};
    return msg_copy(&self, &message, &copy) < 0 ? NULL : copy;
}

void api_business_call(struct api *api, struct gateway_end *end,
                       const Cloister__BusinessCall *request) {
    struct owner_flow *f = flow_new(api, sizeof(*f), end, request->request);
    f->flow.clean = clean;
    f->operation = operation_find(request->operation);
    if (!flow_caller_sound(&f->flow, request->caller))
        return;
    if (f->operation == NULL || !operation_may(f->operation, "owner", false)) {
        flow_fail(&f->flow, failure_status("not_allowed"), "not_allowed",
                  "This may not be asked here.", false);
        return;
    }
    f->asked = copy_of(request);
    if (api->business == NULL || f->asked == NULL) {
        flow_fail(&f->flow, 503, "business_unavailable",
                  "Businesses cannot be reached at the moment. Try again shortly.", true);
        return;
    }
    gateway_request_set_cancel(end, request->request, on_cancel, f);
    flow_admit(&f->flow, request->caller, ask_admitted);
}
