/* cloister-gateway - the HTTP side of Cloister, one instance per kind of caller
 *
 * Translates between HTTP and cloisterd's messages and decides nothing: no key but the hashes of
 * the frontends' own, no token, no database. Trusts: its configuration. Distrusts: every byte of a
 * client.
 *
 * DIAGNOSTICS
 *      Fatal: a listener that cannot be opened, a missing folder, frontends that cannot be read,
 *      walls that do not hold. A missing cloisterd is not: requests get 503 until it is there. */
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netdb.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "build_config.h"
#include "gateway/gateway.h"
#include "gateway/listen.h"
#include "gateway/metrics.h"
#include "ipc/confine.h"
#include "ipc/kept.h"
#include "ipc/log.h"
#include "ipc/service.h"

#define PROGRAM            "cloister-gateway"
#define EVENT_LOG_EVERY_MS 60000u

/* Takes "--instance NAME" out of the arguments; config_from_args knows the rest. */
static const char *take_instance(int *argc, char **argv) {
    const char *instance = "owner";
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--instance") == 0 && i + 1 < *argc)
            instance = argv[++i];
        else if (strncmp(argv[i], "--instance=", 11) == 0)
            instance = argv[i] + 11;
        else
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    *argc = kept;
    return instance;
}

/* Everything but stdio and what systemd passed. */
static void close_inherited(void) {
    int keep[16], n = sd_listen_fds(0);
    if (n < 0 || n > (int)COUNT_OF(keep))
        n = 0;
    for (int i = 0; i < n; i++)
        keep[i] = SD_LISTEN_FDS_START + i;
    if (fds_close_except(keep, (size_t)n) < 0)
        fatal("cannot close inherited descriptors");
}

static void raise_descriptors(struct gateway_limits *limits) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    rlim_t wanted = limits->connections + 128;
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < wanted) {
        limits->connections = files.rlim_cur > 256 ? (size_t)files.rlim_cur - 128 : 128;
        log_warn("only %zu connections at once: RLIMIT_NOFILE is %llu", limits->connections,
                 (unsigned long long)files.rlim_cur);
    }
}

static void require_folder(const struct config *config, const char *name) {
    char path[256];
    struct stat st;
    if (config_runtime_path(config, name, path, sizeof(path)) < 0)
        fatal("runtime.dir is too long");
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        fatal("the folder %s is missing: the launcher or systemd makes it; is runtime.dir right?",
              path);
}

/* What differs between the two instances of this program. */
struct instance {
    const char *word, *door, *operators, *folder, *user;
    enum config_key listen;
    enum gateway_instance kind;
};
static const struct instance instances[] = {
    {"owner", "owner", "operator/gateway-owner.sock", "operator", CLOISTER_USER_GATEWAY,
     CONFIG_gateway_owner_listen, INSTANCE_OWNER},
    {"public", "public", "public/gateway-public.sock", "public", CLOISTER_USER_PUBLIC,
     CONFIG_gateway_public_listen, INSTANCE_PUBLIC},
};

static const struct instance *instance_find(const char *word) {
    for (size_t i = 0; i < COUNT_OF(instances); i++)
        if (strcmp(instances[i].word, word) == 0)
            return &instances[i];
    fprintf(stderr, "%s: the instances are 'owner' and 'public'\n", PROGRAM);
    exit(100);
}

/* NULL: they end with the process. */
static const struct kept *keep_tallies(enum gateway_instance instance) {
    static struct kept kept;
    if (config_is_self_check())
        return NULL;
    int r =
        kept_open(TALLIES_NAME, TALLIES_LAYOUT, tallies_size(instance == INSTANCE_PUBLIC), &kept);
    if (r < 0)
        log_warn("the counts behind limits cannot be kept over a restart: %s", strerror(-r));
    else if (kept.found)
        log_info("limits go on from where the gateway before left them");
    return r < 0 ? NULL : &kept;
}

/* Where it really listens: a socket of systemd is its unit's, whatever the setting says. */
static void tell_door(const struct config *config, const struct instance *instance, int door) {
    const char *said = config_str(config, instance->listen);
    struct sockaddr_storage there = {0}, meant = {0};
    socklen_t len = sizeof(there);
    int meant_len = sizeof(meant);
    char host[INET6_ADDRSTRLEN] = "?", port[8] = "?";
    if (getsockname(door, (struct sockaddr *)&there, &len) < 0 ||
        getnameinfo((struct sockaddr *)&there, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        log_warn("listening, but it cannot be seen where");
    else
        log_info(strchr(host, ':') != NULL ? "listening on [%s]:%s" : "listening on %s:%s", host,
                 port);
    if (config_is_set(config, instance->listen) &&
        evutil_parse_sockaddr_port(said, (struct sockaddr *)&meant, &meant_len) == 0 &&
        evutil_sockaddr_cmp((struct sockaddr *)&there, (struct sockaddr *)&meant, 1) != 0)
        log_warn("gateway.%s_listen says %s, but the socket is held open by systemd, where "
                 "'systemctl edit %s.socket' changes it, or by cloister-launch, which is to be "
                 "restarted",
                 instance->word, said,
                 instance->kind == INSTANCE_PUBLIC ? "cloister-gateway-public"
                                                   : "cloister-gateway");
}

static struct gateway_sockets open_sockets(const struct config *config,
                                           const struct instance *instance) {
    struct gateway_sockets sockets = {-1, -1, NULL};
    if (config_is_self_check())
        return sockets;
    char why[256] = "", path[256];
    if (listen_inherited(instance->door, &sockets.door, &sockets.operators) < 0)
        fatal("cannot take the sockets from systemd");
    if (sockets.door < 0)
        sockets.door = listen_tcp(config_str(config, instance->listen), why, sizeof(why));
    if (sockets.door < 0)
        fatal("%s", why);
    if (config_runtime_path(config, instance->operators, path, sizeof(path)) < 0)
        fatal("runtime.dir is too long");
    if (sockets.operators < 0)
        sockets.operators = listen_unix(path, instance->user,
                                        config_str(config, CONFIG_control_group), why, sizeof(why));
    if (sockets.operators < 0)
        fatal("%s", why);
    tell_door(config, instance, sockets.door);
    return sockets;
}

static void on_stop(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    gateway_drain(ctx);
}

static void on_hup(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    service_reloading();
    gateway_reload(ctx);
    service_ready("Serving");
}

/* libevent's words may quote what a client sent: that there was something is all that is said. */
static void on_event_log(int severity, const char *text) {
    static uint64_t said_ms;
    static unsigned unsaid;
    (void)text;
    if (severity < EVENT_LOG_WARN)
        return;
    unsaid++;
    if (said_ms != 0 && clock_ms() - said_ms < EVENT_LOG_EVERY_MS)
        return;
    log_warn("libevent warned (%u since the last line)", unsaid);
    said_ms = clock_ms();
    unsaid = 0;
}

static void on_event_fatal(int code) {
    panic("libevent gave up (%d)", code);
}

static struct event *watch_signal(struct event_base *base, int number, event_callback_fn callback,
                                  void *ctx) {
    struct event *event = evsignal_new(base, number, callback, ctx);
    if (event == NULL || event_add(event, NULL) < 0)
        fatal("cannot watch signals");
    return event;
}

static void serve(struct event_base *base, struct gateway *gateway) {
    struct event *signals[] = {watch_signal(base, SIGTERM, on_stop, gateway),
                               watch_signal(base, SIGINT, on_stop, gateway),
                               watch_signal(base, SIGHUP, on_hup, gateway)};
    struct service *service = NULL;
    if (service_new(base, &service) < 0)
        fatal("cannot feed the watchdog");
    service_ready("Serving");
    (void)event_base_dispatch(base);
    service_free(service);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        event_free(signals[i]);
}

/* Changes to what is polled go to the kernel together; no descriptor of ours is a copy of another.
 */
static struct event_base *base_new(void) {
    struct event_config *config = event_config_new();
    if (config == NULL)
        return NULL;
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

int main(int argc, char **argv) {
    struct gateway_limits limits = GATEWAY_LIMITS_DEFAULT;
    struct gateway *gateway = NULL;
    char why[512] = "";

    log_open(PROGRAM);
    if (argc == 2 && strcmp(argv[1], "--print-metrics") == 0) {
        metrics_print();
        return 0;
    }
    const struct instance *instance = instance_find(take_instance(&argc, argv));
    struct config *config = config_from_args(
        argc, argv, PROGRAM,
        "HTTP for chat frontends and the public: the routes of gateway/openapi.yaml, and MCP.\n"
        "--instance owner (the default) serves gateway.owner_listen, --instance public\n"
        "gateway.public_listen.\n"
        "--print-metrics lists what GET /metrics on the operators' socket tells.",
        NULL);
    close_inherited();
    (void)signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0)
        fatal("libsodium does not start");
    raise_descriptors(&limits);
    require_folder(config, "gateway");
    require_folder(config, instance->folder);
    const struct kept *tallies = keep_tallies(instance->kind); /* before the sockets are taken */
    struct gateway_sockets sockets = open_sockets(config, instance);
    sockets.tallies = tallies;
    if (confine_process(instance->user, confine_accepted(config), why, sizeof(why)) < 0)
        fatal("%s", why);
    if (why[0] != '\0')
        log_warn("%s", why);

    if (config_is_self_check())
        config_self_checked(PROGRAM);
    /* Confined: from here on clients and their bytes. */
    event_set_fatal_callback(on_event_fatal);
    event_set_log_callback(on_event_log);
    struct event_base *base = base_new();
    if (base == NULL || gateway_new(base, config, instance->kind, &limits, &sockets, &gateway, why,
                                    sizeof(why)) < 0)
        fatal("%s", base == NULL ? "libevent does not start" : why);
    if (tallies != NULL)
        kept_ready(tallies);
    serve(base, gateway);
    gateway_free(gateway);
    event_base_free(base);
    config_free(config);
    log_info("stopped");
    return 0;
}
