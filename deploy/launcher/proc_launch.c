/* cloister-launch: starts Cloister's programs where there is no systemd, each as its own user, and
 * keeps them running: a program that dies is started again at once, with a doubling delay when it
 * keeps dying. What it offers them is what systemd does, so that they have one way for both:
 * listeners that outlive a restart (sd_listen_fds), NOTIFY_SOCKET, a store for descriptors.
 *
 * DIAGNOSTICS: exit 1 when the configuration or a directory is not usable; a program that cannot be
 * started is logged and tried again, at most every 5 s. SIGTERM stops all in reverse order, 25 s
 * each at most. Nothing is started as root but what programs.def lists so. */
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "build_config.h"
#include "deploy/launcher/notify.h"
#include "deploy/launcher/restart.h"
#include "ipc/config.h"
#include "ipc/folder.h"
#include "ipc/log.h"
#include "ipc/message.h"

struct launcher {
    struct program_world world;
    struct restart *restart;
    int signals, notify;
};

static const struct passwd *user_of(const char *name) {
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        fatal("there is no user %s; create it with 'useradd --system %s'", name, name);
    return user;
}

static void make_folder(const char *path, const char *owner, mode_t mode) {
    const struct passwd *user = user_of(owner);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        fatal("cannot make %s: %s", path, strerror(errno));
    int r = folder_give(path, user->pw_uid, user->pw_gid, mode);
    if (r == -ENOTDIR || r == -ELOOP)
        fatal("%s is not a folder itself, perhaps a link: it is not given to %s", path, owner);
    if (r < 0)
        fatal("cannot give %s to %s: %s", path, owner, strerror(-r));
}

/* Folders that each program finds its sockets in; only their owners may make names there. */
static void make_folders(const struct config *config) {
    const char *run = config_str(config, CONFIG_runtime_dir);
    char path[512];
    make_folder(run, CLOISTER_USER_SUPERVISOR, 0711);
    (void)snprintf(path, sizeof(path), "%s/agents", run);
    make_folder(path, CLOISTER_USER_SUPERVISOR, 0711);
    for (size_t i = 0; i < program_count; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", run, programs[i].folder);
        make_folder(path, programs[i].folder_user, 0711);
    }
    (void)snprintf(path, sizeof(path), "%s", config_str(config, CONFIG_keys_keyring));
    make_folder(dirname(path), CLOISTER_USER_KEYS, 0700);
}

static int signals_open(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        fatal("sigprocmask: %s", strerror(errno));
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        fatal("signalfd: %s", strerror(errno));
    return fd;
}

static bool read_signal(int fd, bool stopping) {
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            return true;
        if (info.ssi_signo == SIGHUP && !stopping)
            programs_signal(SIGHUP);
    }
    return false;
}

/* What programs said comes before their ends: their last words may bring descriptors. */
static void take_in(struct launcher *launcher, bool stopping) {
    notify_read(launcher->notify);
    programs_reap(stopping);
}

static int sooner(int a, int b) {
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

static void supervise(struct launcher *launcher) {
    for (;;) {
        int wait = restart_go_on(launcher->restart);
        wait = sooner(wait, programs_due(&launcher->world));
        struct pollfd fds[] = {{.fd = launcher->signals, .events = POLLIN},
                               {.fd = launcher->notify, .events = POLLIN},
                               {.fd = restart_fd(launcher->restart), .events = POLLIN}};
        if (poll(fds, COUNT_OF(fds), wait) < 0 && errno != EINTR)
            fatal("poll: %s", strerror(errno));
        if (read_signal(launcher->signals, false))
            return;
        take_in(launcher, false);
        if (fds[2].revents != 0)
            restart_accept(launcher->restart);
    }
}

/* In the reverse order, each once the one before has ended. */
static void stop_all(struct launcher *launcher) {
    for (size_t i = 0; i < program_count; i++)
        programs[i].held = true;
    for (size_t i = program_count; i-- > 0;) {
        program_stop(&programs[i]);
        while (programs[i].pid != 0) {
            struct pollfd fds[] = {{.fd = launcher->signals, .events = POLLIN},
                                   {.fd = launcher->notify, .events = POLLIN}};
            (void)poll(fds, COUNT_OF(fds), programs_due(&launcher->world));
            (void)read_signal(launcher->signals, true);
            take_in(launcher, true);
        }
    }
}

/* Whether the launcher that runs now says that every program is ready. */
static int answer_ready(const struct config *config) {
    char path[256], answer[1024], *save = NULL;
    if (config_runtime_path(config, "launch.sock", path, sizeof(path)) < 0)
        return 100;
    const struct timeval wait = {.tv_sec = 2};
    SCOPE_FD int fd = seq_connect(path);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
        send(fd, "list", 4, MSG_NOSIGNAL) != 4)
        return 1;
    ssize_t len = recv(fd, answer, sizeof(answer) - 1, 0);
    if (len <= 0)
        return 1;
    answer[len] = '\0';
    int left = 0;
    for (char *line = strtok_r(answer, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char name[64], state[16];
        if (sscanf(line, "%63s %*d %15s", name, state) == 2 && strcmp(state, "ready") != 0) {
            printf("%s is %s\n", name, state);
            left = 1;
        }
    }
    return left;
}

/* print SECTION.KEY and is-set SECTION.KEY: for scripts, so that they need no parser of their
 * own. */
static int answer_question(const struct config *config, const char *question, const char *name) {
    enum config_key key;
    if (config_key_of(name, &key) < 0) {
        fprintf(stderr, "cloister-launch: there is no setting %s\n", name);
        return 100;
    }
    if (strcmp(question, "is-set") == 0)
        return config_is_set(config, key) ? 0 : 1;
    if (strcmp(question, "print") != 0) {
        fprintf(stderr, "cloister-launch: what is %s? Try --help\n", question);
        return 100;
    }
    puts(config_str(config, key));
    return 0;
}

static const char about[] =
    "Starts Cloister's programs, each as its own user, and restarts those that die. For machines\n"
    "without systemd, run as root. SIGTERM stops all; SIGHUP is passed on.\n\n"
    "cloister-launch --config FILE print SECTION.KEY    prints a setting\n"
    "cloister-launch --config FILE is-set SECTION.KEY   exit 0 when FILE or the environment sets "
    "it\n"
    "cloister-launch --config FILE ready                exit 0 when every program that runs by "
    "FILE "
    "is ready";

int main(int argc, char **argv) {
    int rest = 0;
    log_open("cloister-launch");
    struct config *config = config_from_args(argc, argv, "cloister-launch", about, &rest);
    if (rest + 1 == argc && strcmp(argv[rest], "ready") == 0) {
        int status = answer_ready(config);
        config_free(config);
        return status;
    }
    if (rest + 1 < argc) {
        int status = answer_question(config, argv[rest], argv[rest + 1]);
        config_free(config);
        return status;
    }
    if (config_is_self_check())
        config_self_checked("cloister-launch");
    if (geteuid() != 0)
        fatal("run this as root: each program gets a user of its own");
    SCOPE_FREE char *config_path = config_file();
    if (config_path == NULL)
        fatal("its configuration: %s", strerror(errno));
    char notify[NOTIFY_ADDRESS_MAX];
    struct launcher launcher = {.world = {config, config_path, CLOISTER_SBIN_DIR, notify}};
    if (restart_is_served(config))
        fatal("another cloister-launch runs these programs already");
    make_folders(config);
    launcher.signals = signals_open();
    launcher.notify = notify_open(notify);
    if (launcher.notify < 0)
        fatal("the programs' messages cannot be received: %s", strerror(-launcher.notify));
    int r = restart_new(&launcher.world, &launcher.restart);
    if (r < 0)
        fatal("cannot listen on launch.sock: %s", strerror(-r));
    supervise(&launcher);
    log_info("stopping");
    stop_all(&launcher);
    restart_free(launcher.restart);
    config_free(config);
    return 0;
}
