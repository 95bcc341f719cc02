/* The walls that all agents share, built once by the zygote. */
#include "agent/walls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define STAGE                                                                                      \
    "/tmp" /* any directory: the new root is mounted over it in this mount namespace alone */

int walls_identity(void) {
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (uid == 0)
        return -EPERM;
    /* As an unprivileged set-user-ID program we may take the effective uid for all three. */
    if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0) /* it must not be possible to go back */
        return -EPERM;
    return 0;
}

static int put_file(const char *path, const char *text) {
    SCOPE_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

/* Each id stands for itself in the new user namespace; none else does. */
static int map_ids(uid_t uid, gid_t gid) {
    char line[64];
    (void)snprintf(line, sizeof(line), "%u %u 1", (unsigned)uid, (unsigned)uid);
    int r = put_file("/proc/self/uid_map", line);
    if (r == 0)
        r = put_file("/proc/self/setgroups", "deny");
    (void)snprintf(line, sizeof(line), "%u %u 1", (unsigned)gid, (unsigned)gid);
    return r < 0 ? r : put_file("/proc/self/gid_map", line);
}

static int make_root(void) {
    static const char *const dirs[] = {STAGE "/usr", STAGE "/usr/share", STAGE WALLS_ZONEINFO};
    const unsigned long bare = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", STAGE, "tmpfs", bare, "size=4k,nr_inodes=8,mode=0755") < 0)
        return -errno;
    for (size_t i = 0; i < COUNT_OF(dirs); i++)
        if (mkdir(dirs[i], 0755) < 0)
            return -errno;
    if (mount(WALLS_ZONEINFO, STAGE WALLS_ZONEINFO, NULL, MS_BIND | MS_REC, NULL) < 0 ||
        mount(NULL, STAGE WALLS_ZONEINFO, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | bare, NULL) < 0)
        return -errno;
    /* The old root lands on top of the new one and is taken off. */
    if (chdir(STAGE) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0)
        return -errno;
    if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | bare, NULL) < 0)
        return -errno;
    return 0;
}

PRINTF_LIKE(3, 4)
static void say(char *why, size_t why_len, const char *format, ...) {
    size_t used = strlen(why);
    va_list args;
    va_start(args, format);
    if (used > 0 && used + 2 < why_len) {
        strcpy(why + used, "; ");
        used += 2;
    }
    (void)vsnprintf(why + used, why_len - used, format, args);
    va_end(args);
}

/* One by one, since an operator may have forbidden one kind. True when a root can be built. */
static bool enter_others(char *why, size_t why_len) {
    static const struct {
        int flag;
        const char *name;
    } kinds[] = {{CLONE_NEWNET, "network"},
                 {CLONE_NEWIPC, "ipc"},
                 {CLONE_NEWUTS, "uts"},
                 {CLONE_NEWNS, "mnt"}};
    bool mounts = false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        int r = unshare(kinds[i].flag) < 0 ? -errno : 0;
        if (r < 0)
            say(why, why_len,
                "the kernel refuses a new %s namespace (%s); look at user.max_%s_namespaces",
                kinds[i].name, strerror(-r), kinds[i].flag == CLONE_NEWNET ? "net" : kinds[i].name);
        mounts = r == 0 && kinds[i].flag == CLONE_NEWNS;
    }
    return mounts;
}

int walls_namespaces(char *why, size_t why_len) {
    why[0] = '\0';
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER) < 0) {
        int r = -errno;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            say(why, why_len, "no_new_privs is missing (%s)", strerror(errno));
        say(why, why_len,
            "the kernel refuses user namespaces (%s); look at user.max_user_namespaces and "
            "kernel.unprivileged_userns_clone",
            strerror(-r));
        return r;
    }
    /* A set-user-ID program's /proc files belong to root until it is dumpable again. */
    int r = prctl(PR_SET_DUMPABLE, 1) < 0 ? -errno : map_ids(uid, gid);
    const char *what = "map its ids";
    if (prctl(PR_SET_DUMPABLE, 0) < 0 && r == 0)
        r = -errno;
    if (r == 0 && enter_others(why, why_len) && (r = make_root()) < 0) {
        say(why, why_len, "the empty root cannot be built (%s)", strerror(-r));
        r = chdir("/") < 0 ? -errno : 0; /* without it, then */
    }
    if (r == 0) {
        what = "give up privilege";
        r = walls_capabilities();
    }
    if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = -errno;
    if (r < 0)
        say(why, why_len, "cannot %s (%s)", what, strerror(-r));
    return r;
}
