#include "supervisor/api.h"

#include <errno.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/api_flow.h"
#include "supervisor/failures.h"
#include "supervisor/gateway_open.h"

int api_new(struct event_base *base, const struct config *config, struct store *store,
            struct keys_client *keys, struct turns *turns, struct api **ret) {
    struct api *api = calloc(1, sizeof(*api));
    if (api == NULL)
        return -ENOMEM;
    *api =
        (struct api){.base = base, .config = config, .store = store, .keys = keys, .turns = turns};
    int r = token_init();
    if (r == 0)
        r = reconciler_new(api, &api->reconciler);
    if (r < 0) {
        free(api);
        return r;
    }
    *ret = api;
    return 0;
}

void api_use_business(struct api *api, struct business_link *link) {
    api->business = link;
}

void api_free(struct api *api) {
    if (api == NULL)
        return;
    while (api->flows != NULL)
        flow_end(api->flows);
    reconciler_free(api->reconciler);
    free(api);
}

/* ---- flows ---- */

void *flow_new(struct api *api, size_t size, struct gateway_end *end, uint64_t request) {
    struct flow *flow = calloc(1, size);
    if (flow == NULL)
        fatal("out of memory");
    flow->api = api;
    flow->size = size;
    flow->end = end;
    flow->request = request;
    flow->about = *gateway_request_about(end, request);
    flow->next = api->flows;
    flow->at = &api->flows;
    if (flow->next != NULL)
        flow->next->at = &flow->next;
    api->flows = flow;
    return flow;
}

static void flow_free(struct flow *flow) {
    if (flow->clean != NULL)
        flow->clean(flow);
    explicit_bzero(flow, flow->size);
    free(flow);
}

void flow_wait(struct flow *flow) {
    flow->waits++;
}

bool flow_resume(struct flow *flow) {
    flow->waits--;
    if (flow->over && flow->waits == 0)
        flow_free(flow);
    else if (!flow->over)
        return true;
    return false;
}

void flow_end(struct flow *flow) {
    struct turn *turn = flow->turn;
    flow_turn_over(flow);
    if (turn != NULL)
        turn_cancel(turn);
    *flow->at = flow->next;
    if (flow->next != NULL)
        flow->next->at = flow->at;
    flow->over = true;
    if (flow->waits == 0)
        flow_free(flow);
}

/* ---- answers ---- */

void flow_reply(struct flow *flow, Cloister__Message *message) {
    if (flow->answered != NULL)
        flow->answered(flow, message);
    else
        gateway_send(flow->end, message);
    flow_end(flow);
}

static void fail(struct flow *flow, Cloister__Failure *failure) {
    failure->request = flow->request;
    Cloister__Message message = MSG_OF(FAILURE, failure, failure);
    flow_reply(flow, &message);
}

static char *text(const char *constant) {
    return (char *)(uintptr_t)constant;
}

void flow_fail_at(struct flow *flow, unsigned status, const char *code, const char *detail,
                  bool retryable, const char *action_url) {
    Cloister__Failure failure = CLOISTER__FAILURE__INIT;
    failure.status = status;
    failure.code = text(code);
    failure.detail = text(detail);
    failure.retryable = retryable;
    failure.action_url = text(action_url);
    fail(flow, &failure);
}

void flow_fail(struct flow *flow, unsigned status, const char *code, const char *detail,
               bool retryable) {
    if (flow->answered != NULL) {
        flow_fail_at(flow, status, code, detail, retryable, "");
        return;
    }
    gateway_fail(flow->end, flow->request, status, code, detail, retryable);
    flow_end(flow);
}

void flow_fail_store(struct flow *flow, int error) {
    if (error != -EAGAIN) {
        flow_fail(flow, 500, "internal", "The request could not be carried out.", false);
        return;
    }
    flow_fail(flow, 503, "database_unavailable", "The database is away. Ask again shortly.", true);
}

void flow_fail_keys(struct flow *flow) {
    flow_fail(flow, 503, "keys_unavailable", "The key service does not answer. Try again shortly.",
              true);
}

void flow_fail_turn(struct flow *flow, const struct turn_failure *turn, const char *action_url) {
    Cloister__Failure failure = CLOISTER__FAILURE__INIT;
    failure.status = turn->status;
    failure.code = text(turn->code);
    failure.detail = text(turn->detail);
    failure.retryable = turn->retryable;
    failure.unknown_writes = turn->unknown_writes;
    failure.retry_after_ms = turn->retry_after_ms;
    failure.action_url = text(action_url);
    fail(flow, &failure);
}

void flow_fail_turn_error(struct flow *flow, const Cloister__TurnError *error,
                          const char *action_url) {
    unsigned status = failure_status(error->code);
    struct turn_failure failure = {status,           error->code,           error->detail,
                                   error->retryable, error->unknown_writes, error->retry_after_ms};
    if (status == 0)
        failure = (struct turn_failure){500, "internal", "The request could not be carried out."};
    flow_fail_turn(flow, &failure, action_url);
}

/* ---- turns ---- */

void flow_turn_over(struct flow *flow) {
    flow->turn = NULL;
    if (flow->timer != NULL)
        event_free(take_ptr(flow->timer));
}

static const struct turn_failure over_budget = {
    504, "turn_timeout", "This took too long and was ended. Try again.", true};

static void on_budget_over(evutil_socket_t fd, short what, void *ctx) {
    struct flow *flow = ctx;
    (void)fd;
    (void)what;
    struct turn *turn = take_ptr(flow->turn);
    if (turn != NULL)
        turn_cancel(turn);
    flow->turn_ops->failed(flow, &over_budget);
}

void flow_turn(struct flow *flow, const char *user, const char *origin, const char *connection,
               const Cloister__TurnStart *start, const struct turn_ops *ops, uint64_t budget_ms) {
    struct turn_failure refused = {0};
    struct timeval after = {.tv_sec = (time_t)(budget_ms / 1000),
                            .tv_usec = (suseconds_t)(budget_ms % 1000 * 1000)};
    flow->turn_ops = ops;
    flow->timer = evtimer_new(flow->api->base, on_budget_over, flow);
    if (flow->timer == NULL || evtimer_add(flow->timer, &after) < 0)
        fatal("out of memory");
    Cloister__TurnStart named = *start;
    Cloister__About about;
    named.about = about_write(&flow->about, &about);
    flow->turn =
        turns_submit(flow->api->turns, user, origin, connection, &named, ops, flow, &refused);
    if (flow->turn == NULL)
        ops->failed(flow, &refused);
}

bool flow_caller_sound(struct flow *flow, const Cloister__Caller *caller) {
    if (caller == NULL || *caller->frontend == '\0' || strlen(caller->frontend) > FRONTEND_MAX) {
        flow_fail(flow, 400, "bad_request", "The request names no frontend.", false);
        return false;
    }
    size_t len = strlen(caller->user);
    if (len == 0 || len > USER_NAME_MAX || !utf8_valid(caller->user, len)) {
        flow_fail(flow, 400, "invalid_field", "user: 1 to 128 bytes of UTF-8.", false);
        return false;
    }
    return true;
}
