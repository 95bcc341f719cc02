/* The product's channels.c with its rates as a question (egress_off.c). */
#include "ipc/limit.h"
#include "tests/control/switch.h"

static bool limit_asked(struct limit *limit, uint64_t now_ms) {
    return limit_take(limit, now_ms) || switched_off("EGRESS_RATE");
}
#define limit_take limit_asked

#include "supervisor/egress/channels.c"
