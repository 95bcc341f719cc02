/* The commands of the control socket. Ids, numbers and states; never any content. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "build_config.h"
#include "supervisor/metrics.h"
#include "supervisor/operators.h"
#include "supervisor/store_turns.h"

json_t *operators_time(int64_t ms) {
    char text[40];
    struct tm t;
    time_t seconds = (time_t)(ms / 1000);
    if (gmtime_r(&seconds, &t) == NULL)
        return json_null();
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &t);
    (void)snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
    return json_string(text);
}

json_t *operators_number(uint64_t value) {
    return json_integer((json_int_t)value);
}

void operators_fail(struct ctl_call *call, enum ctl_exit exit, const char *why) {
    control_answer(call, exit, json_pack("{s:s}", "error", why));
}

/* What the zygote found holding, and what cloisterd puts around each agent beside. */
static json_t *walls_json(const struct zygote_status *zygote) {
    const Cloister__ZygoteHello *hello = zygote->hello;
    json_t *walls = json_array();
    for (size_t i = 0; hello != NULL && i < hello->n_walls; i++) {
        const Cloister__WallReport *wall = hello->walls[i];
        bool grouped = zygote->cgroup[0] != '\0' && strcmp(wall->property, "exhaustion") == 0;
        (void)json_array_append_new(walls, json_pack("{s:s, s:s++, s:b, s:s}", "property",
                                                     wall->property, "layers", wall->layers,
                                                     grouped && wall->layers[0] != '\0' ? "+" : "",
                                                     grouped ? zygote->cgroup : "", "held",
                                                     (int)wall->held, "missing", wall->through));
    }
    return walls;
}

static json_t *zygote_json(const struct daemon *daemon) {
    struct zygote_status zygote;
    zygote_status(daemon->zygote, &zygote);
    return json_pack("{s:b, s:i, s:i, s:o, s:o}", "ready", (int)zygote_ready(daemon->zygote), "pid",
                     (int)zygote.pid, "deaths", (int)zygote.deaths, "next_start_ms",
                     operators_number(zygote.next_start_ms), "walls", walls_json(&zygote));
}

static json_t *counters_json(const struct turns_counters *counters) {
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "turns",
        operators_number(counters->turns), "failures", operators_number(counters->failures),
        "spawns", operators_number(counters->spawns), "spawn_failures",
        operators_number(counters->spawn_failures), "breaches",
        operators_number(counters->breaches), "lost", operators_number(counters->lost), "parked",
        operators_number(counters->parked), "relieved", operators_number(counters->relieved),
        "refused", operators_number(counters->refused), "runaways",
        operators_number(counters->runaways), "timeouts", operators_number(counters->timeouts),
        "computing", operators_number(counters->computing), "out_of_memory",
        operators_number(counters->out_of_memory), "logs_closed",
        operators_number(counters->logs_closed));
}

static json_t *reasons_json(struct daemon *daemon) {
    const char *reasons[8];
    size_t n = health_reasons(daemon, reasons, COUNT_OF(reasons));
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, json_string(reasons[i]));
    return list;
}

/* All users together, since midnight (UTC); null while the database is away. */
static json_t *today_json(const struct daemon *daemon, int error, const struct store_today *today) {
    if (error != 0)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "turns", operators_number(today->turns), "tokens",
                     operators_number(today->tokens), "tokens_limit",
                     operators_number(config_u64(daemon->config, CONFIG_budgets_tokens_per_day)),
                     "spend", operators_number(today->spend), "spend_limit",
                     operators_number(config_u64(daemon->config, CONFIG_budgets_spend_per_day)));
}

static json_t *memory_json(const struct daemon *daemon) {
    struct pressure_reading reading = relief_reading(daemon->relief);
    return json_pack("{s:s, s:o, s:o, s:i}", "short", pressure_level_name(reading.level),
                     "free_bytes", operators_number(reading.free), "whole_bytes",
                     operators_number(reading.whole), "stalled_percent", (int)reading.stalled);
}

static const char *health_word(const struct events_recent *recent, unsigned failed) {
    return recent->turns == 0            ? "unknown"
           : failed == 0                 ? "ok"
           : failed * 2 >= recent->turns ? "failing"
                                         : "degraded";
}

/* The latest turns, and what waits. */
static json_t *recent_json(const struct daemon *daemon, const struct turns_status *turns) {
    struct events_recent recent;
    events_recent(daemon->events, &recent);
    json_t *providers = json_pack(
        "{s:{s:s, s:i}, s:{s:s, s:i}}", "model", "health",
        health_word(&recent, recent.model_failed), "failed", (int)recent.model_failed, "google",
        "health", health_word(&recent, recent.google_failed), "failed", (int)recent.google_failed);
    return json_pack("{s:i, s:i, s:i, s:f, s:o, s:o, s:o, s:o, s:o}", "seconds", EVENTS_RECENT_S,
                     "turns", (int)recent.turns, "failed", (int)recent.failed, "per_second",
                     recent.per_second, "p50_ms", operators_number(recent.p50_ms), "p99_ms",
                     operators_number(recent.p99_ms), "queued", operators_number(turns->queued),
                     "agents_waiting", operators_number(turns->waiting), "providers", providers);
}

static json_t *gateway_json(const struct gateway *gateway) {
    return gateway == NULL
               ? json_null()
               : json_pack("{s:b, s:o}", "connected", (int)gateway_connected(gateway),
                           "open_requests", operators_number(gateway_open_requests(gateway)));
}

/* What cloister-business and cloister-notify told last; null for one that does not run. */
static json_t *front_door_json(struct daemon *daemon) {
    static struct metrics all; /* too large for a stack */
    metrics_collect(daemon, &all);
    const struct business_link *link =
        daemon->front_door != NULL ? front_door_link(daemon->front_door) : NULL;
    bool notify = metrics_get(&all, METRIC_UP, PROGRAM_NOTIFY, 0) > 0;
    json_t *notices =
        !notify
            ? json_null()
            : json_pack("{s:b, s:o, s:o}", "database",
                        metrics_get(&all, METRIC_NOTIFY_DATABASE_UP, 0, 0) > 0, "waiting",
                        operators_number(metrics_get(&all, METRIC_NOTICES_WAITING, 0, 0)),
                        "oldest_ms",
                        operators_number(metrics_get(&all, METRIC_NOTICES_OLDEST, 0, 0) / 1000));
    return json_pack("{s:b, s:b, s:o}", "connected", link != NULL && business_link_up(link),
                     "database", metrics_get(&all, METRIC_BUSINESS_DATABASE_UP, 0, 0) > 0,
                     "notices", notices);
}

static json_t *status_json(struct daemon *daemon, json_t *today) {
    struct turns_status turns;
    turns_status(daemon->turns, &turns);
    json_t *reasons = reasons_json(daemon);
    json_t *agents =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "starting", operators_number(turns.starting),
                  "waiting", operators_number(turns.waiting), "idle", operators_number(turns.idle),
                  "busy", operators_number(turns.busy), "ending", operators_number(turns.ending),
                  "max", operators_number(config_u64(daemon->config, CONFIG_agents_max)));
    json_t *sessions =
        json_pack("{s:o, s:o, s:o}", "users", operators_number(sessions_users(daemon->sessions)),
                  "blobs", operators_number(sessions_count(daemon->sessions)), "bytes",
                  operators_number(sessions_bytes(daemon->sessions)));
    json_t *spawn = json_pack("{s:o, s:o}", "p50", operators_number(turns.spawn_p50_us), "p99",
                              operators_number(turns.spawn_p99_us));
    return json_pack(
        "{s:b, s:o, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ready",
        (int)(json_array_size(reasons) == 0), "reasons", reasons, "draining", (int)turns.draining,
        "version", CLOISTER_VERSION, "since", operators_time(daemon->since_ms), "agents", agents,
        "counters", counters_json(&turns.counters), "today", today, "spawn_us", spawn, "sessions",
        sessions, "gateway", gateway_json(daemon->gateway), "gateway_public",
        gateway_json(daemon->gateway_public), "business", front_door_json(daemon), "zygote",
        zygote_json(daemon), "memory", memory_json(daemon), "recent", recent_json(daemon, &turns));
}

struct status_call {
    struct daemon *daemon;
    struct ctl_call *call;
};

static void on_today(void *ctx, int error, const struct store_today *today) {
    struct status_call *waiting = ctx;
    struct daemon *daemon = waiting->daemon;
    if (daemon->control != NULL) /* otherwise the call is gone with it */
        control_answer(waiting->call, CTL_DONE,
                       status_json(daemon, today_json(daemon, error, today)));
    free(waiting);
}

void operators_status(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                      size_t n) {
    (void)arguments, (void)n;
    struct status_call *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL) {
        operators_fail(call, CTL_FAILED, "out of memory");
        return;
    }
    *waiting = (struct status_call){daemon, call};
    store_today(daemon->store, on_today, waiting);
}

/* pss_kib is filled in by cloisterctl, when its caller may read it: cloisterd may not. */
static void add_agent(void *ctx, const struct agent_view *view) {
    (void)json_array_append_new(
        ctx, json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:n}", "user", view->user,
                       "origin", view->origin, "pid",
                       view->pid != 0 ? operators_number((uint64_t)view->pid) : json_null(),
                       "state", view->state, "since", operators_time(view->since_ms), "idle_ms",
                       operators_number(view->idle_ms), "turns", operators_number(view->turns),
                       "queued", operators_number(view->queued), "pss_kib"));
}

void operators_list(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                    size_t n) {
    (void)arguments, (void)n;
    json_t *agents = json_array();
    turns_each(daemon->turns, NULL, add_agent, agents);
    control_answer(call, CTL_DONE, agents);
}

static const char no_agent[] = "no agent of such a user (ids as cloisterctl list shows them)";

void operators_show(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                    size_t n) {
    (void)n;
    json_t *agents = json_array();
    turns_each(daemon->turns, arguments[0], add_agent, agents);
    if (json_array_size(agents) > 0) {
        control_answer(call, CTL_DONE, agents);
        return;
    }
    json_decref(agents);
    operators_fail(call, CTL_UNKNOWN, no_agent);
}

static void answer_count(struct ctl_call *call, int count) {
    if (count < 0)
        operators_fail(call, CTL_UNKNOWN, no_agent);
    else
        control_answer(call, CTL_DONE, json_pack("{s:i}", "agents", count));
}

void operators_park(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                    size_t n) {
    (void)n;
    answer_count(call, turns_park_user(daemon->turns, arguments[0]));
}

void operators_stop(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                    size_t n) {
    (void)n;
    answer_count(call, turns_stop_user(daemon->turns, arguments[0]));
}

static void on_drained(void *ctx) {
    struct daemon *daemon = ctx;
    events_note(daemon->events, EVENT_DRAIN_OVER);
    if (daemon->drainer != NULL)
        control_answer(take_ptr(daemon->drainer), CTL_DONE, json_pack("{s:b}", "drained", 1));
}

void operators_drain(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                     size_t n) {
    bool off = n == 1 && strcmp(arguments[0], "off") == 0;
    if (n == 1 && !off) {
        operators_fail(call, CTL_USAGE, "drain takes nothing, or the word off");
    } else if (daemon->stopping || (!off && daemon->drainer != NULL)) {
        operators_fail(call, CTL_FAILED, "a drain is under way already");
    } else if (off) {
        if (daemon->drainer != NULL)
            operators_fail(take_ptr(daemon->drainer), CTL_FAILED, "called off");
        daemon_drain(daemon, false, NULL);
        control_answer(call, CTL_DONE, json_pack("{s:b}", "draining", 0));
    } else {
        daemon->drainer = call;
        daemon_drain(daemon, true, on_drained);
    }
}

static const struct {
    const char *name;
    operators_runner *run;
} runners[] = {
#define COMMAND(name, ...) {#name, operators_##name},
#include "supervisor/commands.def"
#undef COMMAND
};

void operators_run(void *ctx, struct ctl_call *call, const struct ctl_command *command,
                   char *const *arguments, size_t n) {
    for (size_t i = 0; i < COUNT_OF(runners); i++)
        if (strcmp(runners[i].name, command->name) == 0)
            runners[i].run(ctx, call, arguments, n);
}
