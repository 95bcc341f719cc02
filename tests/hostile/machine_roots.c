/* The machine: mounts, roots and namespaces. A mount namespace obeys those who have the capability
 * in the user namespace that made it: agents have none, and each has a user namespace of its own.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/hostile/attempt.h"

#define ZONES "/usr/share/zoneinfo"

ATTEMPT(machine, mount_file_system, BOTH, "seccomp landlock capabilities own-namespaces",
        "mount a file system") {
    long r = raw_call(SYS_mount, "none", ZONES, "tmpfs", 0, NULL);
    if (r == 0)
        (void)raw_call(SYS_umount2, ZONES, MNT_DETACH); /* all agents share the mounts */
    return tried(r);
}
/* Only marked to go when nobody uses it, which the kernel confirms so. */
ATTEMPT(machine, unmount, BOTH, "seccomp landlock capabilities own-namespaces",
        "unmount the time zones") {
    long r = raw_call(SYS_umount2, ZONES, MNT_EXPIRE);
    return r == -EAGAIN ? OUT : tried(r);
}
ATTEMPT(machine, remount_writable, BOTH, "seccomp landlock capabilities own-namespaces",
        "make the root writable") {
    return tried(raw_call(SYS_mount, NULL, "/", NULL, MS_BIND | MS_REMOUNT, NULL));
}
ATTEMPT(machine, new_mount_call, BOTH, "seccomp capabilities own-namespaces",
        "fsopen, the newer way to mount") {
    return tried(raw_call(SYS_fsopen, "tmpfs", 0));
}
ATTEMPT(machine, clone_tree, BOTH, "seccomp capabilities own-namespaces",
        "open_tree, a copy of the mounts") {
    return tried(raw_call(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE));
}
/* A root in place of itself: the kernel finds that out only for those who may. */
ATTEMPT(machine, pivot_root, BOTH, "seccomp landlock capabilities own-namespaces", "pivot_root") {
    long r = raw_call(SYS_pivot_root, "/", "/");
    return r == -EBUSY || r == -EINVAL ? OUT : tried(r);
}
ATTEMPT(machine, chroot, BOTH, "seccomp capabilities", "chroot") {
    return tried(raw_call(SYS_chroot, "/usr/share"));
}

ATTEMPT(machine, unshare_user, BOTH, "seccomp own-namespaces", "unshare: a user namespace") {
    return tried(raw_call(SYS_unshare, CLONE_NEWUSER));
}
ATTEMPT(machine, unshare_network, BOTH, "seccomp capabilities", "unshare: a network of its own") {
    return tried(raw_call(SYS_unshare, CLONE_NEWNET));
}
ATTEMPT(machine, unshare_mounts, BOTH, "seccomp capabilities", "unshare: mounts of its own") {
    return tried(raw_call(SYS_unshare, CLONE_NEWNS));
}
ATTEMPT(machine, enter_namespace, BOTH, "seccomp daemon-seccomp landlock no-root",
        "setns: the host's namespaces") {
    long pidfd = raw_call(SYS_pidfd_open, prop_number(scene, "victim"), 0);
    return tried(pidfd < 0 ? pidfd : raw_call(SYS_setns, pidfd, CLONE_NEWNS));
}

/* What was made ends at once. */
static int made(long pid) {
    if (pid == 0)
        (void)raw_call(SYS_exit_group, 0);
    if (pid > 0)
        (void)raw_call(SYS_waitid, P_PID, pid, NULL, WEXITED | __WALL, NULL);
    return tried(pid);
}
/* Without namespaces of their own all agents count together, and one that is just ending still
 * does: whoever wants out tries again. */
static int made_in_time(long (*make)(void)) {
    long pid = make();
    for (int i = 0; i < 60 && pid == -EAGAIN; i++) {
        (void)raw_call(SYS_poll, NULL, 0, 50);
        pid = make();
    }
    return made(pid);
}
static long by_clone3(void) {
    struct clone_args how = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    return raw_call(SYS_clone3, &how, sizeof(how));
}
static long by_clone(void) {
    return raw_call(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
}
ATTEMPT(machine, clone3_user, BOTH, "seccomp own-namespaces",
        "clone3 with namespaces, whose flags no filter sees") {
    return made_in_time(by_clone3);
}
ATTEMPT(machine, clone_user, BOTH, "seccomp own-namespaces", "clone with namespaces") {
    return made_in_time(by_clone);
}
ATTEMPT(machine, clone_sibling, BOTH, "seccomp", "clone with CLONE_PARENT, to outlive its maker") {
    long pid = raw_call(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        (void)raw_call(SYS_exit_group, 0);
    return tried(pid);
}
ATTEMPT(machine, vfork, BOTH, "seccomp", "clone with CLONE_VFORK") {
    return made(raw_call(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0));
}
ATTEMPT(machine, fork_in_turn, TURN, "turn-seccomp", "fork inside a turn") {
    return made(raw_call(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, (int[]){0}, 0, 0));
}
ATTEMPT(machine, set_host_name, BOTH, "seccomp capabilities own-namespaces", "sethostname") {
    return tried(raw_call(SYS_sethostname, "hostile", 7));
}
ATTEMPT(machine, set_domain_name, BOTH, "seccomp capabilities own-namespaces", "setdomainname") {
    return tried(raw_call(SYS_setdomainname, "hostile", 7));
}
