/* Waiting inside a turn: transfers progress, the deadline and the reader's cancellation are
 * watched. A write that was sent may settle for PUMP_SETTLE_MS after a cancellation, so that its
 * outcome is known; everything else ends at once. One per turn, single-threaded. */
#ifndef CLOISTER_PROVIDERS_PUMP_H
#define CLOISTER_PROVIDERS_PUMP_H

#include "ipc/metrics_labels.h"
#include "providers/fault.h"
#include "providers/http.h"

#define PUMP_SETTLE_MS 2000

/* Who was waited for and what came to nothing, for metrics (Audit of messages.proto). */
#define PUMP_ERROR_V(NAME, word) PUMP_ERROR_##NAME,
enum pump_error { METRIC_PROVIDER_ERRORS(PUMP_ERROR_V) PUMP_ERRORS };
#undef PUMP_ERROR_V
struct pump_tally {
    uint64_t google_us, model_us;
    uint64_t model_first_us; /* the first call's first byte */
    uint32_t google_errors[PUMP_ERRORS], model_errors[PUMP_ERRORS];
};

struct pump {
    struct pump_tally tally;
    struct http *http;
    uint64_t deadline;         /* clock_ms() */
    uint64_t cancelled_at;     /* clock_ms(); 0: not cancelled */
    bool writing;              /* a write was sent whose outcome is not known yet */
    void (*settle)(void *ctx); /* or NULL: called when all that came at once was handled */
    void *settle_ctx;
};

void pump_cancel(struct pump *pump);
/* 0, -ECANCELED or -ETIME (deadline), with the fault set. */
int pump_check(const struct pump *pump, struct fault *fault) MUST_CHECK;
/* Waits until `transfer` is done, or `*enough` (may be NULL) became true. 0, -ECANCELED, -ETIME, or
 * the transfer's own failure (see http_wait), for which no fault is set. */
int pump_wait(struct pump *pump, struct http_transfer *transfer, const bool *enough,
              struct fault *fault) MUST_CHECK;
/* Lets things happen once, for at most `ms`, or returns as pump_check. */
int pump_step(struct pump *pump, uint64_t ms, struct fault *fault) MUST_CHECK;
/* Lets `ms` pass, or returns as pump_check. */
int pump_sleep(struct pump *pump, uint64_t ms, struct fault *fault) MUST_CHECK;
/* Sleeps before attempt `attempt`+1: as long as the server `told` (0: nothing), else doubling from
 * `base_ms` to `max_ms`. -EAGAIN at once when that does not fit before the deadline. */
int pump_backoff(struct pump *pump, unsigned attempt, uint64_t base_ms, uint64_t max_ms,
                 uint64_t told, struct fault *fault) MUST_CHECK;
/* Retry-After-Ms or Retry-After (seconds or HTTP date) in ms; 0 when absent or unreadable. */
uint64_t pump_retry_after(const struct http_transfer *transfer);
/* True for failures of http_wait that a new attempt may cure. */
bool pump_transient(int error);

#endif
