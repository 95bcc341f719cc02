#include "supervisor/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FIRST_FREE 16 /* sources of dup2 stay clear of its targets */

extern char **environ;

/* Sections that the agent program reads. The others may name what it has no business with. */
static const char *const passed[] = {"CLOISTER_MODEL_",  "CLOISTER_GOOGLE_",  "CLOISTER_AGENTS_",
                                     "CLOISTER_EGRESS_", "CLOISTER_RUNTIME_", "CLOISTER_GATEWAY_",
                                     "CLOISTER_DEBUG="};

static char **agent_environment(void) {
    size_t n = 0, kept = 0;
    while (environ[n] != NULL)
        n++;
    char **env = calloc(n + 1, sizeof(*env));
    if (env == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < COUNT_OF(passed); p++)
            if (strncmp(environ[i], passed[p], strlen(passed[p])) == 0)
                env[kept++] = environ[i];
    return env;
}

static int fill_actions(posix_spawn_file_actions_t *actions, const int *from, size_t n) {
    int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(actions, STDIN_FILENO, STDOUT_FILENO);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = posix_spawn_file_actions_adddup2(actions, from[i], STDERR_FILENO + (int)i);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + (int)n);
    return r;
}

static int fill_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int r = posix_spawnattr_setsigmask(attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(attributes, &all);
    if (r == 0)
        r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                     POSIX_SPAWN_SETSID);
    return r;
}

static int spawn_with(const char *program, const char *config, const int *from, size_t n,
                      pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    SCOPE_FREE char **env = agent_environment();
    char *argv[] = {"cloister-agent", "--config", (char *)config, NULL};
    if (env == NULL || posix_spawn_file_actions_init(&actions) != 0)
        return -ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return -ENOMEM;
    }
    int r = fill_actions(&actions, from, n);
    if (r == 0)
        r = fill_attributes(&attributes);
    if (r == 0)
        r = posix_spawn(ret_pid, program, &actions, &attributes, argv, env);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return -r;
}

static int open_pidfd(pid_t pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0u);
    return fd < 0 ? -errno : fd;
}

int process_spawn_agent_program(const char *program, const char *config, int log_fd, int channel_fd,
                                int agents_dir_fd, pid_t *ret_pid, int *ret_pidfd) {
    int given[] = {log_fd, channel_fd, agents_dir_fd}, from[COUNT_OF(given)];
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        from[i] = fcntl(given[i], F_DUPFD_CLOEXEC, FIRST_FREE);
        if (from[i] < 0)
            r = -errno;
    }
    pid_t pid = 0;
    if (r == 0)
        r = spawn_with(program, config, from, COUNT_OF(from), &pid);
    for (size_t i = 0; i < COUNT_OF(from); i++)
        if (from[i] >= 0)
            (void)close(from[i]);
    if (r < 0)
        return r;
    int pidfd = open_pidfd(pid); /* not reaped yet, so the number is still its own */
    if (pidfd < 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return pidfd;
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return 0;
}

int process_kill(int pidfd) {
    return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0u) < 0 ? -errno : 0;
}

static bool reap(int pidfd, int flags, siginfo_t *info) {
    int r;
    do {
        *info = (siginfo_t){0};
        r = waitid(P_PIDFD, (id_t)pidfd, info, WEXITED | __WALL | flags);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? errno == ECHILD : info->si_pid != 0;
}

bool process_reap_signal(int pidfd, char *how, size_t how_len, int *ret_signal) {
    siginfo_t info;
    if (!reap(pidfd, WNOHANG, &info))
        return false;
    *ret_signal = info.si_pid != 0 && info.si_code != CLD_EXITED ? info.si_status : 0;
    if (how != NULL && info.si_code == CLD_EXITED)
        (void)snprintf(how, how_len, "exit status %d", info.si_status);
    else if (how != NULL && info.si_pid != 0)
        (void)snprintf(how, how_len, "killed by signal %d", info.si_status);
    else if (how != NULL)
        (void)snprintf(how, how_len, "reaped already");
    return true;
}

bool process_reap(int pidfd, char *how, size_t how_len) {
    int signal;
    return process_reap_signal(pidfd, how, how_len, &signal);
}

bool process_reap_now(int pidfd) {
    siginfo_t info;
    return reap(pidfd, 0, &info);
}

bool process_alive(int pidfd) {
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    return poll(&wait, 1, 0) == 0;
}

int process_adopt(pid_t pid) {
    siginfo_t info;
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL | WNOHANG | WNOWAIT) < 0)
        return -errno;
    return open_pidfd(pid);
}
