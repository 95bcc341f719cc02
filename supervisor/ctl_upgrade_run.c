#include "supervisor/ctl_upgrade_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "ipc/config.h"

ssize_t file_read_some(const char *path, char *out, size_t cap) {
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);
    if (n < 0)
        return -errno;
    out[n] = '\0';
    return n;
}

static int spawn(const char *const *args, int output, pid_t *ret) {
    char *environment[64] = {(char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                             (char *)(uintptr_t) "LD_BIND_NOW=1"};
    size_t n = 2;
    for (char **e = environ; *e != NULL && n + 1 < COUNT_OF(environment); e++)
        if (config_is_environment(*e))
            environment[n++] = *e;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t all;
    sigfillset(&all);
    int r = posix_spawn_file_actions_init(&files);
    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&how);
    if (r != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return -r;
    }
    /* A group of its own, ended as one; signals as anybody else starts with. */
    r = posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(&how, &all);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&files, output, 1);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&files, output, 2);
    if (r == 0)
        r = posix_spawnp(ret, args[0], &files, &how, (char *const *)(uintptr_t)args, environment);
    (void)posix_spawnattr_destroy(&how);
    (void)posix_spawn_file_actions_destroy(&files);
    return -r;
}

/* Reads until nobody can write any more. False: too late. */
static bool read_until_end(int fd, uint64_t deadline, char *said, size_t cap) {
    size_t used = 0;
    char rest[512];
    for (;;) {
        uint64_t now = clock_ms();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (now >= deadline || poll(&wait, 1, (int)(deadline - now)) <= 0)
            return false;
        ssize_t n =
            used + 1 < cap ? read(fd, said + used, cap - 1 - used) : read(fd, rest, sizeof(rest));
        if (n <= 0)
            return true;
        if (used + 1 < cap) {
            used += (size_t)n;
            said[used] = '\0';
        }
    }
}

int upgrade_run(const char *const *args, unsigned timeout_ms, char *said, size_t cap) {
    int ends[2], status = 0;
    pid_t pid = 0;
    said[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    SCOPE_FD int in = ends[0];
    int r = spawn(args, ends[1], &pid);
    (void)close(ends[1]);
    if (r < 0)
        return r;
    bool ended = read_until_end(in, clock_ms() + timeout_ms, said, cap);
    if (!ended)
        (void)kill(-pid, SIGKILL);
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    if (!ended)
        return -ETIME;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
