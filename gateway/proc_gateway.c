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
#include "ipc/confine.h"
#include "ipc/log.h"

#define PROGRAM "cloister-gateway"

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

static struct gateway_sockets open_sockets(const struct config *config) {
    struct gateway_sockets sockets = {-1, -1};
    char why[256] = "", path[256];
    if (listen_inherited(&sockets.owner, &sockets.operators) < 0)
        fatal("cannot take the sockets from systemd");
    if (sockets.owner < 0)
        sockets.owner =
            listen_tcp(config_str(config, CONFIG_gateway_owner_listen), why, sizeof(why));
    if (sockets.owner < 0)
        fatal("%s", why);
    if (config_runtime_path(config, "operator/gateway-owner.sock", path, sizeof(path)) < 0)
        fatal("runtime.dir is too long");
    if (sockets.operators < 0)
        sockets.operators = listen_unix(path, CLOISTER_USER_GATEWAY,
                                        config_str(config, CONFIG_control_group), why, sizeof(why));
    if (sockets.operators < 0)
        fatal("%s", why);
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
    (void)sd_notify(0, "RELOADING=1");
    gateway_reload(ctx);
    (void)sd_notify(0, "READY=1");
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
    (void)sd_notify(0, "READY=1");
    (void)event_base_dispatch(base);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        event_free(signals[i]);
}

int main(int argc, char **argv) {
    struct gateway_limits limits = GATEWAY_LIMITS_DEFAULT;
    struct gateway *gateway = NULL;
    char why[512] = "";

    log_open(PROGRAM);
    const char *instance = take_instance(&argc, argv);
    struct config *config = config_from_args(
        argc, argv, PROGRAM,
        "HTTP for chat frontends: chat, connect and memory routes of gateway/openapi.yaml.\n"
        "--instance owner (the default) serves gateway.owner_listen.",
        NULL);
    if (strcmp(instance, "owner") != 0) {
        fprintf(stderr, "%s: the only instance is 'owner'\n", PROGRAM);
        return 100;
    }

    close_inherited();
    (void)signal(SIGPIPE, SIG_IGN);
    if (sodium_init() < 0)
        fatal("libsodium does not start");
    raise_descriptors(&limits);
    require_folder(config, "gateway");
    require_folder(config, "operator");
    struct gateway_sockets sockets = open_sockets(config);
    if (confine_process(CLOISTER_USER_GATEWAY, confine_accepted(config), why, sizeof(why)) < 0)
        fatal("%s", why);
    if (why[0] != '\0')
        log_warn("%s", why);

    /* Confined: from here on threads (nng's), clients and their bytes. */
    event_set_fatal_callback(on_event_fatal);
    struct event_base *base = event_base_new();
    if (base == NULL ||
        gateway_new(base, config, &limits, &sockets, &gateway, why, sizeof(why)) < 0)
        fatal("%s", base == NULL ? "libevent does not start" : why);
    log_info("listening on %s", config_str(config, CONFIG_gateway_owner_listen));
    serve(base, gateway);
    gateway_free(gateway);
    event_base_free(base);
    config_free(config);
    log_info("stopped");
    return 0;
}
