/* Between the product's walls and those who put them up, by the linker's --wrap: each function
 * passes on, unless its wall is taken away (walls_off.h). */
#include "tests/hostile/walls_off.h"

#include <errno.h>
#include <linux/sched.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/landlock.h"
#include "agent/probe.h"
#include "agent/walls.h"
#include "build_config.h"

#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

extern char **environ;

/* ---- agents and turns ---- */

static bool turn; /* this process is one: the next filter is its own, tighter one */

WRAP(int, filter_load, const struct filter *filter) {
    if (wall_off("seccomp") || (turn && wall_off("turn-seccomp")))
        return 0;
    return __real_filter_load(filter);
}

WRAP(int, walls_turn, const struct walls *walls) {
    turn = true;
    return __real_walls_turn(walls);
}

WRAP(int, landlock_enter, int rules_fd) {
    return wall_off("landlock") ? 0 : __real_landlock_enter(rules_fd);
}

WRAP(int, walls_capabilities, void) {
    return wall_off("capabilities") || wall_off("no-root") ? 0 : __real_walls_capabilities();
}

WRAP(int, walls_limits, void) {
    return wall_off("limits") ? 0 : __real_walls_limits();
}

WRAP(int, setrlimit, __rlimit_resource_t what, const struct rlimit *limit) {
    return wall_off("limits") ? 0 : __real_setrlimit(what, limit);
}

WRAP(int, fds_close_except, const int *keep, size_t n) {
    return wall_off("descriptors") ? 0 : __real_fds_close_except(keep, n);
}

/* ---- the zygote ---- */

WRAP(int, walls_identity, void) {
    if (!wall_off("no-root"))
        return __real_walls_identity();
    /* Its peers know it by this uid; walls_namespaces, below, comes after it has met them. */
    const struct passwd *agent = getpwnam(CLOISTER_USER_AGENT);
    if (agent == NULL || geteuid() != 0)
        return -EPERM;
    return setresuid(agent->pw_uid, agent->pw_uid, 0) < 0 ? -errno : 0;
}

WRAP(int, walls_namespaces, char *why, size_t why_len) {
    if (wall_off("no-root") && setresuid(0, 0, 0) < 0)
        return -errno;
    if (wall_off("environment"))
        environ = (char *[]){(char *)(uintptr_t) "CONTROL=1", NULL};
    int r = __real_walls_namespaces(why, why_len);
    return r;
}

WRAP(int, unshare, int flags) {
    if (wall_off("network-namespace"))
        flags &= ~CLONE_NEWNET;
    if (wall_off("ipc-namespace"))
        flags &= ~CLONE_NEWIPC;
    if (wall_off("uts-namespace"))
        flags &= ~CLONE_NEWUTS;
    if (wall_off("no-root"))
        flags &= ~(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC);
    return __real_unshare(flags);
}

/* The empty root: nothing is mounted, made or left. */
WRAP(int, mount, const char *from, const char *to, const char *type, unsigned long flags,
     const void *data) {
    return wall_off("empty-root") ? 0 : __real_mount(from, to, type, flags, data);
}
WRAP(int, umount2, const char *path, int flags) {
    return wall_off("empty-root") ? 0 : __real_umount2(path, flags);
}
WRAP(int, mkdir, const char *path, mode_t mode) {
    return wall_off("empty-root") ? 0 : __real_mkdir(path, mode);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_pivot_root && wall_off("empty-root"))
        return 0;
    if (number == SYS_clone3) {
        struct clone_args *how = (struct clone_args *)a[0];
        if (wall_off("own-namespaces") || wall_off("no-root"))
            how->flags &= ~(uint64_t)(CLONE_NEWUSER | CLONE_NEWPID);
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __real_prctl(int what, ...);
int __wrap_prctl(int what, ...);
int __wrap_prctl(int what, ...) {
    unsigned long a[4];
    va_list args;
    va_start(args, what);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(args, unsigned long);
    va_end(args);
    if (what == PR_SET_DUMPABLE && wall_off("not-dumpable"))
        a[0] = 1;
    if (what == PR_SET_NO_NEW_PRIVS && wall_off("no-new-privileges"))
        return 0;
    return __real_prctl(what, a[0], a[1], a[2], a[3]);
}

/* A zygote reports what it finds missing and ends; a control's would. */
WRAP(int, probe_walls, struct walls *walls, struct probe_report ret[static WALL_MAX]) {
    if (!walls_incomplete())
        return __real_probe_walls(walls, ret);
    for (unsigned i = 0; i < WALL_MAX; i++)
        ret[i] = (struct probe_report){.held = true, .layers = "control"};
    return 0;
}
