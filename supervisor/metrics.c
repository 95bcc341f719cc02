#include "supervisor/metrics.h"

#include <assert.h>

#include "ipc/metrics_page.h"
#include "supervisor/daemon.h"

static void look_at_turns(const struct daemon *daemon, struct metrics *m) {
    struct turns_status turns;
    turns_status(daemon->turns, &turns);
    const size_t by_state[] = {[STATE_OF_STARTING] = turns.starting,
                               [STATE_OF_IDLE] = turns.idle,
                               [STATE_OF_BUSY] = turns.busy,
                               [STATE_OF_ENDING] = turns.ending};
    static_assert(COUNT_OF(by_state) == AGENT_STATE_COUNT, "a state is missing");
    for (unsigned i = 0; i < COUNT_OF(by_state); i++)
        metrics_set(m, METRIC_AGENTS, i, by_state[i]);
    metrics_set(m, METRIC_AGENTS_MAX, 0, config_u64(daemon->config, CONFIG_agents_max));
    metrics_set(m, METRIC_AGENTS_WANTED, 0, turns.waiting);
    metrics_set(m, METRIC_TURNS_RUNNING, 0, turns.busy);
    metrics_set(m, METRIC_TURNS_QUEUED, 0, turns.queued);
    metrics_set(m, METRIC_SPAWNS, 0, turns.counters.spawns);
    metrics_set(m, METRIC_SPAWN_FAILURES, 0, turns.counters.spawn_failures);
    metrics_set(m, METRIC_PARKED, 0, turns.counters.parked);
    metrics_set(m, METRIC_LOST, 0, turns.counters.lost);
    metrics_set(m, METRIC_BREACHES, 0, turns.counters.breaches);
    metrics_set(m, METRIC_DRAINING, 0, turns.draining);
}

static void look_at_rest(const struct daemon *daemon, struct metrics *m) {
    struct zygote_status zygote;
    zygote_status(daemon->zygote, &zygote);
    metrics_set(m, METRIC_ZYGOTE_UP, 0, zygote_ready(daemon->zygote));
    metrics_set(m, METRIC_ZYGOTE_RESTARTS, 0, zygote.deaths);
    metrics_set(m, METRIC_SESSIONS, 0, sessions_count(daemon->sessions));
    metrics_set(m, METRIC_SESSION_BYTES, 0, sessions_bytes(daemon->sessions));
    metrics_set(m, METRIC_DATABASE_UP, 0, store_ready(daemon->store));
    metrics_set(m, METRIC_RECORDS_WAITING, 0, records_len(daemon->records));
    metrics_set(m, METRIC_KEYS_LINK, 0, keys_client_ready(daemon->keys));
    metrics_set(m, METRIC_UP, PROGRAM_SUPERVISOR, 1);
    metrics_set(m, METRIC_RESIDENT, PROGRAM_SUPERVISOR, metrics_resident(0));
    metrics_set(m, METRIC_START_TIME, PROGRAM_SUPERVISOR, (uint64_t)daemon->since_ms * 1000);
}

/* Whoever can be seen runs, whether its page is of this version or not. */
static void look_at_page(const struct daemon *daemon, const char *page, uid_t uid, unsigned teller,
                         unsigned program, struct metrics *m) {
    char path[256];
    uint64_t resident = 0;
    if (config_runtime_path(daemon->config, page, path, sizeof(path)) < 0 ||
        metrics_page_read(path, uid, teller, m, &resident) < 0)
        return;
    metrics_set(m, METRIC_UP, program, 1);
    metrics_set(m, METRIC_RESIDENT, program, resident);
}

void metrics_collect(void *ctx, struct metrics *ret) {
    struct daemon *daemon = ctx;
    look_at_turns(daemon, &daemon->metrics);
    look_at_rest(daemon, &daemon->metrics);
    *ret = daemon->metrics;
    look_at_page(daemon, "keys/metrics", daemon->keys_uid, TELLER_KEYS, PROGRAM_KEYS, ret);
    look_at_page(daemon, "egress/metrics", daemon->egress_uid, TELLER_EGRESS, PROGRAM_EGRESS, ret);
    look_at_page(daemon, "business/metrics", daemon->business_uid, TELLER_BUSINESS,
                 PROGRAM_BUSINESS, ret);
    look_at_page(daemon, "notify/metrics", daemon->notify_uid, TELLER_NOTIFY, PROGRAM_NOTIFY, ret);
}
