/* Waits on an event loop for something to become true, with a limit instead of a hang. */
#ifndef CLOISTER_TESTS_LOOP_H
#define CLOISTER_TESTS_LOOP_H

#include <check.h>
#include <event2/event.h>

#include "ipc/base.h"

static inline void loop_tick(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    (void)ctx;
}

/* A tick keeps the loop turning while it waits for a clock. */
#define loop_until_within(base, condition, ms)                                                     \
    do {                                                                                           \
        bool loop_met_;                                                                            \
        uint64_t loop_end_ = clock_ms() + (ms);                                                    \
        struct event *loop_tick_ = event_new((base), -1, EV_PERSIST, loop_tick, NULL);             \
        struct timeval loop_every_ = {0, 10000};                                                   \
        (void)event_add(loop_tick_, &loop_every_);                                                 \
        while (!(loop_met_ = (condition)) && clock_ms() < loop_end_)                               \
            (void)event_base_loop((base), EVLOOP_ONCE);                                            \
        event_free(loop_tick_);                                                                    \
        ck_assert_msg(loop_met_, "waited %d ms for " #condition, (int)(ms));                       \
    } while (0)
#define loop_until(base, condition) loop_until_within(base, condition, 15000)

#endif
