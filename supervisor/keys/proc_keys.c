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
#include <systemd/sd-daemon.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/log.h"
#include "ipc/swap.h"
#include "supervisor/keys/channels.h"

#define OTHER_FDS 128 /* stdio, the listener, peers, the keyring, the loop's own */

static void stop(evutil_socket_t signal, short what, void *ctx) {
    (void)what;
    log_info("stopping on signal %d", (int)signal);
    (void)sd_notify(0, "STOPPING=1");
    (void)event_base_loopbreak(ctx);
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

static uid_t uid_of(const char *user) {
    uid_t uid = 0;
    gid_t gid = 0;
    if (user_lookup(user, &uid, &gid) < 0)
        fatal("there is no system user '%s'", user);
    return uid;
}

static struct event *catch_signal(struct event_base *base, int signal) {
    struct event *event = evsignal_new(base, signal, stop, base);
    if (event == NULL || event_add(event, NULL) < 0)
        fatal("signals cannot be caught");
    return event;
}

static void serve(const struct channels_setup *from) {
    struct channels_setup setup = *from;
    struct channels *channels = NULL;
    event_set_fatal_callback(loop_broken);
    setup.base = event_base_new();
    if (setup.base == NULL || channels_new(&setup, &channels) < 0)
        fatal("the event loop cannot be made");
    struct event *term = catch_signal(setup.base, SIGTERM),
                 *intr = catch_signal(setup.base, SIGINT);
    log_info("ready");
    (void)sd_notify(0, "READY=1");
    (void)event_base_dispatch(setup.base);
    event_free(term);
    event_free(intr);
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
    if (seal_init() < 0)
        fatal("libsodium does not start");
    if (swap_harmless(config))
        secret_unlocked_is_fine();
    if (secrets_load(config, &secrets, why, sizeof(why)) < 0)
        fatal("%s", why);
    struct channels_setup setup = {.supervisor_uid = uid_of(CLOISTER_USER_SUPERVISOR),
                                   .agent_uid = uid_of(CLOISTER_USER_AGENT),
                                   .max = raise_descriptor_limit(),
                                   .listener = listen_for_peers(config)};
    if (confine_process(CLOISTER_USER_KEYS, CONFINE_NO_INTERNET | confine_accepted(config), why,
                        sizeof(why)) < 0)
        fatal("not confined: %s", why);
    if (why[0] != '\0')
        log_warn("%s", why);
    /* Only now, so that the keyring and its journal belong to the right user whoever started this.
     */
    if (keyring_open(config_str(config, CONFIG_keys_keyring), secrets.kek, &keyring, why,
                     sizeof(why)) < 0)
        fatal("%s", why);
    const struct answers answers = {keyring, &secrets, config_u64(config, CONFIG_gateway_grant_ms)};
    setup.answers = &answers;
    serve(&setup);
    (void)close(setup.listener);
    keyring_close(keyring);
    secrets_free(&secrets);
    config_free(config);
    return 0;
}
