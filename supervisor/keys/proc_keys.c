/* cloister-keys: holds the key-encryption key and the keyring, and hands a turn the keys of its own
 * user over a channel that was bound to that user at birth. Never has user data, the main database
 * or the network.
 *
 * Starts as its own user, or as root to read its files and then become it. Ends with 0 on SIGTERM.
 * A keyring that is damaged, or that another key-encryption key made, stops the start with a
 * sentence. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/log.h"
#include "ipc/metrics_page.h"
#include "ipc/service.h"
#include "ipc/swap.h"
#include "supervisor/keys/channels.h"

#define OTHER_FDS 128 /* stdio, the listener, peers, the keyring, the loop's own */

static void stop(evutil_socket_t signal, short what, void *ctx) {
    (void)what;
    log_info("stopping on signal %d", (int)signal);
    service_stopping();
    (void)event_base_loopbreak(ctx);
}

struct reload {
    const char *path; /* of the configuration */
    struct secrets *secrets;
};

/* The model's key and its address are read together, as they stand in the files now. */
static int read_again(const struct reload *reload, unsigned *ret_changed, char *why,
                      size_t why_len) {
    struct config *config = NULL;
    int r = config_load(reload->path, &config, why, why_len);
    if (r >= 0)
        r = secrets_reread(config, reload->secrets, ret_changed, why, why_len);
    config_free(config);
    return r;
}

/* Only files that this user may read; cloisterctl reload hands over what root alone may. */
static void reload(evutil_socket_t signal, short what, void *ctx) {
    (void)signal;
    (void)what;
    const struct reload *reload = ctx;
    char why[512] = "";
    unsigned changed = 0;
    service_reloading();
    if (read_again(reload, &changed, why, sizeof(why)) < 0)
        log_warn("not reloaded: %s (cloisterctl reload, as root, hands secrets over)", why);
    else
        log_info("reloaded: %u of the operator's secrets changed%s", changed,
                 reload->secrets->model_handed || reload->secrets->google_handed
                     ? "; what root handed over stays until root hands over another"
                     : "");
    service_ready("Serving keys");
}

static void loop_broken(int error) {
    panic("the event loop failed (%d)", error);
}

/* As many channels as the descriptor limit allows, up to CHANNELS_MAX. */
static size_t raise_descriptor_limit(void) {
    struct rlimit limit;
    const rlim_t wanted = CHANNELS_MAX + OTHER_FDS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        fatal("the descriptor limit cannot be read: %m");
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        fatal("the descriptor limit cannot be set: %m");
    if (limit.rlim_cur < 2 * OTHER_FDS)
        fatal("the descriptor limit is %lu; raise it (LimitNOFILE) to %lu",
              (unsigned long)limit.rlim_cur, (unsigned long)wanted);
    size_t channels = limit.rlim_cur - OTHER_FDS;
    if (channels < CHANNELS_MAX)
        log_warn("the descriptor limit allows %zu agents; raise it to %lu for %d", channels,
                 (unsigned long)wanted, CHANNELS_MAX);
    return channels;
}

static int listen_for_peers(const struct config *config) {
    char path[512];
    if (config_runtime_path(config, "keys/keys.sock", path, sizeof(path)) < 0)
        fatal("runtime.dir is too long");
    int fd = seq_listen(path, 0666); /* who may speak is decided by the peer's uid */
    if (fd == -ENOENT)
        fatal("%s cannot be made: its directory is missing (owner " CLOISTER_USER_KEYS
              ", mode 0711)",
              path);
    if (fd < 0)
        fatal("%s cannot be listened on: %s", path, strerror(-fd));
    return fd;
}

/* Its numbers for operators; without them it serves all the same. */
static struct metrics *share_counts(const struct config *config) {
    struct metrics *metrics = NULL;
    char path[512];
    int r = config_runtime_path(config, "keys/metrics", path, sizeof(path));
    if (r == 0)
        r = metrics_page_new(path, &metrics);
    if (r < 0)
        log_warn("operators will not see this program's numbers: %s", strerror(-r));
    else
        metrics_set(metrics, METRIC_START_TIME, PROGRAM_KEYS, (uint64_t)wall_ms() * 1000);
    return metrics;
}

static uid_t uid_of(const char *user) {
    uid_t uid = 0;
    gid_t gid = 0;
    if (user_lookup(user, &uid, &gid) < 0)
        fatal("there is no system user '%s'", user);
    return uid;
}

static struct event *catch_signal(struct event_base *base, int signal, event_callback_fn handle,
                                  void *ctx) {
    struct event *event = evsignal_new(base, signal, handle, ctx);
    if (event == NULL || event_add(event, NULL) < 0)
        fatal("signals cannot be caught");
    return event;
}

static void serve(const struct channels_setup *from, struct offers *offers,
                  const char *config_path) {
    struct channels_setup setup = *from;
    struct channels *channels = NULL;
    struct service *service = NULL;
    struct reload again = {config_path, offers->secrets};
    event_set_fatal_callback(loop_broken);
    setup.base = event_base_new();
    setup.offers = offers;
    if (setup.base == NULL || channels_new(&setup, &channels) < 0 ||
        rotation_new(setup.base, offers->keyring, &offers->rotation) < 0 ||
        service_new(setup.base, &service) < 0)
        fatal("the event loop cannot be made");
    struct event *term = catch_signal(setup.base, SIGTERM, stop, setup.base),
                 *intr = catch_signal(setup.base, SIGINT, stop, setup.base),
                 *hup = catch_signal(setup.base, SIGHUP, reload, &again);
    log_info("ready");
    service_ready("Serving keys");
    (void)event_base_dispatch(setup.base);
    event_free(term);
    event_free(intr);
    event_free(hup);
    service_free(service);
    rotation_free(offers->rotation);
    channels_free(channels);
    event_base_free(setup.base);
}

int main(int argc, char **argv) {
    char why[512] = "";
    struct secrets secrets;
    struct keyring *keyring = NULL;
    log_open("cloister-keys");
    (void)umask(077);
    if (fds_close_except(NULL, 0) < 0)
        fatal("descriptors cannot be closed: %m");
    struct config *config =
        config_from_args(argc, argv, "cloister-keys",
                         "Keeps the keys that seal users' tokens, apart from all else.", NULL);
    SCOPE_FREE char *config_path = config_file();
    if (config_path == NULL)
        fatal("its configuration: %s", strerror(errno));
    if (seal_init() < 0)
        fatal("libsodium does not start");
    if (swap_harmless(config))
        secret_unlocked_is_fine();
    if (secrets_load(config, &secrets, why, sizeof(why)) < 0)
        fatal("%s", why);
    struct channels_setup setup = {.supervisor_uid = uid_of(CLOISTER_USER_SUPERVISOR),
                                   .agent_uid = uid_of(CLOISTER_USER_AGENT),
                                   .max = raise_descriptor_limit(),
                                   .listener =
                                       config_is_self_check() ? -1 : listen_for_peers(config)};
    if (confine_process(CLOISTER_USER_KEYS, CONFINE_NO_INTERNET | confine_accepted(config), why,
                        sizeof(why)) < 0)
        fatal("not confined: %s", why);
    if (why[0] != '\0')
        log_warn("%s", why);
    if (config_is_self_check())
        config_self_checked("cloister-keys");
    /* Only now, so that the keyring and its journal belong to the right user whoever started this.
     */
    if (keyring_open(config_str(config, CONFIG_keys_keyring), secrets.kek, secrets.kek_next,
                     &keyring, why, sizeof(why)) < 0)
        fatal("%s", why);
    secret_free(take_ptr(secrets.kek)); /* the keyring has what it needs */
    secret_free(take_ptr(secrets.kek_next));
    setup.metrics = share_counts(config);
    const struct answers answers = {keyring, &secrets, config_u64(config, CONFIG_gateway_grant_ms)};
    setup.answers = &answers;
    struct offers offers = {&secrets, keyring, NULL};
    serve(&setup, &offers, config_path);
    (void)close(setup.listener);
    keyring_close(keyring);
    secrets_free(&secrets);
    config_free(config);
    return 0;
}
