#include "gateway/tallies.h"

#include <errno.h>
#include <stddef.h>

#include "gateway/front_limits.h"
#include "ipc/kept.h"

enum { BY_ADDRESS = 4096, BY_BAD_KEY = 1024, BY_FRONTEND = 512, BY_SIGN_IN = 4096 };

static size_t aligned(size_t size) {
    const size_t unit = _Alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

size_t tallies_size(bool front) {
    return aligned(buckets_size(BY_ADDRESS)) + aligned(buckets_size(BY_BAD_KEY)) +
           aligned(buckets_size(BY_FRONTEND)) + aligned(buckets_size(BY_SIGN_IN)) +
           aligned(throttle_size()) + (front ? aligned(front_limits_size()) : 0);
}

static void *next(uint8_t **at, size_t size) {
    void *memory = *at;
    *at += aligned(size);
    return memory;
}

static struct buckets *next_buckets(uint8_t **at, size_t capacity, bool found) {
    return buckets_begin(next(at, buckets_size(capacity)), capacity, found, clock_ms());
}

int tallies_begin(const struct kept *kept, bool front, const struct throttle_rule *sign_ins,
                  const struct config *config, struct tallies *ret) {
    bool found = kept != NULL && kept->found;
    *ret = (struct tallies){.own = kept != NULL ? NULL : calloc(1, tallies_size(front))};
    uint8_t *at = kept != NULL ? kept->at : ret->own;
    if (at == NULL)
        return -ENOMEM;
    ret->by_address = next_buckets(&at, BY_ADDRESS, found);
    ret->by_bad_key = next_buckets(&at, BY_BAD_KEY, found);
    ret->by_frontend = next_buckets(&at, BY_FRONTEND, found);
    ret->by_sign_in = next_buckets(&at, BY_SIGN_IN, found);
    ret->failures = throttle_begin(next(&at, throttle_size()), sign_ins, found, clock_ms());
    if (front)
        ret->front = front_limits_begin(next(&at, front_limits_size()), config, found);
    return 0;
}

void tallies_end(struct tallies *tallies) {
    free(tallies->own);
    *tallies = (struct tallies){0};
}
