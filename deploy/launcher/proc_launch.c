/* cloister-launch: starts Cloister's programs where there is no systemd, each as its own user, and
 * keeps them running: a program that dies is started again at once, with a doubling delay when it
 * keeps dying.
 *
 * DIAGNOSTICS: exit 1 when the configuration or a directory is not usable; a program that cannot be
 * started is logged and tried again, at most every 5 s. SIGTERM stops all in reverse order, 25 s
 * each at most. Nothing is started as root but what programs.def lists so. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build_config.h"
#include "ipc/config.h"
#include "ipc/log.h"

#define STOP_MS       25000u /* cloisterd drains for up to 20 s */
#define YOUNG_MS      5000u  /* dying younger than this counts as a failed start */
#define DELAY_BASE_MS 50u
#define DELAY_MAX_MS  5000u

struct program {
    const char *name, *user, *folder, *folder_user;
    pid_t pid; /* 0: not running */
    uint64_t started_ms, retry_ms;
    unsigned deaths; /* in a row, each young */
};

#define PROGRAM(name, user, folder, folder_user) {name, user, folder, folder_user, 0, 0, 0, 0},
static struct program programs[] = {
#include "deploy/programs.def"
};
#undef PROGRAM

static const char *config_path, *program_dir;

static const struct passwd *user_of(const char *name) {
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        fatal("there is no user %s; create it with 'useradd --system %s'", name, name);
    return user;
}

static void make_folder(const char *path, const char *owner, mode_t mode) {
    const struct passwd *user = user_of(owner);
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        fatal("cannot make %s: %s", path, strerror(errno));
    if (chown(path, user->pw_uid, user->pw_gid) < 0 || chmod(path, mode) < 0)
        fatal("cannot give %s to %s: %s", path, owner, strerror(errno));
}

/* Folders that each program finds its sockets in; only their owners may make names there. */
static void make_folders(const struct config *config) {
    const char *run = config_str(config, CONFIG_runtime_dir);
    char path[512];
    make_folder(run, CLOISTER_USER_SUPERVISOR, 0711);
    (void)snprintf(path, sizeof(path), "%s/agents", run);
    make_folder(path, CLOISTER_USER_SUPERVISOR, 0711);
    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", run, programs[i].folder);
        make_folder(path, programs[i].folder_user, 0711);
    }
    (void)snprintf(path, sizeof(path), "%s", config_str(config, CONFIG_keys_keyring));
    make_folder(dirname(path), CLOISTER_USER_KEYS, 0700);
}

static void become(const char *name) {
    if (strcmp(name, "root") == 0)
        return;
    const struct passwd *user = user_of(name);
    if (initgroups(name, user->pw_gid) < 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
        fatal("cannot become %s: %s", name, strerror(errno));
}

/* Only settings pass on; whatever else is in the operator's environment is not for these programs.
 * All is bound at the start: the loader saves every vector register on the stack when a library's
 * function is first called, and what was copied last may still be in one. */
static char **clean_environment(void) {
    static char *kept[256];
    size_t n = 0;
    kept[n++] = strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
    kept[n++] = strdup("LD_BIND_NOW=1");
    for (char **e = environ; *e != NULL && n + 1 < COUNT_OF(kept); e++)
        if (config_is_environment(*e) || strncmp(*e, "CLOISTER_DEBUG=", 15) == 0)
            kept[n++] = *e;
    return kept;
}

static NORETURN void run_program(const struct program *program) {
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    (void)setrlimit(RLIMIT_MEMLOCK, &unlimited); /* each locks its memory where there is swap */
    become(program->user);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* after the uid change, which would clear it */
    if (fds_close_except(NULL, 0) < 0 || chdir("/") < 0)
        fatal("%s: cannot prepare: %s", program->name, strerror(errno));
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", program_dir, program->name);
    char *const args[] = {(char *)program->name, (char *)"--config", (char *)config_path, NULL};
    (void)execve(path, args, clean_environment());
    fatal("cannot start %s: %s", path, strerror(errno));
}

static void start(struct program *program) {
    pid_t pid = fork();
    if (pid == 0)
        run_program(program);
    program->started_ms = clock_ms();
    if (pid > 0) {
        program->pid = pid;
        log_info("started %s, pid %d", program->name, (int)pid);
        return;
    }
    log_error("cannot fork for %s: %s", program->name, strerror(errno));
    program->retry_ms = clock_ms() + DELAY_MAX_MS;
}

static struct program *program_of(pid_t pid) {
    for (size_t i = 0; i < COUNT_OF(programs); i++)
        if (programs[i].pid == pid)
            return &programs[i];
    return NULL;
}

static void note_death(pid_t pid, int status, bool stopping) {
    struct program *program = program_of(pid);
    if (program == NULL)
        return;
    program->pid = 0;
    if (stopping)
        return;
    program->deaths = clock_ms() - program->started_ms < YOUNG_MS ? program->deaths + 1 : 0;
    uint64_t delay =
        program->deaths < 2 ? 0 : backoff_ms(program->deaths - 2, DELAY_BASE_MS, DELAY_MAX_MS);
    program->retry_ms = clock_ms() + delay;
    log_warn("%s ended (%s %d), death %u in a row; starting it again in %u ms", program->name,
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), program->deaths + 1,
             (unsigned)delay);
}

static void reap(bool stopping) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        note_death(pid, status, stopping);
}

/* Starts what is due; returns how long to wait for the next, -1 when all run. */
static int start_due(void) {
    int wait = -1;
    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        struct program *program = &programs[i];
        if (program->pid != 0)
            continue;
        uint64_t now = clock_ms();
        if (now >= program->retry_ms) {
            start(program);
            continue;
        }
        int left = (int)(program->retry_ms - now);
        if (wait < 0 || left < wait)
            wait = left;
    }
    return wait;
}

static void stop_one(struct program *program, int signals) {
    if (program->pid == 0)
        return;
    (void)kill(program->pid, SIGTERM);
    for (uint64_t end = clock_ms() + STOP_MS; program->pid != 0;) {
        uint64_t now = clock_ms();
        if (now >= end) {
            log_warn("%s does not stop; killing it", program->name);
            (void)kill(program->pid, SIGKILL);
            end = now + STOP_MS;
        }
        struct pollfd wait = {.fd = signals, .events = POLLIN};
        struct signalfd_siginfo info;
        if (poll(&wait, 1, (int)(end - clock_ms() + 1)) > 0)
            (void)!read(signals, &info, sizeof(info));
        reap(true);
    }
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
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        fatal("signalfd: %s", strerror(errno));
    return fd;
}

static void reload_all(void) {
    for (size_t i = 0; i < COUNT_OF(programs); i++)
        if (programs[i].pid != 0)
            (void)kill(programs[i].pid, SIGHUP);
}

static void supervise(int signals) {
    for (;;) {
        struct pollfd wait = {.fd = signals, .events = POLLIN};
        struct signalfd_siginfo info;
        if (poll(&wait, 1, start_due()) <= 0 || read(signals, &info, sizeof(info)) != sizeof(info))
            continue;
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            return;
        if (info.ssi_signo == SIGHUP)
            reload_all();
        reap(false);
    }
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
    "it";

static const char *path_of_config(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--config") == 0)
            return argv[i + 1];
    return "/etc/cloister/cloister.conf";
}

int main(int argc, char **argv) {
    int rest = 0;
    log_open("cloister-launch");
    struct config *config = config_from_args(argc, argv, "cloister-launch", about, &rest);
    if (rest + 1 < argc) {
        int status = answer_question(config, argv[rest], argv[rest + 1]);
        config_free(config);
        return status;
    }
    if (geteuid() != 0)
        fatal("run this as root: each program gets a user of its own");
    config_path = path_of_config(argc, argv);
    program_dir = CLOISTER_SBIN_DIR;
    make_folders(config);
    int signals = signals_open();
    supervise(signals);
    log_info("stopping");
    for (size_t i = COUNT_OF(programs); i-- > 0;)
        stop_one(&programs[i], signals);
    config_free(config);
    return 0;
}
