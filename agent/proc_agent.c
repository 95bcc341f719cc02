/* cloister-agent: the zygote of all agents. Set-user-ID to its own user, started by cloisterd
 * alone.
 *
 * main is the ladder: each rung gives something up, and after the last there is only the loop. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "agent/heap.h"
#include "agent/probe.h"
#include "agent/relax.h"
#include "agent/spare.h"
#include "agent/zygote.h"
#include "build_config.h"
#include "ipc/log.h"

#define CHANNEL_TIMEOUT_S  5
#define EXIT_WALLS_MISSING 2

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

/* The file's mode lets cloisterd's group start it, which is the operators' as well; keys and egress
 * would take whoever did for cloisterd's. */
static void check_starter(void) {
    const struct passwd *supervisor = getpwnam(CLOISTER_USER_SUPERVISOR);
    if (supervisor == NULL)
        fatal("there is no user " CLOISTER_USER_SUPERVISOR);
    if (getuid() != supervisor->pw_uid && getuid() != 0)
        fatal("this program is started by cloisterd alone");
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

/* Which layers the kernel refused is not decisive, but the reason for what the probes then find. */
static bool enter_namespaces(char *why, size_t why_len) {
    int r = walls_namespaces(why, why_len);
    /* A table, since gcc 12.2 compiles the chain of comparisons to one that 0 does not pass. */
    static const int refusals[] = {0, -EPERM, -ENOSPC, -EINVAL, -ENOSYS};
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(refusals); i++)
        known = known || r == refusals[i];
    if (!known)
        fatal("%s", why);
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        fatal("no_new_privs is missing, without which no wall holds");
    return r == 0;
}

/* What each property is given by. True when all hold, or are accepted as missing; cloisterd ends
 * with the reason when not. */
static bool report_walls(const struct config *config, const struct probe_report *report,
                         char *lacking) {
    Cloister__WallReport rows[WALL_MAX];
    Cloister__WallReport *list[WALL_MAX];
    bool all = true;
    for (unsigned i = 0; i < WALL_MAX; i++) {
        rows[i] = (Cloister__WallReport)CLOISTER__WALL_REPORT__INIT;
        rows[i].property = (char *)(uintptr_t)wall_name((enum wall_property)i);
        rows[i].layers = (char *)(uintptr_t)report[i].layers;
        rows[i].held = report[i].held;
        if (!report[i].held) {
            rows[i].through = (char *)(uintptr_t)report[i].through;
            rows[i].accepted = accepted(config, (enum wall_property)i);
            all = all && rows[i].accepted;
        }
        list[i] = &rows[i];
    }
    Cloister__ZygoteHello hello = CLOISTER__ZYGOTE_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.n_walls = WALL_MAX;
    hello.walls = list;
    hello.lacking = lacking;
    Cloister__Message message = MSG_OF(ZYGOTE_HELLO, zygote_hello, &hello);
    int r = seq_send(ZYGOTE_SUPERVISOR_FD, &message, -1);
    if (r < 0)
        fatal("cloisterd does not listen: %s", strerror(-r));
    return all;
}

/* One sentence of what the kernel lacks; the probes have noted in `walls` what they ran into. */
static void say_lacking(const struct walls *walls, bool namespaces, char *text, size_t len) {
    const struct {
        bool lacks;
        const char *what;
    } layers[] = {
        {walls->landlock_abi == 0, "Landlock"},
        {walls->no_filters, "seccomp"},
        {namespaces && !walls->namespaces, "user namespaces for agents"},
        {walls->namespaces && !walls->pid_namespace,
         "PID namespaces for agents (user.max_pid_namespaces)"},
    };
    for (size_t i = 0; i < COUNT_OF(layers); i++)
        if (layers[i].lacks) {
            size_t used = strlen(text);
            (void)snprintf(text + used, len - used, "%sthe kernel gives no %s",
                           used > 0 ? "; " : "", layers[i].what);
        }
}

int main(int argc, char **argv) {
    clear_environment();
    log_open("cloister-agent");
    int rest = 0;
    struct config *config = config_from_args(
        argc, argv, "cloister-agent", "Zygote of Cloister's agents; cloisterd starts it.", &rest);
    if (!config_is_self_check())
        check_starter();
    int r = walls_identity();
    if (r < 0)
        fatal("must be installed set-user-ID to %s: %s", CLOISTER_USER_AGENT, strerror(-r));
    environ = NULL;
    (void)signal(SIGPIPE, SIG_IGN);
    if (!config_is_self_check())
        check_heritage();

    struct zygote zygote = {0};
    struct turn_world *world = NULL;
    char why[512] = "";
    r = turn_world_new(config, &world, why, sizeof(why));
    if (r < 0)
        fatal("%s", why[0] != '\0' ? why : strerror(-r));
    if (config_is_self_check())
        config_self_checked("cloister-agent");
    environ = NULL; /* warming the zone database has set TZ */
    zygote.world = world;
    if (RAND_status() != 1) /* OpenSSL's generators are made here; each turn reseeds its copy */
        fatal("OpenSSL has no randomness");
    zygote.keys_fd = channel_open(config, "keys/keys.sock");
    zygote.egress_fd = channel_open(config, "egress/egress.sock");
    close_others(&zygote);

    char lacking[512] = "";
    const bool no_swap = swap_absent(); /* while there is a /proc to ask */
    bool namespaces = enter_namespaces(lacking, sizeof(lacking));
    r = walls_prepare(&zygote.walls, namespaces, why, sizeof(why));
    if (r < 0)
        fatal("%s", why);
    zygote.walls.no_swap = no_swap;
    struct probe_report report[WALL_MAX];
    r = probe_walls(&zygote.walls, report);
    if (r < 0)
        fatal("cannot try the walls: %s", strerror(-r));
    zygote.walls.may_swap = accepted(config, WALL_LEFTOVERS);
    say_lacking(&zygote.walls, namespaces, lacking, sizeof(lacking));
    if (!report_walls(config, report, lacking))
        return EXIT_WALLS_MISSING;
    heap_settle();
    r = walls_zygote(&zygote.walls);
    if (r < 0)
        fatal("the zygote's own filter cannot be loaded: %s", strerror(-r));
    (void)spare_libraries();
    _exit(zygote_serve(&zygote)); /* confined */
}
