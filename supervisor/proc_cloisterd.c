/* cloisterd, the supervisor: starts agents, routes requests, keeps sealed rows. Its main is a
 * ladder that ends confined; then the loop. Ends with 0 after SIGTERM and a drain, with 1 when the
 * environment is not as it must be, a missing wall included. Writes its log to stderr. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/log.h"
#include "supervisor/rights.h"
#include "supervisor/daemon.h"
#include "supervisor/start.h"

#define DRAIN_MS             20000
#define EXIT_REFUSED         1 /* as fatal */
#define ACCESS_BYTES         16384
#define CONVERSATIONS        32
#define SESSIONS_TOTAL_BYTES (256u << 20)

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
    (void)sd_notify(0, "READY=1");
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
    sessions_forget(daemon->sessions, user, NULL, true);
}

void daemon_drain(struct daemon *daemon, bool on, void (*drained)(void *ctx)) {
    gateway_set_draining(daemon->gateway, on);
    if (on)
        turns_drain(daemon->turns, drained, daemon);
    else
        turns_undrain(daemon->turns);
}

static void on_stopped(void *ctx) {
    struct daemon *daemon = ctx;
    (void)event_base_loopexit(daemon->base, NULL);
}

static void on_term(evutil_socket_t signal, short what, void *ctx) {
    (void)what;
    struct daemon *daemon = ctx;
    if (daemon->stopping) {
        log_warn("told to stop again: not waiting for running turns");
        (void)event_base_loopexit(daemon->base, NULL);
        return;
    }
    log_info("stopping (signal %d): running turns have %d s", (int)signal, DRAIN_MS / 1000);
    (void)sd_notify(0, "STOPPING=1");
    daemon->stopping = true;
    daemon_drain(daemon, true, on_stopped);
}

static void on_hup(evutil_socket_t signal, short what, void *ctx) {
    (void)signal, (void)what, (void)ctx;
    log_warn("SIGHUP ignored: settings are read at the start; restart to change them");
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

static void start_turns(struct daemon *daemon, const struct start_paths *paths) {
    const struct config *config = daemon->config;
    uint64_t notes_bytes = config_u64(config, CONFIG_agents_notes_bytes);
    struct sessions_limits limits = {.ttl_ms = config_u64(config, CONFIG_agents_notes_ttl_ms),
                                     .notes_bytes = notes_bytes,
                                     .access_bytes = ACCESS_BYTES,
                                     .conversations = CONVERSATIONS,
                                     .total_bytes = SESSIONS_TOTAL_BYTES};
    must(sessions_new(daemon->base, &limits, &daemon->sessions), "sessions");
    struct turns_setup setup = {
        .agents_dir = paths->agents,
        .max = config_u64(config, CONFIG_agents_max),
        .idle_park_ms = config_u64(config, CONFIG_agents_idle_park_ms),
        .turn_timeout_ms = config_u64(config, CONFIG_model_turn_timeout_ms),
        .notes_bytes = notes_bytes,
        .queued_per_user = (unsigned)config_u64(config, CONFIG_agents_turns_queued_per_user),
        .drain_ms = DRAIN_MS,
        .hooks = {on_zygote_ready, on_user_ended, daemon}};
    gid_t ignored;
    must(user_lookup(CLOISTER_USER_AGENT, &setup.agent_uid, &ignored), CLOISTER_USER_AGENT);
    must(turns_new(daemon->base, daemon->zygote, &setup, &daemon->turns), "turns");
}

static void start_gateway(struct daemon *daemon, const struct start_paths *paths) {
    struct chats_setup chats = {daemon->store, daemon->api, daemon->turns, daemon->sessions};
    must(chats_new(&chats, &daemon->chats), "chats");
    struct gateway_setup setup = {.path = paths->gateway,
                                  .instance = "owner",
                                  .chats = daemon->chats,
                                  .api = daemon->api,
                                  .unready = health_reasons,
                                  .ctx = daemon};
    gid_t ignored;
    must(user_lookup(CLOISTER_USER_GATEWAY, &setup.uid, &ignored), CLOISTER_USER_GATEWAY);
    must(gateway_new(daemon->base, &setup, &daemon->gateway), paths->gateway);
}

static void stop(struct daemon *daemon) {
    daemon->drainer = NULL;
    control_free(daemon->control);
    gateway_free(daemon->gateway);
    turns_free(daemon->turns);
    zygote_free(daemon->zygote);
    api_free(daemon->api);
    store_free(daemon->store);
    keys_client_free(daemon->keys);
    chats_free(daemon->chats);
    sessions_free(daemon->sessions);
    log_pipe_free(daemon->logs);
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
    char why[512];

    log_open("cloisterd");
    print_rights_if_asked(argc, argv);
    struct config *config = config_from_args(
        argc, argv, "cloisterd",
        "The supervisor of Cloister: one walled agent per user. --print-rights shows what each\n"
        "process may do.",
        NULL);
    SCOPE_FREE char *config_path = start_config_path(argc, argv);
    if (geteuid() != 0)
        fatal("must be started as root: it loads its system-call filter, then becomes %s",
              CLOISTER_USER_SUPERVISOR);

    start_kernel();
    start_limits(config);
    start_directories(config, &paths);
    start_groups(config, &groups);
    int control_fd = control_open(paths.control, &groups);
    must(control_fd, paths.control);
    if (confine_process(CLOISTER_USER_SUPERVISOR,
                        CONFINE_MAY_EXEC | CONFINE_KEEP_KILL | confine_accepted(config), why,
                        sizeof(why)) < 0)
        fatal("not starting: %s", why);
    if (why[0] != '\0')
        log_warn("%s", why);
    SCOPE_FD int agents_fd = start_agents_dir(&paths);

    event_set_fatal_callback(on_libevent_fatal);
    daemon = (struct daemon){.base = event_base_new(), .config = config, .since_ms = wall_ms()};
    if (daemon.base == NULL)
        fatal("cannot make an event loop");
    watch_signals(&daemon);
    must(log_pipe_new(daemon.base, on_agent_line, NULL, &daemon.logs), "log pipe");
    must(store_new(daemon.base, config, &daemon.store), "store");
    must(keys_client_new(daemon.base, config, &daemon.keys), "keys");
    struct zygote_setup zygote = {CLOISTER_AGENT_PATH, config_path,      log_pipe_fd(daemon.logs),
                                  agents_fd,           on_walls_missing, &daemon};
    must(zygote_new(daemon.base, &zygote, &daemon.zygote), "zygote");
    start_turns(&daemon, &paths);
    must(api_new(daemon.base, config, daemon.store, daemon.keys, daemon.turns, &daemon.api), "api");
    start_gateway(&daemon, &paths);
    must(control_new(daemon.base, control_fd, &groups, operators_run, &daemon, &daemon.control),
         "control socket");

    (void)event_base_dispatch(daemon.base);

    stop(&daemon);
    (void)unlink(paths.control);
    config_free(config);
    log_info("stopped");
    return daemon.refused ? EXIT_REFUSED : 0;
}
