/* cloister-egress: the only program with the network. Connects to listed hosts and hands the
 * connected descriptor to one turn; never sees what flows inside TLS, holds no key and no database.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/log.h"
#include "ipc/service.h"
#include "supervisor/egress/channels.h"
#include "supervisor/egress/counts.h"

#define FILES_WANTED 65536u

static void on_signal(evutil_socket_t signal_number, short what, void *ctx) {
    (void)signal_number;
    (void)what;
    service_stopping();
    (void)event_base_loopbreak(ctx);
}

/* ---- who may be reached ---- */

/* Its own names and connections for each who dials. */
struct party {
    bool there;
    uid_t uid;
    struct allow *allow;
    struct resolver *resolver;
    struct pool *pool;
};

static int read_parties(const struct config *config, struct party *agents, struct party *notify,
                        char *why, size_t why_len) {
    int r = allow_new(config, &agents->allow, why, why_len);
    return r < 0 ? r : allow_new_notify(config, &notify->allow, why, why_len);
}

struct reload {
    const char *path; /* of the configuration */
    struct party *agents, *notify;
};

/* What is under way goes on; the next one who dials finds what the file says now. */
static int read_again(const struct reload *reload, char *why, size_t why_len) {
    struct config *config = NULL;
    struct party agents = {0}, notify = {0};
    int r = config_load(reload->path, &config, why, why_len);
    if (r >= 0)
        r = read_parties(config, &agents, &notify, why, why_len);
    if (r >= 0) {
        r = allow_update(reload->notify->allow, notify.allow);
        if (r >= 0)
            r = allow_update(reload->agents->allow, agents.allow);
        if (r < 0)
            (void)snprintf(why, why_len, "too many destinations since the start: restart it");
    }
    allow_free(agents.allow);
    allow_free(notify.allow);
    config_free(config);
    return r;
}

static void on_hup(evutil_socket_t signal_number, short what, void *ctx) {
    (void)signal_number;
    (void)what;
    const struct reload *reload = ctx;
    char why[512] = "";
    service_reloading();
    if (read_again(reload, why, sizeof(why)) < 0)
        log_error("not reloaded, nothing has changed: %s", why);
    else
        log_info("reloaded, %zu destinations", allow_count(reload->agents->allow));
    service_ready("Connecting turns");
}

/* ---- */

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

/* Its numbers for operators; without them it serves all the same. */
static void share_counts(const struct config *config) {
    char path[512];
    int r = config_runtime_path(config, "egress/metrics", path, sizeof(path));
    if (r == 0)
        r = counts_share(path);
    if (r < 0)
        log_warn("operators will not see this program's numbers: %s", strerror(-r));
}

struct served {
    struct event_base *base;
    struct event *term, *interrupt, *hup;
    struct channels *channels;
    struct service *service;
};

static int party_start(struct event_base *base, struct party *party) {
    int r = resolver_new(base, party->allow, &party->resolver);
    return r < 0 ? r : pool_new(base, party->resolver, party->allow, &party->pool);
}

static void serve(struct served *s, int listener, struct reload *reload) {
    struct party *agents = reload->agents, *notify = reload->notify;
    s->base = event_base_new();
    if (s->base == NULL)
        fatal("no event loop");
    s->term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
    s->interrupt = evsignal_new(s->base, SIGINT, on_signal, s->base);
    s->hup = evsignal_new(s->base, SIGHUP, on_hup, reload);
    if (s->term == NULL || s->interrupt == NULL || s->hup == NULL || event_add(s->term, NULL) < 0 ||
        event_add(s->interrupt, NULL) < 0 || event_add(s->hup, NULL) < 0 ||
        party_start(s->base, agents) < 0 || party_start(s->base, notify) < 0)
        fatal("out of memory");
    const struct channels_party first = {agents->uid, agents->allow, agents->pool},
                                second = {notify->uid, notify->allow, notify->pool};
    if (channels_new(s->base, listener, &first, notify->there ? &second : NULL, &s->channels) < 0 ||
        service_new(s->base, &s->service) < 0)
        fatal("out of memory");
}

static void stop(struct served *s, struct party *parties, size_t n) {
    channels_free(s->channels);
    for (size_t i = 0; i < n; i++) {
        pool_free(parties[i].pool);
        resolver_free(parties[i].resolver);
        allow_free(parties[i].allow);
    }
    service_free(s->service);
    event_free(s->term);
    event_free(s->interrupt);
    event_free(s->hup);
    event_base_free(s->base);
}

int main(int argc, char **argv) {
    char why[512] = "";
    struct party parties[2] = {0}, *agents = &parties[0], *notify = &parties[1];
    gid_t group;
    struct served served = {0};
    struct config *config =
        config_from_args(argc, argv, "cloister-egress",
                         "Connects Cloister's turns to the hosts they may reach.", NULL);
    SCOPE_FREE char *config_path = config_file();
    struct reload reload = {config_path, agents, notify};
    log_open("cloister-egress");
    (void)signal(SIGPIPE, SIG_IGN);
    if (config_path == NULL)
        fatal("its configuration: %s", strerror(errno));
    (void)signal(SIGHUP, SIG_IGN); /* until it can be heard */
    if (read_parties(config, agents, notify, why, sizeof(why)) < 0)
        fatal("%s", why);
    if (user_lookup(CLOISTER_USER_AGENT, &agents->uid, &group) < 0)
        fatal("there is no user " CLOISTER_USER_AGENT);
    notify->there = user_lookup(CLOISTER_USER_NOTIFY, &notify->uid, &group) == 0;
    raise_file_limit();
    if (fds_close_except(NULL, 0) < 0)
        fatal("inherited descriptors cannot be closed");
    int listener = config_is_self_check() ? -1 : listen_or_die(config);
    if (confine_process(CLOISTER_USER_EGRESS, confine_accepted(config), why, sizeof(why)) < 0)
        fatal("not confined: %s", why);
    if (why[0] != '\0')
        log_warn("%s", why);
    share_counts(config); /* as the user that is to own them */
    /* confined */
    if (config_is_self_check())
        config_self_checked("cloister-egress");
    serve(&served, listener, &reload);
    log_info("ready, %zu destinations", allow_count(agents->allow));
    service_ready("Connecting turns");
    int r = event_base_dispatch(served.base);
    stop(&served, parties, COUNT_OF(parties));
    (void)close(listener);
    config_free(config);
    return r < 0 ? 1 : 0;
}
