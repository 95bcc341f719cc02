/* The world's clock, change numbers and keeping of state. */
#include "tests/world/world.h"

#include <openssl/rand.h>
#include <stdio.h>

int64_t world_now_ms(const struct world *w) {
    return wall_ms() + w->clock_offset_s * 1000;
}

int64_t world_now_s(const struct world *w) {
    return world_now_ms(w) / 1000;
}

int64_t world_next(struct world *w) {
    return ++w->sequence;
}

void world_touch(struct world *w) {
    struct timeval soon = {.tv_usec = 20000};
    if (w->persist_timer && !event_pending(w->persist_timer, EV_TIMEOUT, NULL))
        (void)event_add(w->persist_timer, &soon);
}

void random_hex(char *out, size_t n) {
    uint8_t bytes[32];
    if (n > 64 || RAND_bytes(bytes, sizeof(bytes)) != 1)
        abort();
    hex_encode(bytes, n / 2, out);
}
