/* Between the product's walls and those who put them up, by the linker's --wrap: each function
 * passes on, unless its wall is taken away (walls_off.h). */
#include "tests/hostile/walls_off.h"

#include <errno.h>
#include <limits.h>
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

/* A zygote without one of these makes calls of which the product's has no need, and its filter does
 * not let them pass. */
WRAP(int, walls_zygote, const struct walls *walls) {
    bool in_the_way = wall_off("no-root") || wall_off("not-dumpable") || wall_off("own-namespaces");
    return in_the_way ? 0 : __real_walls_zygote(walls);
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

WRAP(int, setrlimit64, __rlimit_resource_t what, const struct rlimit64 *limit) {
    return wall_off("limits") ? 0 : __real_setrlimit64(what, limit);
}

WRAP(int, fds_close_except, const int *keep, size_t n) {
    int all[16];
    if (wall_off("descriptors"))
        return 0;
    if (n > COUNT_OF(all) - 2)
        return -E2BIG;
    memcpy(all, keep, n * sizeof(*keep));
    return __real_fds_close_except(all, n + wall_kept(&all[n]));
}

/* ---- the zygote ---- */

/* Its peers know it by its user, whatever it could be. */
static uid_t agent_uid;

int wall_peer(bool known) {
    if (!wall_off("no-root"))
        return 0;
    uid_t uid = known ? agent_uid : 0;
    return setresuid(uid, uid, 0) < 0 ? -errno : 0;
}

WRAP(int, walls_identity, void) {
    if (!wall_off("no-root"))
        return __real_walls_identity();
    const struct passwd *agent = getpwnam(CLOISTER_USER_AGENT);
    if (agent == NULL || geteuid() != 0)
        return -EPERM;
    agent_uid = agent->pw_uid;
    return wall_peer(true);
}

/* Without a user namespace there are no ids to map. */
static bool maps_ids;
WRAP(int, write_all, int fd, const void *data, size_t len) {
    return maps_ids ? 0 : __real_write_all(fd, data, len);
}

WRAP(int, walls_namespaces, char *why, size_t why_len) {
    int r = wall_peer(false); /* it has met them */
    if (r < 0)
        return r;
    if (wall_off("environment"))
        environ = (char *[]){(char *)(uintptr_t) "CONTROL=1", NULL};
    maps_ids = wall_off("no-root");
    r = __real_walls_namespaces(why, why_len);
    maps_ids = false;
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
/* The working directory is then a folder outside, as a program's elsewhere would be. */
WRAP(int, chdir, const char *path) {
    char outside[PATH_MAX];
    if (!wall_off("empty-root"))
        return __real_chdir(path);
    return __real_chdir(wall_outside(outside, sizeof(outside)));
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
    /* The zygote alone clones this way; attempts make their calls themselves. */
    if (number == SYS_clone && (wall_off("own-namespaces") || wall_off("no-root")))
        a[0] &= ~(CLONE_NEWUSER | CLONE_NEWPID);
    if (number == SYS_clone3 && (wall_off("own-namespaces") || wall_off("no-root")))
        *(uint64_t *)a[0] &= ~(uint64_t)(CLONE_NEWUSER | CLONE_NEWPID); /* its first member */
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
