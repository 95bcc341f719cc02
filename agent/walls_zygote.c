/* The walls that all agents share, built once by the zygote. */
#include "agent/walls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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

int walls_namespaces(char *why, size_t why_len) {
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) < 0) {
        int r = -errno;
        (void)snprintf(why, why_len,
                       "the kernel refuses namespaces (%s); look at user.max_user_namespaces and "
                       "kernel.unprivileged_userns_clone",
                       strerror(-r));
        return r;
    }
    /* A set-user-ID program's /proc files belong to root until it is dumpable again. */
    int r = prctl(PR_SET_DUMPABLE, 1) < 0 ? -errno : map_ids(uid, gid);
    const char *what = "map its ids";
    if (prctl(PR_SET_DUMPABLE, 0) < 0 && r == 0)
        r = -errno;
    if (r == 0) {
        what = "build the empty root";
        r = make_root();
    }
    if (r == 0) {
        what = "give up privilege";
        r = walls_capabilities();
    }
    if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = -errno;
    if (r < 0)
        (void)snprintf(why, why_len, "cannot %s: %s", what, strerror(-r));
    return r;
}
