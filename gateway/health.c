/* Liveness for everybody; readiness and counters for operators. */
#include <string.h>

#include "gateway/call.h"
#include "gateway/metrics.h"

void handle_healthz(struct call *call) {
    call_answer(call, 200, "text/plain; charset=utf-8", "ok\n", 3, NULL, 0);
}

static void answer_ready(struct call *call, bool ready, json_t *reasons) {
    struct gateway *gateway = call->gateway;
    json_t *object =
        json_pack("{s:b, s:o}", "ready", (int)(ready && !gateway->draining), "reasons", reasons);
    if (gateway->draining)
        (void)json_array_append_new(reasons, json_string("the gateway is draining"));
    call_json(call, ready && !gateway->draining ? 200 : 503, object);
}

static bool on_health(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    json_t *reasons = json_array();
    bool good = end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_HEALTH;
    call->ask = 0;
    if (!good)
        (void)json_array_append_new(reasons, json_string("cloisterd does not answer"));
    for (size_t i = 0; good && i < message->health->n_reasons; i++)
        (void)json_array_append_new(reasons, json_string(message->health->reasons[i]));
    answer_ready(call, good && message->health->ready, reasons);
    return false;
}

void handle_readyz(struct call *call) {
    Cloister__HealthAsk request = CLOISTER__HEALTH_ASK__INIT;
    request.request = upstream_number(call->gateway->upstream);
    Cloister__Message message = MSG_OF(HEALTH_ASK, health_ask, &request);
    if (upstream_ask(call->gateway->upstream, request.request, &message, 2000, on_health, call) ==
        0)
        call->ask = request.request;
    else
        (void)on_health(call, UPSTREAM_LOST, NULL);
}

/* ---- metrics ---- */

#define TELLERS_BEHIND                                                                             \
    (TELLER_SUPERVISOR | TELLER_KEYS | TELLER_EGRESS | TELLER_BUSINESS | TELLER_NOTIFY)

/* Without cloisterd its rows are left out: a counter that fell to nothing would look like a
 * restart. */
static void answer_metrics(struct call *call, const Cloister__Metrics *theirs) {
    struct metrics *all = malloc(sizeof(*all));
    struct evbuffer *out = evbuffer_new();
    unsigned tellers = TELLER_GATEWAY;
    if (all == NULL || out == NULL) {
        call_refuse(call, 503, "full", "The server is out of memory. Try again in a moment.");
    } else {
        metrics_look(call->gateway);
        *all = call->gateway->metrics;
        if (theirs != NULL &&
            metrics_merge(all, TELLERS_BEHIND, theirs->table, theirs->cells, theirs->n_cells) == 0)
            tellers |= TELLERS_BEHIND;
        metrics_text(out, all, tellers);
        size_t len = evbuffer_get_length(out);
        call_answer(call, 200, METRICS_TYPE, (const char *)evbuffer_pullup(out, -1), len, NULL, 0);
    }
    if (out != NULL)
        evbuffer_free(out);
    free(all);
}

static bool on_metrics(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    bool good = end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_METRICS;
    call->ask = 0;
    answer_metrics(call, good ? message->metrics : NULL);
    return false;
}

/* The owners' gateway has the numbers of what both are in front of: nothing is counted twice. */
void handle_metrics(struct call *call) {
    if (call->gateway->instance == INSTANCE_PUBLIC) {
        answer_metrics(call, NULL);
        return;
    }
    Cloister__MetricsAsk request = CLOISTER__METRICS_ASK__INIT;
    request.request = upstream_number(call->gateway->upstream);
    Cloister__Message message = MSG_OF(METRICS_ASK, metrics_ask, &request);
    if (upstream_ask(call->gateway->upstream, request.request, &message, 2000, on_metrics, call) ==
        0)
        call->ask = request.request;
    else
        (void)on_metrics(call, UPSTREAM_LOST, NULL);
}
