/* cloister-agent: the zygote of all agents. Set-user-ID to its own user, started by cloisterd
 * alone.
 *
 * main is the ladder: each rung gives something up, and after the last there is only the loop. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "agent/heap.h"
#include "agent/probe.h"
#include "agent/relax.h"
#include "agent/zygote.h"
#include "build_config.h"
#include "ipc/log.h"

#define CHANNEL_TIMEOUT_S 5

extern char **environ;

/* Only settings pass: cloisterd and its agents must read the same. */
static void clear_environment(void) {
    char **kept = environ;
    for (char **at = environ; at != NULL && *at != NULL; at++)
        if (strncmp(*at, "CLOISTER_", 9) == 0)
            *kept++ = *at;
    if (kept != NULL)
        *kept = NULL;
}

static int channel_open(const struct config *config, const char *name) {
    char path[256];
    int fd = config_runtime_path(config, name, path, sizeof(path));
    if (fd == 0)
        fd = seq_connect(path);
    if (fd < 0)
        fatal("cannot reach %s/%s: %s; is its program running?",
              config_str(config, CONFIG_runtime_dir), name, strerror(-fd));
    struct timeval longest = {CHANNEL_TIMEOUT_S, 0};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest)) < 0)
        fatal("cannot set a timeout on %s: %s", name, strerror(errno));
    return fd;
}

static void check_heritage(void) {
    int type = 0;
    socklen_t len = sizeof(type);
    if (getsockopt(ZYGOTE_SUPERVISOR_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        type != SOCK_SEQPACKET || fcntl(ZYGOTE_AGENTS_FD, F_GETFD) < 0)
        fatal("this program is started by cloisterd, not by hand");
    if (dup2(STDIN_FILENO, STDOUT_FILENO) < 0)
        fatal("no stdin: %s", strerror(errno));
    struct timeval longest = {CHANNEL_TIMEOUT_S, 0};
    (void)setsockopt(ZYGOTE_SUPERVISOR_FD, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest));
}

static void close_others(const struct zygote *zygote) {
    int keep[] = {ZYGOTE_SUPERVISOR_FD, ZYGOTE_AGENTS_FD, zygote->keys_fd, zygote->egress_fd};
    int r = fds_close_except(keep, COUNT_OF(keep));
    if (r < 0)
        fatal("cannot close what was inherited: %s", strerror(-r));
}

static int accepts(const char *word, void *ctx) {
    return strcmp(word, ctx) == 0;
}

static bool accepted(const struct config *config, enum wall_property property) {
    char name[32];
    (void)snprintf(name, sizeof(name), "%s", wall_name(property));
    return config_list(config, CONFIG_runtime_accept_missing_walls, accepts, name) == 1 ||
           strcmp(name, relax.accepted_property) == 0;
}

/* Namespaces may only be missing when everything that they alone give is accepted as missing; the
 * probes tell. */
static bool enter_namespaces(const struct config *config) {
    char why[256];
    int r = walls_namespaces(why, sizeof(why));
    if (r == 0)
        return true;
    if ((r != -EPERM && r != -ENOSPC && r != -EINVAL) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || !accepted(config, WALL_FILES))
        fatal("%s", why);
    log_warn("%s", why);
    return false;
}

static void report_walls(const struct config *config, const struct probe_report *report) {
    Cloister__WallReport rows[WALL_MAX];
    Cloister__WallReport *list[WALL_MAX];
    for (unsigned i = 0; i < WALL_MAX; i++) {
        rows[i] = (Cloister__WallReport)CLOISTER__WALL_REPORT__INIT;
        rows[i].property = (char *)(uintptr_t)wall_name((enum wall_property)i);
        rows[i].layers = (char *)(uintptr_t)report[i].layers;
        rows[i].held = report[i].held;
        list[i] = &rows[i];
        if (!report[i].held && !accepted(config, (enum wall_property)i))
            fatal("the wall \"%s\" is missing: %s; name it in [runtime] accept_missing_walls to "
                  "start without it",
                  wall_name((enum wall_property)i), report[i].through);
    }
    Cloister__ZygoteHello hello = CLOISTER__ZYGOTE_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.n_walls = WALL_MAX;
    hello.walls = list;
    Cloister__Message message = MSG_OF(ZYGOTE_HELLO, zygote_hello, &hello);
    int r = seq_send(ZYGOTE_SUPERVISOR_FD, &message, -1);
    if (r < 0)
        fatal("cloisterd does not listen: %s", strerror(-r));
}

int main(int argc, char **argv) {
    clear_environment();
    log_open("cloister-agent");
    int rest = 0;
    struct config *config = config_from_args(
        argc, argv, "cloister-agent", "Zygote of Cloister's agents; cloisterd starts it.", &rest);
    int r = walls_identity();
    if (r < 0)
        fatal("must be installed set-user-ID to %s: %s", CLOISTER_USER_AGENT, strerror(-r));
    environ = NULL;
    (void)signal(SIGPIPE, SIG_IGN);
    check_heritage();

    struct zygote zygote = {0};
    struct turn_world *world = NULL;
    char why[512] = "";
    r = turn_world_new(config, &world, why, sizeof(why));
    if (r < 0)
        fatal("%s", why[0] != '\0' ? why : strerror(-r));
    environ = NULL; /* warming the zone database has set TZ */
    zygote.world = world;
    if (RAND_status() != 1) /* OpenSSL's generators are made here; each turn reseeds its copy */
        fatal("OpenSSL has no randomness");
    zygote.keys_fd = channel_open(config, "keys/keys.sock");
    zygote.egress_fd = channel_open(config, "egress/egress.sock");
    close_others(&zygote);

    bool namespaces = enter_namespaces(config);
    r = walls_prepare(&zygote.walls, namespaces, why, sizeof(why));
    if (r < 0)
        fatal("%s", why);
    struct probe_report report[WALL_MAX];
    r = probe_walls(&zygote.walls, report);
    if (r < 0)
        fatal("cannot try the walls: %s", strerror(-r));
    report_walls(config, report);
    heap_settle();
    return zygote_serve(&zygote); /* confined */
}
