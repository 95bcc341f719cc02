/* cloister-egress: the only program with the network. Connects to listed hosts and hands the
 * connected descriptor to one turn; never sees what flows inside TLS, holds no key and no database.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/log.h"
#include "supervisor/egress/channels.h"

#define FILES_WANTED 65536u

static void on_signal(evutil_socket_t signal_number, short what, void *ctx) {
    (void)signal_number;
    (void)what;
    (void)event_base_loopbreak(ctx);
}

static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    struct rlimit wanted = {FILES_WANTED, FILES_WANTED};
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int listen_or_die(const struct config *config) {
    char path[512];
    if (config_runtime_path(config, "egress/egress.sock", path, sizeof(path)) < 0)
        fatal("runtime.dir is too long");
    int listener = seq_listen(path, 0666); /* anybody may knock; the peer's uid decides */
    if (listener < 0)
        fatal(
            "cannot listen at %s: %s; its directory must exist and belong to " CLOISTER_USER_EGRESS,
            path, strerror(-listener));
    return listener;
}

struct served {
    struct event_base *base;
    struct event *term, *interrupt;
    struct resolver *resolver;
    struct pool *pool;
    struct channels *channels;
};

static void serve(struct served *s, int listener, uid_t agents, const struct allow *allow) {
    s->base = event_base_new();
    if (s->base == NULL)
        fatal("no event loop");
    s->term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
    s->interrupt = evsignal_new(s->base, SIGINT, on_signal, s->base);
    if (s->term == NULL || s->interrupt == NULL || event_add(s->term, NULL) < 0 ||
        event_add(s->interrupt, NULL) < 0 || resolver_new(s->base, allow, &s->resolver) < 0 ||
        pool_new(s->base, s->resolver, allow, &s->pool) < 0 ||
        channels_new(s->base, listener, agents, allow, s->pool, &s->channels) < 0)
        fatal("out of memory");
}

static void stop(struct served *s) {
    channels_free(s->channels);
    pool_free(s->pool);
    resolver_free(s->resolver);
    event_free(s->term);
    event_free(s->interrupt);
    event_base_free(s->base);
}

int main(int argc, char **argv) {
    char why[512] = "";
    struct allow *allow;
    uid_t agents;
    gid_t group;
    struct served served = {0};
    struct config *config =
        config_from_args(argc, argv, "cloister-egress",
                         "Connects Cloister's turns to the hosts they may reach.", NULL);
    log_open("cloister-egress");
    (void)signal(SIGPIPE, SIG_IGN);
    if (allow_new(config, &allow, why, sizeof(why)) < 0)
        fatal("%s", why);
    if (user_lookup(CLOISTER_USER_AGENT, &agents, &group) < 0)
        fatal("there is no user " CLOISTER_USER_AGENT);
    raise_file_limit();
    if (fds_close_except(NULL, 0) < 0)
        fatal("inherited descriptors cannot be closed");
    int listener = listen_or_die(config);
    if (confine_process(CLOISTER_USER_EGRESS, confine_accepted(config), why, sizeof(why)) < 0)
        fatal("not confined: %s", why);
    if (why[0] != '\0')
        log_warn("%s", why);
    /* confined */
    serve(&served, listener, agents, allow);
    log_info("ready, %zu destinations", allow_count(allow));
    (void)sd_notify(0, "READY=1");
    int r = event_base_dispatch(served.base);
    (void)sd_notify(0, "STOPPING=1");
    stop(&served);
    (void)close(listener);
    allow_free(allow);
    config_free(config);
    return r < 0 ? 1 : 0;
}
