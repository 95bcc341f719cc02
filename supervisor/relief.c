#include "supervisor/relief.h"

#include <errno.h>
#include <string.h>

#include "ipc/log.h"

#define EVERY_MS   1000
#define LEAST_MORE 4     /* as many at once at the very edge */
#define CALM_MS    10000 /* so long without, and it is over */

struct relief {
    struct turns *turns;
    struct pressure *pressure;
    unsigned batch;
    uint64_t parked;
    uint64_t short_ms; /* clock, when memory was short last; 0: it is not */
    bool refusing;
};

static void tell_begin(const struct pressure_reading *reading) {
    log_warn("memory is short: %llu of %llu MiB free, some process waited for memory %u%% of the "
             "time; parking the longest idle agents",
             (unsigned long long)(reading->free >> 20), (unsigned long long)(reading->whole >> 20),
             reading->stalled);
}

static void refuse(struct relief *relief, bool on) {
    if (on == relief->refusing)
        return;
    relief->refusing = on;
    turns_refuse(relief->turns, on);
    if (on)
        log_error("memory is nearly used up: no new agents until it is not");
    else
        log_info("new agents are started again");
}

static void on_looked(void *ctx, const struct pressure_reading *reading) {
    struct relief *relief = ctx;
    uint64_t now = clock_ms();
    refuse(relief, reading->level == PRESSURE_LEAST);
    if (reading->level != PRESSURE_NONE) {
        if (relief->short_ms == 0)
            tell_begin(reading);
        relief->short_ms = now;
        relief->parked += turns_relieve(
            relief->turns, relief->batch * (reading->level == PRESSURE_LEAST ? LEAST_MORE : 1));
    } else if (relief->short_ms != 0 && now - relief->short_ms >= CALM_MS) {
        log_info("memory is no longer short; %llu agents were parked for it",
                 (unsigned long long)relief->parked);
        relief->short_ms = relief->parked = 0;
    }
}

int relief_new(struct event_base *base, const struct config *config, struct turns *turns,
               struct relief **ret) {
    struct relief *relief = calloc(1, sizeof(*relief));
    if (relief == NULL)
        return -ENOMEM;
    relief->turns = turns;
    relief->batch = (unsigned)config_u64(config, CONFIG_agents_short_batch);
    struct pressure_setup setup = {
        .root = "",
        .stall_percent = (unsigned)config_u64(config, CONFIG_agents_short_stall_percent),
        .low_percent = (unsigned)config_u64(config, CONFIG_agents_short_low_percent),
        .least_percent = (unsigned)config_u64(config, CONFIG_agents_short_least_percent),
        .every_ms = EVERY_MS,
        .looked = on_looked,
        .ctx = relief};
    int r = pressure_new(base, &setup, &relief->pressure);
    if (r == -ENOTSUP)
        log_warn("neither /proc nor a control group says how much memory there is: agents are not "
                 "parked when it is short");
    if (r < 0 && r != -ENOTSUP) {
        free(relief);
        return r;
    }
    *ret = relief;
    return 0;
}

void relief_free(struct relief *relief) {
    if (relief == NULL)
        return;
    pressure_free(relief->pressure);
    free(relief);
}

struct pressure_reading relief_reading(const struct relief *relief) {
    return relief == NULL ? (struct pressure_reading){0} : pressure_last(relief->pressure);
}
