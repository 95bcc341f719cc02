#include "supervisor/egress/counts.h"

#include <errno.h>

#include "ipc/metrics_page.h"

static struct metrics own, *counts = &own;
static uint64_t open_now;

int counts_share(const char *path) {
    int r = metrics_page_new(path, &counts);
    if (r < 0)
        return r;
    metrics_set(counts, METRIC_START_TIME, PROGRAM_EGRESS, (uint64_t)wall_ms() * 1000);
    return 0;
}

void count_refusal(unsigned reason) {
    metrics_add(counts, METRIC_EGRESS_REFUSALS, reason, 0, 1);
}

void count_failure(int error) {
    count_refusal(error == EACCES   ? REFUSAL_NOT_PUBLIC
                  : error == ENOENT ? REFUSAL_NOT_RESOLVED
                                    : REFUSAL_NOT_CONNECTED);
}

void count_dial(void) {
    metrics_add(counts, METRIC_EGRESS_DIALS, 0, 0, 1);
}

void count_given(uint64_t us) {
    metrics_add(counts, METRIC_EGRESS_GIVEN, 0, 0, 1);
    metrics_observe(counts, METRIC_EGRESS_SECONDS, 0, us);
}

void count_opened(void) {
    metrics_set(counts, METRIC_EGRESS_OPEN, 0, ++open_now);
}

void count_closed(uint64_t bytes) {
    metrics_set(counts, METRIC_EGRESS_OPEN, 0, --open_now);
    metrics_add(counts, METRIC_EGRESS_BYTES, 0, 0, bytes);
}
