#include "providers/pump.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <time.h>

/* After the last event of a stream the connection may end cleanly and be used again. */
#define TAIL_MS 50

void pump_cancel(struct pump *pump) {
    if (pump->cancelled_at == 0)
        pump->cancelled_at = clock_ms();
}

static uint64_t pump_limit(const struct pump *pump) {
    if (pump->cancelled_at == 0)
        return pump->deadline;
    uint64_t limit = pump->cancelled_at + (pump->writing ? PUMP_SETTLE_MS : 0);
    return limit < pump->deadline ? limit : pump->deadline;
}

int pump_check(const struct pump *pump, struct fault *fault) {
    if (clock_ms() < pump_limit(pump))
        return 0;
    if (pump->cancelled_at != 0)
        return fault_set(fault, -ECANCELED, "cancelled", false, "The request was cancelled.");
    return fault_set(fault, -ETIME, "turn_timeout", true,
                     "The request took longer than this server allows.");
}

static int pump_once(struct pump *pump, uint64_t until, struct fault *fault) {
    int r = pump_check(pump, fault);
    if (r < 0)
        return r;
    uint64_t now = clock_ms(), limit = pump_limit(pump);
    if (until > limit)
        until = limit;
    uint64_t left = until > now ? until - now : 0;
    r = http_step(pump->http, (int)(left < 1000 ? left : 1000));
    if (pump->settle != NULL)
        pump->settle(pump->settle_ctx);
    if (r == -ECANCELED)
        return pump_check(pump, fault);
    return r;
}

int pump_wait(struct pump *pump, struct http_transfer *transfer, const bool *enough,
              struct fault *fault) {
    uint64_t tail = 0;
    while (!http_done(transfer)) {
        if (enough != NULL && *enough) {
            tail = tail != 0 ? tail : clock_ms() + TAIL_MS;
            if (clock_ms() >= tail)
                return 0;
        }
        int r = pump_once(pump, tail != 0 ? tail : UINT64_MAX, fault);
        if (r < 0)
            return r;
    }
    int r = http_wait(pump->http, transfer);
    if (r == -ETIMEDOUT && clock_ms() >= pump_limit(pump))
        return pump_check(pump, fault);
    return r;
}

int pump_step(struct pump *pump, uint64_t ms, struct fault *fault) {
    return pump_once(pump, clock_ms() + ms, fault);
}

int pump_sleep(struct pump *pump, uint64_t ms, struct fault *fault) {
    uint64_t end = clock_ms() + ms;
    while (clock_ms() < end) {
        int r = pump_once(pump, end, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

int pump_backoff(struct pump *pump, unsigned attempt, uint64_t base_ms, uint64_t max_ms,
                 uint64_t told, struct fault *fault) {
    uint64_t delay = told > 0 ? told : backoff_ms(attempt, base_ms, max_ms);
    uint64_t now = clock_ms(), limit = pump_limit(pump);
    if (delay > limit || now + delay >= limit)
        return -EAGAIN;
    return pump_sleep(pump, delay, fault);
}

uint64_t pump_retry_after(const struct http_transfer *transfer) {
    uint64_t value;
    const char *header = http_header(transfer, "retry-after-ms");
    if (header != NULL && parse_u64(header, 0, 86400000, &value) == 0)
        return value;
    header = http_header(transfer, "retry-after");
    if (header == NULL)
        return 0;
    if (parse_u64(header, 0, 86400, &value) == 0)
        return value * 1000;
    time_t when = curl_getdate(header, NULL);
    int64_t left = when < 0 ? 0 : (int64_t)when * 1000 - wall_ms();
    return left > 0 ? (uint64_t)left : 0;
}

bool pump_transient(int error) {
    return error == -ETIMEDOUT || error == -ECONNREFUSED || error == -ECONNRESET ||
           error == -EPROTO || error == -EHOSTUNREACH || error == -ENETUNREACH;
}
