/* cloister-notify: tells owners and customers what happened to their bookings and inquiries, by
 * mail and by a signed webhook, from the outbox that cloister-business writes. Has a database role
 * that sees the outbox alone, the mail server's password, and the key that cloister-business seals
 * notices' links with; no token, no key of a user, no calendar, and no network but sockets that
 * cloister-egress connects to the configured hosts.
 *
 * DIAGNOSTICS
 *      Fatal: settings or secrets that cannot be used, walls that do not hold. A missing database,
 *      egress or mail server is not: notices wait. */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "build_config.h"
#include "business/notify_counts.h"
#include "business/notify_queue.h"
#include "ipc/confine.h"
#include "ipc/log.h"
#include "ipc/service.h"
#include "providers/connect_shim.h"

#define PROGRAM "cloister-notify"

static void on_event_fatal(int code) {
    panic("libevent gave up (%d)", code);
}

static void on_stop(evutil_socket_t number, short what, void *ctx) {
    (void)what;
    log_info("stopping on signal %d", (int)number);
    service_stopping();
    (void)event_base_loopbreak(ctx);
}

static struct event *watch_signal(struct event_base *base, int number) {
    struct event *event = evsignal_new(base, number, on_stop, base);
    if (event == NULL || event_add(event, NULL) < 0)
        fatal("cannot watch signals");
    return event;
}

static uid_t uid_of(const char *user) {
    uid_t uid = 0;
    gid_t gid = 0;
    if (user_lookup(user, &uid, &gid) < 0)
        fatal("there is no system user '%s'", user);
    return uid;
}

/* Its numbers for operators; without them it serves all the same. */
static void share_counts(const struct config *config) {
    char path[512];
    int r = config_runtime_path(config, "notify/metrics", path, sizeof(path));
    if (r == 0)
        r = counts_share(path);
    if (r < 0)
        log_warn("operators will not see this program's numbers: %s", strerror(-r));
}

static void serve(struct event_base *base) {
    struct event *term = watch_signal(base, SIGTERM), *intr = watch_signal(base, SIGINT);
    struct service *service = NULL;
    if (service_new(base, &service) < 0)
        fatal("cannot feed the watchdog");
    log_info("ready");
    service_ready("Delivering notices");
    (void)event_base_dispatch(base);
    service_free(service);
    event_free(term);
    event_free(intr);
}

int main(int argc, char **argv) {
    static struct notify_settings settings;
    struct queue *queue = NULL;
    char why[512] = "";
    log_open(PROGRAM);
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN); /* the launcher passes it to everybody */
    struct config *config =
        config_from_args(argc, argv, PROGRAM,
                         "Delivers notices of bookings and inquiries: mail and webhooks.", NULL);
    if (fds_close_except(NULL, 0) < 0)
        fatal("inherited descriptors cannot be closed");
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        fatal("libsodium or libcurl does not start");
    if (!connect_shim_active())
        fatal("libcurl's connect() does not come here: no delivery could begin");
    if (notify_settings_load(config, &settings, why, sizeof(why)) < 0)
        fatal("%s", why);
    settings.business = uid_of(CLOISTER_USER_BUSINESS);
    if (confine_process(CLOISTER_USER_NOTIFY, CONFINE_NO_INTERNET | confine_accepted(config), why,
                        sizeof(why)) < 0)
        fatal("not confined: %s", why);
    if (why[0] != '\0')
        log_warn("%s", why);
    if (config_is_self_check())
        config_self_checked(PROGRAM);
    share_counts(config); /* as the user that is to own them */
    /* Confined: from here on rows, and in processes of their own servers' answers. */
    event_set_fatal_callback(on_event_fatal);
    struct event_base *base = event_base_new();
    if (base == NULL ||
        queue_new(base, config_str(config, CONFIG_notify_database_url), &settings, &queue) < 0)
        fatal("the program cannot be put together: is notify.database_url right?");
    serve(base);
    queue_free(queue);
    event_base_free(base);
    notify_settings_wipe(&settings);
    config_free(config);
    curl_global_cleanup();
    log_info("stopped");
    return 0;
}
