/* cloisterd, the supervisor: starts agents, routes requests, keeps sealed rows. Its main is a
 * ladder that ends confined; then the loop. Ends with 0 after SIGTERM and a drain, with 1 when the
 * environment is not as it must be, a missing wall included. Writes its log to stderr. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/log.h"
#include "ipc/service.h"
#include "supervisor/rights.h"
#include "supervisor/daemon.h"
#include "supervisor/handover.h"
#include "supervisor/metrics.h"
#include "supervisor/start.h"
#include "supervisor/reload_rules.h"
#include "supervisor/watch.h"

#define DRAIN_MOST_MS         3600000 /* as cloisterctl waits */
#define TURN_GRACE_MS         5000    /* from a turn's deadline to its end */
#define STOP_MS               8000 /* for running turns at the end of this process; new ones are held */
#define START_MS              7000 /* so soon the next one is expected after this one's end */
#define EXIT_REFUSED          1    /* as fatal */
#define ACCESS_BYTES          16384
#define CONVERSATIONS         32
#define CUSTOMERS_SHARE       4u          /* of notes_total_bytes, a fourth */
#define PROPOSALS_USER_BYTES  (48u << 10) /* with all else of a turn within TURN_START's cap */
#define PROPOSALS_TOTAL_BYTES (32u << 20)

static void on_libevent_fatal(int error) {
    panic("libevent: internal error %d", error);
}

static void must(int r, const char *what) {
    if (r < 0)
        fatal("%s: %s", what, strerror(-r));
}

static void on_agent_line(void *ctx, enum log_level level, const char *text) {
    (void)ctx;
    log_line(level, "agent: %s", text);
}

static void on_zygote_ready(void *ctx) {
    struct daemon *daemon = ctx;
    if (daemon->announced)
        return;
    daemon->announced = true;
    service_ready("Serving");
    service_unstore(HANDOVER_NAME); /* from here on it would be of yesterday */
    log_info("ready");
}

/* Before it ever served anybody it refuses to; later it goes on with the agents that it has, and
 * makes no others. */
static void on_walls_missing(void *ctx, const char *why) {
    struct daemon *daemon = ctx;
    if (daemon->announced)
        return;
    log_error("not starting: %s", why);
    daemon->refused = true;
    (void)event_base_loopbreak(daemon->base);
}

static void on_user_ended(void *ctx, const char *user) {
    struct daemon *daemon = ctx;
    sessions_forget(daemon->sessions, user);
    proposals_forget(daemon->proposals, user, NULL);
}

void daemon_drain(struct daemon *daemon, bool on, void (*drained)(void *ctx)) {
    events_note(daemon->events, on ? EVENT_DRAIN_BEGUN : EVENT_DRAIN_OFF);
    gateway_set_draining(daemon->gateway, on);
    if (daemon->gateway_public != NULL)
        gateway_set_draining(daemon->gateway_public, on);
    if (on)
        turns_drain(daemon->turns, drained, daemon);
    else
        turns_undrain(daemon->turns);
}

static void on_settled(void *ctx) {
    struct daemon *daemon = ctx;
    (void)event_base_loopexit(daemon->base, NULL);
}

static void on_stopped(void *ctx) {
    struct daemon *daemon = ctx;
    records_settle(daemon->records, on_settled, daemon);
}

static void on_term(evutil_socket_t signal, short what, void *ctx) {
    (void)what;
    struct daemon *daemon = ctx;
    if (daemon->stopping) {
        log_warn("told to stop again: not waiting for running turns");
        (void)event_base_loopexit(daemon->base, NULL);
        return;
    }
    log_info("stopping (signal %d): running turns have %d s", (int)signal, STOP_MS / 1000);
    service_stopping();
    events_note(daemon->events, EVENT_STOPPING);
    daemon->stopping = true;
    gateway_hold(daemon->gateway, STOP_MS + START_MS);
    if (daemon->gateway_public != NULL)
        gateway_hold(daemon->gateway_public, STOP_MS + START_MS);
    daemon_drain(daemon, true, on_stopped);
    turns_hurry(daemon->turns, STOP_MS);
}

static void on_hup(evutil_socket_t signal, short what, void *ctx) {
    (void)signal, (void)what;
    struct daemon *daemon = ctx;
    char why[512] = "";
    /* While it starts, READY=1 is still to come: when there are agents (on_zygote_ready). */
    const bool serving = daemon->announced && !daemon->stopping;
    if (serving)
        service_reloading();
    json_decref(daemon_reload(daemon, NULL, why, sizeof(why))); /* it says in the log what it did */
    if (serving)
        service_ready("Serving");
}

static void on_turn_over(void *ctx, const struct turn_past *past) {
    records_note(ctx, past);
}

static void start_records(struct daemon *daemon) {
    must(records_new(daemon->base, daemon->config, daemon->store, &daemon->records), "records");
    must(budgets_new(daemon->base, daemon->config, daemon->records, &daemon->budgets), "budgets");
}

static void watch_signals(struct daemon *daemon) {
    static const struct {
        int number;
        event_callback_fn handle;
    } signals[] = {{SIGTERM, on_term}, {SIGINT, on_term}, {SIGHUP, on_hup}};
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        daemon->signals[i] =
            evsignal_new(daemon->base, signals[i].number, signals[i].handle, daemon);
        if (daemon->signals[i] == NULL || event_add(daemon->signals[i], NULL) < 0)
            fatal("cannot watch signals: out of memory");
    }
}

/* Running turns, and what waits behind them, end by themselves. (One that is stopped has STOP_MS.)
 */
static uint64_t drain_ms(const struct config *config) {
    uint64_t turns = config_u64(config, CONFIG_agents_turns_queued_per_user) + 1,
             each = config_u64(config, CONFIG_model_turn_timeout_ms) + TURN_GRACE_MS;
    return turns < DRAIN_MOST_MS / each ? turns * each : DRAIN_MOST_MS;
}

static void start_turns(struct daemon *daemon, const struct start_paths *paths) {
    const struct config *config = daemon->config;
    uint64_t notes_bytes = config_u64(config, CONFIG_agents_notes_bytes);
    const size_t total = config_u64(config, CONFIG_agents_notes_total_bytes);
    struct sessions_limits limits = {.ttl_ms = config_u64(config, CONFIG_agents_notes_ttl_ms),
                                     .notes_bytes = notes_bytes,
                                     .access_bytes = ACCESS_BYTES,
                                     .conversations = CONVERSATIONS,
                                     .total_bytes = total,
                                     .customers_bytes = total / CUSTOMERS_SHARE};
    must(sessions_new(daemon->base, &limits, &daemon->sessions), "sessions");
    const struct proposals_limits kept = {.per_user = PROPOSALS_PER_USER,
                                          .user_bytes = PROPOSALS_USER_BYTES,
                                          .total_bytes = PROPOSALS_TOTAL_BYTES};
    must(proposals_new(daemon->base, &kept, &daemon->proposals), "proposals");
    struct turns_setup setup = {
        .agents_dir = paths->agents,
        .max = config_u64(config, CONFIG_agents_max),
        .idle_park_ms = config_u64(config, CONFIG_agents_idle_park_ms),
        .full_wait_ms = config_u64(config, CONFIG_agents_full_wait_ms),
        .full_waiting = config_u64(config, CONFIG_agents_full_waiting),
        .turn_timeout_ms = config_u64(config, CONFIG_model_turn_timeout_ms),
        .notes_bytes = notes_bytes,
        .rest_ms = config_u64(config, CONFIG_agents_rest_ms),
        .watch_ms = config_u64(config, CONFIG_agents_watch_ms),
        .queued_per_user = (unsigned)config_u64(config, CONFIG_agents_turns_queued_per_user),
        .drain_ms = drain_ms(config),
        .hooks = {on_zygote_ready, on_user_ended, daemon}};
    setup.hooks.turn_over = on_turn_over;
    setup.hooks.past_ctx = daemon->records;
    setup.metrics = &daemon->metrics;
    setup.events = daemon->events;
    setup.model_provider = model_provider_of(config);
    gid_t ignored;
    must(user_lookup(CLOISTER_USER_AGENT, &setup.agent_uid, &ignored), CLOISTER_USER_AGENT);
    must(turns_new(daemon->base, daemon->zygote, &setup, &daemon->turns), "turns");
    must(relief_new(daemon->base, config, daemon->turns, &daemon->relief), "relief");
}

/* Customers' endpoint: another socket, another user, another origin. */
static void start_gateway_public(struct daemon *daemon, const struct start_paths *paths,
                                 const struct gateway_setup *owners) {
    struct gateway_setup setup = *owners;
    gid_t ignored;
    setup.path = paths->gateway_public;
    setup.instance = "public";
    setup.is_public = true;
    if (user_lookup(CLOISTER_USER_PUBLIC, &setup.uid, &ignored) < 0)
        log_info("there is no endpoint for customers: there is no user " CLOISTER_USER_PUBLIC);
    else
        must(gateway_new(daemon->base, &setup, &daemon->gateway_public), setup.path);
}

static void start_gateway(struct daemon *daemon, const struct start_paths *paths) {
    struct chats_setup chats = {daemon->store, daemon->api, daemon->turns, daemon->sessions,
                                daemon->proposals};
    chats.budgets = daemon->budgets;
    chats.metrics = &daemon->metrics;
    chats.business = front_door_link(daemon->front_door);
    api_use_business(daemon->api, chats.business);
    must(chats_new(&chats, &daemon->chats), "chats");
    struct gateway_setup setup = {.path = paths->gateway,
                                  .instance = "owner",
                                  .chats = daemon->chats,
                                  .api = daemon->api,
                                  .unready = health_reasons,
                                  .collect = metrics_collect,
                                  .ctx = daemon};
    gid_t ignored;
    must(user_lookup(CLOISTER_USER_GATEWAY, &setup.uid, &ignored), CLOISTER_USER_GATEWAY);
    must(user_lookup(CLOISTER_USER_KEYS, &daemon->keys_uid, &ignored), CLOISTER_USER_KEYS);
    must(user_lookup(CLOISTER_USER_EGRESS, &daemon->egress_uid, &ignored), CLOISTER_USER_EGRESS);
    must(user_lookup(CLOISTER_USER_BUSINESS, &daemon->business_uid, &ignored),
         CLOISTER_USER_BUSINESS);
    if (user_lookup(CLOISTER_USER_NOTIFY, &daemon->notify_uid, &ignored) < 0)
        daemon->notify_uid = (uid_t)-1; /* nobody's numbers are believed */
    must(gateway_new(daemon->base, &setup, &daemon->gateway), paths->gateway);
    start_gateway_public(daemon, paths, &setup);
}

static void start_front_door(struct daemon *daemon, const struct start_paths *paths) {
    const struct front_door_setup setup = {.base = daemon->base,
                                           .business_path = paths->business,
                                           .store = daemon->store,
                                           .turns = daemon->turns,
                                           .sessions = daemon->sessions,
                                           .budgets = daemon->budgets,
                                           .proposals = daemon->proposals};
    must(front_door_new(&setup, &daemon->front_door), "front door");
}

/* NULL: agents have none. The process is moved, so before anything looks where it is. */
static struct cgroups *start_cgroups(void) {
    struct cgroups *cgroups = NULL;
    char why[256];
    int r = cgroups_new(&cgroups, why, sizeof(why));
    if (r == 0)
        log_info("agents have control groups: %s", cgroups_layer(cgroups));
    else if (r == -ENOTSUP)
        log_info("agents have no control groups: %s", why);
    else
        log_warn("agents have no control groups: %s", why);
    return cgroups;
}

/* ---- from one cloisterd to the next ---- */

static void take_over(struct daemon *daemon) {
    struct handover_count count = {0};
    SCOPE_FD int fd = service_passed(HANDOVER_NAME);
    if (fd < 0)
        return;
    int r = handover_read(fd, daemon->sessions, daemon->proposals, &count);
    if (r < 0)
        log_warn("what the cloisterd before left cannot be taken over: %s", strerror(-r));
    else
        log_info("taken over: %llu notes, %llu proposals; %llu left out%s",
                 (unsigned long long)count.notes, (unsigned long long)count.proposals,
                 (unsigned long long)count.refused,
                 count.whole ? "" : "; the rest is damaged and left out");
}

/* Without a manager who would keep it, what is remembered ends here, as it does in a crash. */
static void hand_over(struct daemon *daemon) {
    struct handover_count count = {0};
    if (getenv("NOTIFY_SOCKET") == NULL || daemon->refused)
        return;
    int r = handover_write(daemon->handover, daemon->sessions, daemon->proposals, &count);
    if (r == 0)
        r = service_store(HANDOVER_NAME, daemon->handover);
    if (r < 0)
        log_error("notes and proposals are lost, they cannot be left to the next cloisterd: %s",
                  strerror(-r));
    else
        log_info("left to the next cloisterd: %llu notes, %llu proposals",
                 (unsigned long long)count.notes, (unsigned long long)count.proposals);
}

static void stop(struct daemon *daemon) {
    daemon->drainer = NULL;
    control_free(take_ptr(daemon->control));
    gateway_free(daemon->gateway);
    gateway_free(daemon->gateway_public);
    front_door_close(daemon->front_door);
    relief_free(daemon->relief);
    turns_free(daemon->turns);
    zygote_free(daemon->zygote);
    api_free(daemon->api);
    store_free(daemon->store);
    front_door_free(daemon->front_door);
    records_free(daemon->records);
    budgets_free(daemon->budgets);
    keys_client_free(daemon->keys);
    chats_free(daemon->chats);
    sessions_free(daemon->sessions);
    proposals_free(daemon->proposals);
    log_pipe_free(daemon->logs);
    events_free(daemon->events);
    for (size_t i = 0; i < COUNT_OF(daemon->signals); i++)
        if (daemon->signals[i] != NULL)
            event_free(daemon->signals[i]);
    event_base_free(daemon->base);
}

static void print_rights_if_asked(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--print-rights") == 0) {
            rights_print();
            exit(0);
        }
}

int main(int argc, char **argv) {
    static struct daemon daemon;
    struct start_paths paths;
    struct ctl_groups groups;
    struct service *service = NULL;
    char why[512];

    log_open("cloisterd");
    print_rights_if_asked(argc, argv);
    struct config *config = config_from_args(
        argc, argv, "cloisterd",
        "The supervisor of Cloister: one walled agent per user. --print-rights shows what each\n"
        "process may do.",
        NULL);
    SCOPE_FREE char *config_path = config_file();
    if (config_path == NULL)
        fatal("its configuration: %s", strerror(errno));
    start_kernel();
    start_limits(config);
    start_directories(config, &paths);
    start_groups(config, &groups);
    const int control_passed = service_passed("control");
    int control_fd = control_passed;
    if (control_fd < 0 && !config_is_self_check())
        control_fd = control_open(paths.control, &groups);
    if (control_passed >= 0)
        start_tell_passed(control_passed, &paths, &groups);
    if (!config_is_self_check()) {
        must(control_fd, paths.control);
        must(fd_nonblock(control_fd), paths.control);
    }
    int handover_fd = handover_new();
    must(handover_fd, "memfd");
    if (confine_process(CLOISTER_USER_SUPERVISOR,
                        CONFINE_MAY_EXEC | CONFINE_KEEP_KILL | confine_accepted(config), why,
                        sizeof(why)) < 0)
        fatal("not starting: %s", why);
    if (why[0] != '\0')
        log_warn("%s", why);
    if (config_is_self_check())
        config_self_checked("cloisterd");
    SCOPE_FD int agents_fd = start_agents_dir(&paths);

    event_set_fatal_callback(on_libevent_fatal);
    daemon = (struct daemon){.base = event_base_new(),
                             .config = config,
                             .config_path = config_path,
                             .since_ms = wall_ms(),
                             .handover = handover_fd};
    if (daemon.base == NULL)
        fatal("cannot make an event loop");
    watch_signals(&daemon);
    must(service_new(daemon.base, &service), "watchdog");
    must(events_new(daemon.base, &daemon.events), "events");
    must(log_pipe_new(daemon.base, on_agent_line, NULL, &daemon.logs), "log pipe");
    must(store_new(daemon.base, config, &daemon.store), "store");
    start_records(&daemon);
    must(keys_client_new(daemon.base, config, &daemon.keys), "keys");
    keys_client_count(daemon.keys, &daemon.metrics);
    struct zygote_setup zygote = {.program = CLOISTER_AGENT_PATH,
                                  .config = config_path,
                                  .log_fd = log_pipe_fd(daemon.logs),
                                  .agents_dir_fd = agents_fd,
                                  .refused = on_walls_missing,
                                  .ctx = &daemon,
                                  .max_age_ms = config_u64(config, CONFIG_agents_zygote_max_age_ms),
                                  .cgroups = start_cgroups(),
                                  .events = daemon.events};
    must(zygote_new(daemon.base, &zygote, &daemon.zygote), "zygote");
    start_turns(&daemon, &paths);
    take_over(&daemon);
    must(api_new(daemon.base, config, daemon.store, daemon.keys, daemon.turns, &daemon.api), "api");
    start_front_door(&daemon, &paths);
    start_gateway(&daemon, &paths);
    must(control_new(daemon.base, control_fd, &groups, operators_run, &daemon, &daemon.control),
         "control socket");

    (void)event_base_dispatch(daemon.base);

    hand_over(&daemon);
    service_free(service);
    stop(&daemon);
    if (control_passed < 0)
        (void)unlink(paths.control);
    config_free(config);
    log_info("stopped");
    return daemon.refused ? EXIT_REFUSED : 0;
}
