/* cloister-business: profiles, search, bookings and inquiries of the businesses that customers
 * find, as typed operations for the public gateway and for cloisterd. Tells cloister-notify the key
 * of its notices. Holds a database role of its own and the secret that bookings' secrets are made
 * with; no token, no key of a user, no listener that the network reaches. Trusts: its
 * configuration, and what cloisterd stamps. Distrusts: everything else in a call.
 *
 * DIAGNOSTICS
 *      Fatal: a secret that cannot be read, folders that are missing, walls that do not hold. A
 *      missing database is not: READY_MS after the start it counts as ready without, and calls are
 *      answered 503 until it is there. */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "build_config.h"
#include "business/server.h"
#include "ipc/confine.h"
#include "ipc/log.h"
#include "ipc/metrics_page.h"
#include "ipc/service.h"

#define PROGRAM  "cloister-business"
#define FLUSH_MS 20
#define READY_MS 10000 /* how long a start waits for the database before it counts as ready */
#define LAST_MS  3000  /* what the log and the limits may take to be written at the end */

struct program {
    struct business_server server;
    struct event *ready; /* NULL: has said so */
    struct event *flush; /* NULL: not stopping */
    uint64_t stop_by;
};

static void on_event_fatal(int code) {
    panic("libevent gave up (%d)", code);
}

static uid_t uid_of(const char *user) {
    uid_t uid = 0;
    gid_t gid = 0;
    if (user_lookup(user, &uid, &gid) < 0)
        fatal("there is no system user '%s'", user);
    return uid;
}

static void require_folder(const struct config *config) {
    char path[256];
    struct stat st;
    if (config_runtime_path(config, "business", path, sizeof(path)) < 0)
        fatal("runtime.dir is too long");
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        fatal("the folder %s is missing (owner " CLOISTER_USER_BUSINESS
              ", mode 0711): the launcher or systemd makes it; is runtime.dir right?",
              path);
}

/* Its numbers for operators; without them it serves all the same. */
static void share_counts(struct business_server *server, const struct config *config) {
    char path[512];
    int r = config_runtime_path(config, "business/metrics", path, sizeof(path));
    if (r == 0)
        r = metrics_page_new(path, &server->metrics);
    if (r < 0)
        log_warn("operators will not see this program's numbers: %s", strerror(-r));
    else
        metrics_set(server->metrics, METRIC_START_TIME, PROGRAM_BUSINESS,
                    (uint64_t)wall_ms() * 1000);
}

static void on_flush(evutil_socket_t fd, short what, void *ctx) {
    struct program *program = ctx;
    (void)fd;
    (void)what;
    if (business_flush(&program->server) || clock_ms() >= program->stop_by)
        (void)event_base_loopbreak(program->server.base);
}

/* What the log and the limits still hold is written before the end. */
static void on_stop(evutil_socket_t signal, short what, void *ctx) {
    struct program *program = ctx;
    const struct timeval every = {0, FLUSH_MS * 1000};
    (void)what;
    if (program->flush != NULL)
        return;
    log_info("stopping on signal %d", (int)signal);
    service_stopping();
    program->stop_by = clock_ms() + LAST_MS;
    program->flush = event_new(program->server.base, -1, EV_PERSIST, on_flush, program);
    if (program->flush == NULL || event_add(program->flush, &every) < 0)
        (void)event_base_loopbreak(program->server.base);
    on_flush(-1, 0, program);
}

static struct event *watch_signal(struct program *program, int number) {
    struct event *event = evsignal_new(program->server.base, number, on_stop, program);
    if (event == NULL || event_add(event, NULL) < 0)
        fatal("cannot watch signals");
    return event;
}

static void ready_as(struct program *program, const char *status) {
    if (program->ready != NULL) {
        event_free(take_ptr(program->ready));
        log_info("ready");
    }
    if (program->flush == NULL)
        service_ready(status);
}

/* Whoever is told "ready" may ask at once, and finds the schema there. */
static void on_begun(void *ctx) {
    ready_as(ctx, "Serving the business front door");
}

static void on_ready_late(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    ready_as(ctx, "Waiting for the database");
}

static void wait_for_database(struct program *program) {
    const struct timeval longest = {READY_MS / 1000, READY_MS % 1000 * 1000};
    program->ready = evtimer_new(program->server.base, on_ready_late, program);
    if (program->ready == NULL || evtimer_add(program->ready, &longest) < 0)
        fatal("out of memory");
    program->server.on_begun = on_begun;
    program->server.on_begun_ctx = program;
}

static void serve(struct program *program) {
    struct event_base *base = program->server.base;
    struct event *term = watch_signal(program, SIGTERM), *intr = watch_signal(program, SIGINT);
    struct service *service = NULL;
    if (service_new(base, &service) < 0)
        fatal("cannot feed the watchdog");
    wait_for_database(program);
    (void)event_base_dispatch(base);
    service_free(service);
    event_free(term);
    event_free(intr);
    if (program->flush != NULL)
        event_free(program->flush);
    if (program->ready != NULL)
        event_free(program->ready);
}

int main(int argc, char **argv) {
    static struct program program;
    char why[512] = "";
    log_open(PROGRAM);
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    struct config *config = config_from_args(
        argc, argv, PROGRAM,
        "Profiles, search, bookings and inquiries of businesses, behind the public gateway.", NULL);
    if (fds_close_except(NULL, 0) < 0)
        fatal("inherited descriptors cannot be closed");
    if (sodium_init() < 0)
        fatal("libsodium does not start");
    if (business_secret_load(config, program.server.secret, why, sizeof(why)) < 0)
        fatal("%s", why);
    const struct business_peers peers = {.public = uid_of(CLOISTER_USER_PUBLIC),
                                         .supervisor = uid_of(CLOISTER_USER_SUPERVISOR),
                                         .notify = uid_of(CLOISTER_USER_NOTIFY)};
    require_folder(config);
    if (confine_process(CLOISTER_USER_BUSINESS, confine_accepted(config), why, sizeof(why)) < 0)
        fatal("not confined: %s", why);
    if (why[0] != '\0')
        log_warn("%s", why);
    if (config_is_self_check())
        config_self_checked(PROGRAM);
    share_counts(&program.server, config); /* as the user that is to own them */
    /* Confined: from here on peers and their bytes. */
    event_set_fatal_callback(on_event_fatal);
    struct event_base *base = event_base_new();
    if (base == NULL || business_start(base, config, &program.server) < 0)
        fatal("the program cannot be put together: is business.database_url right?");
    if (business_links_new(&program.server, &peers, why, sizeof(why)) < 0)
        fatal("%s", why);
    serve(&program);
    business_end(&program.server);
    event_base_free(base);
    config_free(config);
    log_info("stopped");
    return 0;
}
