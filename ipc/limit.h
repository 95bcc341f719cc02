/* Token bucket: `burst` at once, then `per_second`. */
#ifndef CLOISTER_IPC_LIMIT_H
#define CLOISTER_IPC_LIMIT_H

#include "ipc/base.h"

struct limit {
    uint32_t burst, per_second;
    uint64_t milli, at; /* thousandths of a token; clock_ms() of the last look */
};

static inline struct limit limit_make(uint32_t burst, uint32_t per_second) {
    return (struct limit){burst, per_second, (uint64_t)burst * 1000, 0};
}

/* True, and one token less, when there is one. */
static inline bool limit_take(struct limit *limit, uint64_t now_ms) {
    uint64_t full = (uint64_t)limit->burst * 1000;
    if (limit->at != 0) {
        uint64_t gained = (now_ms - limit->at) * limit->per_second;
        limit->milli = gained >= full - limit->milli ? full : limit->milli + gained;
    }
    limit->at = now_ms;
    if (limit->milli < 1000)
        return false;
    limit->milli -= 1000;
    return true;
}

#endif
