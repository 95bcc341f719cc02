#include "business/notify_counts.h"

#include <assert.h>
#include <string.h>

#include "ipc/metrics.h"
#include "ipc/metrics_page.h"

static struct metrics own, *counts = &own;

static_assert((int)WAY_MAIL == DELIVERY_MAIL && (int)WAY_WEBHOOK == DELIVERY_HOOK &&
                  (int)WAY_OWN_WEBHOOK == DELIVERY_OWN_HOOK && (int)WAY_COUNT == DELIVERY_CHANNELS,
              "ways and channels are in the same order");

int counts_share(const char *path) {
    int r = metrics_page_new(path, &counts);
    if (r < 0)
        return r;
    metrics_set(counts, METRIC_START_TIME, PROGRAM_NOTIFY, (uint64_t)wall_ms() * 1000);
    return 0;
}

static unsigned kind_of(const char *kind) {
    static const char *const kinds[] = {
#define X(NAME, text) [NOTICE_##NAME] = (text),
        METRIC_NOTICES(X)
#undef X
    };
    for (unsigned i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i], kind) == 0)
            return i;
    return NOTICE_OTHER;
}

void count_try(const char *kind, enum delivery_channel way, bool arrived) {
    metrics_add(counts, arrived ? METRIC_NOTICES_SENT : METRIC_NOTICES_FAILED, kind_of(kind), way,
                1);
}

void count_given_up(const char *kind) {
    metrics_add(counts, METRIC_NOTICES_GIVEN_UP, kind_of(kind), 0, 1);
}

void count_waiting(uint64_t rows, uint64_t oldest_us) {
    metrics_set(counts, METRIC_NOTICES_WAITING, 0, rows);
    metrics_set(counts, METRIC_NOTICES_OLDEST, 0, oldest_us);
}

void count_database(bool up) {
    metrics_set(counts, METRIC_NOTIFY_DATABASE_UP, 0, up);
}
