/* The commands of the control socket. Ids, numbers and states; never any content. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "build_config.h"
#include "supervisor/daemon.h"

static json_t *time_json(int64_t ms) {
    char text[40];
    struct tm t;
    time_t seconds = (time_t)(ms / 1000);
    if (gmtime_r(&seconds, &t) == NULL)
        return json_null();
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &t);
    (void)snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
    return json_string(text);
}

static json_t *number(uint64_t value) {
    return json_integer((json_int_t)value);
}

static json_t *error_json(const char *why) {
    return json_pack("{s:s}", "error", why);
}

static json_t *walls_json(const Cloister__ZygoteHello *hello) {
    json_t *walls = json_array();
    for (size_t i = 0; hello != NULL && i < hello->n_walls; i++)
        (void)json_array_append_new(
            walls, json_pack("{s:s, s:s, s:b, s:s}", "property", hello->walls[i]->property,
                             "layers", hello->walls[i]->layers, "held", (int)hello->walls[i]->held,
                             "missing", hello->walls[i]->through));
    return walls;
}

static json_t *zygote_json(const struct daemon *daemon) {
    struct zygote_status zygote;
    zygote_status(daemon->zygote, &zygote);
    return json_pack("{s:b, s:i, s:i, s:o, s:o}", "ready", (int)zygote_ready(daemon->zygote), "pid",
                     (int)zygote.pid, "deaths", (int)zygote.deaths, "next_start_ms",
                     number(zygote.next_start_ms), "walls", walls_json(zygote.hello));
}

static json_t *counters_json(const struct turns_counters *counters) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "turns", number(counters->turns),
                     "failures", number(counters->failures), "spawns", number(counters->spawns),
                     "spawn_failures", number(counters->spawn_failures), "breaches",
                     number(counters->breaches), "lost", number(counters->lost), "parked",
                     number(counters->parked));
}

static json_t *reasons_json(struct daemon *daemon) {
    const char *reasons[8];
    size_t n = health_reasons(daemon, reasons, COUNT_OF(reasons));
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, json_string(reasons[i]));
    return list;
}

static void run_status(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                       size_t n) {
    (void)arguments, (void)n;
    struct turns_status turns;
    turns_status(daemon->turns, &turns);
    json_t *reasons = reasons_json(daemon);
    json_t *agents =
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "starting", number(turns.starting), "idle",
                  number(turns.idle), "busy", number(turns.busy), "ending", number(turns.ending),
                  "max", number(config_u64(daemon->config, CONFIG_agents_max)));
    json_t *sessions = json_pack("{s:o, s:o}", "blobs", number(sessions_count(daemon->sessions)),
                                 "bytes", number(sessions_bytes(daemon->sessions)));
    json_t *gateway = json_pack("{s:b, s:o}", "connected", (int)gateway_connected(daemon->gateway),
                                "open_requests", number(gateway_open_requests(daemon->gateway)));
    json_t *spawn = json_pack("{s:o, s:o}", "p50", number(turns.spawn_p50_us), "p99",
                              number(turns.spawn_p99_us));
    json_t *status = json_pack("{s:b, s:o, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ready",
                               (int)(json_array_size(reasons) == 0), "reasons", reasons, "draining",
                               (int)turns.draining, "version", CLOISTER_VERSION, "since",
                               time_json(daemon->since_ms), "agents", agents, "counters",
                               counters_json(&turns.counters), "spawn_us", spawn, "sessions",
                               sessions, "gateway", gateway, "zygote", zygote_json(daemon));
    control_answer(call, CTL_DONE, status);
}

/* pss_kib is filled in by cloisterctl, when its caller may read it: cloisterd may not. */
static void add_agent(void *ctx, const struct agent_view *view) {
    (void)json_array_append_new(
        ctx,
        json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:n}", "user", view->user, "origin",
                  view->origin, "pid", view->pid != 0 ? number((uint64_t)view->pid) : json_null(),
                  "state", view->state, "since", time_json(view->since_ms), "idle_ms",
                  number(view->idle_ms), "turns", number(view->turns), "queued",
                  number(view->queued), "pss_kib"));
}

static void run_list(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                     size_t n) {
    (void)arguments, (void)n;
    json_t *agents = json_array();
    turns_each(daemon->turns, NULL, add_agent, agents);
    control_answer(call, CTL_DONE, agents);
}

static const char no_agent[] = "no agent of such a user (ids as cloisterctl list shows them)";

static void run_show(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                     size_t n) {
    (void)n;
    json_t *agents = json_array();
    turns_each(daemon->turns, arguments[0], add_agent, agents);
    if (json_array_size(agents) > 0) {
        control_answer(call, CTL_DONE, agents);
        return;
    }
    json_decref(agents);
    control_answer(call, CTL_UNKNOWN, error_json(no_agent));
}

static void answer_count(struct ctl_call *call, int count) {
    if (count < 0)
        control_answer(call, CTL_UNKNOWN, error_json(no_agent));
    else
        control_answer(call, CTL_DONE, json_pack("{s:i}", "agents", count));
}

static void run_park(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                     size_t n) {
    (void)n;
    answer_count(call, turns_park_user(daemon->turns, arguments[0]));
}

static void run_stop(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                     size_t n) {
    (void)n;
    answer_count(call, turns_stop_user(daemon->turns, arguments[0]));
}

static void on_drained(void *ctx) {
    struct daemon *daemon = ctx;
    if (daemon->drainer != NULL)
        control_answer(take_ptr(daemon->drainer), CTL_DONE, json_pack("{s:b}", "drained", 1));
}

static void run_drain(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                      size_t n) {
    bool off = n == 1 && strcmp(arguments[0], "off") == 0;
    if (n == 1 && !off) {
        control_answer(call, CTL_USAGE, error_json("drain takes nothing, or the word off"));
    } else if (daemon->stopping || (!off && daemon->drainer != NULL)) {
        control_answer(call, CTL_FAILED, error_json("a drain is under way already"));
    } else if (off) {
        if (daemon->drainer != NULL)
            control_answer(take_ptr(daemon->drainer), CTL_FAILED, error_json("called off"));
        daemon_drain(daemon, false, NULL);
        control_answer(call, CTL_DONE, json_pack("{s:b}", "draining", 0));
    } else {
        daemon->drainer = call;
        daemon_drain(daemon, true, on_drained);
    }
}

static const struct {
    const char *name;
    void (*run)(struct daemon *daemon, struct ctl_call *call, char *const *arguments, size_t n);
} runners[] = {
#define COMMAND(name, role, min, max, arguments, help) {#name, run_##name},
#include "supervisor/commands.def"
#undef COMMAND
};

void operators_run(void *ctx, struct ctl_call *call, const struct ctl_command *command,
                   char *const *arguments, size_t n) {
    for (size_t i = 0; i < COUNT_OF(runners); i++)
        if (strcmp(runners[i].name, command->name) == 0)
            runners[i].run(ctx, call, arguments, n);
}
