/* Liveness for everybody; readiness and counters for operators. */
#include <malloc.h>
#include <string.h>

#include "gateway/call.h"

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

static void counter(struct evbuffer *out, const char *name, const char *help, uint64_t value) {
    (void)evbuffer_add_printf(out,
                              "# TYPE cloister_gateway_%s counter\n# HELP cloister_gateway_%s %s\n"
                              "cloister_gateway_%s_total %llu\n",
                              name, name, help, name, (unsigned long long)value);
}

static void gauge(struct evbuffer *out, const char *name, const char *help, uint64_t value) {
    (void)evbuffer_add_printf(out,
                              "# TYPE cloister_gateway_%s gauge\n# HELP cloister_gateway_%s %s\n"
                              "cloister_gateway_%s %llu\n",
                              name, name, help, name, (unsigned long long)value);
}

static void by_status(struct evbuffer *out, const struct gateway_counts *counts) {
    static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    (void)evbuffer_add_printf(
        out, "# TYPE cloister_gateway_responses counter\n"
             "# HELP cloister_gateway_responses Requests that ended, by status.\n");
    for (size_t i = 0; i < COUNT_OF(classes); i++)
        (void)evbuffer_add_printf(out, "cloister_gateway_responses_total{status=\"%s\"} %llu\n",
                                  classes[i], (unsigned long long)counts->status_class[i]);
}

void handle_metrics(struct call *call) {
    const struct gateway *gateway = call->gateway;
    const struct gateway_counts *counts = &gateway->counts;
    struct evbuffer *out = evbuffer_new();
    if (out == NULL) {
        call_refuse(call, 503, "full", "The server is out of memory. Try again in a moment.");
        return;
    }
    counter(out, "requests", "Requests whose head arrived or was refused.", counts->requests);
    by_status(out, counts);
    counter(out, "streams", "Event streams started.", counts->streams);
    counter(out, "unfinished", "Requests whose reply was not delivered whole.", counts->cancelled);
    counter(out, "malformed", "Requests refused before their route was known.", counts->malformed);
    counter(out, "bad_keys", "Requests with a missing or unknown frontend key.", counts->bad_keys);
    counter(out, "rate_limited", "Requests answered 429 here.", counts->limited);
    counter(out, "sent_bytes", "Bytes sent to clients.", counts->bytes_out);
    gauge(out, "connections", "Connections open now.", guard_connections(gateway->owner));
    gauge(out, "calls", "Requests being answered now.", gateway->calls);
    gauge(out, "upstream_up", "1 while cloisterd is connected.",
          upstream_connected(gateway->upstream));
    gauge(out, "upstream_asks", "Requests that wait for cloisterd.",
          upstream_open(gateway->upstream));
    gauge(out, "frontends", "Frontends loaded.", frontends_count(gateway->frontends));
    struct mallinfo2 heap = mallinfo2();
    gauge(out, "heap_bytes", "Heap in use.", heap.uordblks + heap.hblkhd);
    gauge(out, "start_time_seconds", "When the process started.", counts->started_ms / 1000);
    (void)evbuffer_add_printf(out, "# EOF\n");
    size_t len = evbuffer_get_length(out);
    call_answer(call, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8",
                (const char *)evbuffer_pullup(out, -1), len, NULL, 0);
    evbuffer_free(out);
}
