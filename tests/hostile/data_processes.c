/* Other people's data: other processes. The victim is one of the agents' own user outside, which is
 * what every other agent is. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "tests/hostile/attempt.h"

static int open_of(const struct scene *scene, const char *what) {
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%ld/%s", prop_number(scene, "victim"), what);
    return tried(raw_call(SYS_openat, AT_FDCWD, path, O_RDONLY));
}
ATTEMPT(data, proc_list, BOTH, "seccomp empty-root landlock", "/proc: the list of processes") {
    return tried(raw_call(SYS_openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
}
ATTEMPT(data, proc_status, BOTH, "empty-root landlock", "/proc/PID/status of another") {
    return open_of(scene, "status");
}
ATTEMPT(data, proc_command, BOTH, "empty-root landlock", "/proc/PID/cmdline of another") {
    return open_of(scene, "cmdline");
}
ATTEMPT(data, proc_root, BOTH, "empty-root landlock", "/proc/PID/root: the files of another") {
    return open_of(scene, "root/etc/passwd");
}
ATTEMPT(data, proc_stat, BOTH, "empty-root", "stat /proc/PID: whether there is such a process") {
    char path[64];
    struct stat found;
    (void)snprintf(path, sizeof(path), "/proc/%ld", prop_number(scene, "victim"));
    return tried(raw_call(SYS_newfstatat, AT_FDCWD, path, &found, 0));
}

/* Without its own namespaces it is still in its zygote's: "no-root" stands for all of them. */
#define ALL_OF_IT "seccomp daemon-seccomp landlock no-root"
ATTEMPT(data, trace, BOTH, ALL_OF_IT, "ptrace: seize another") {
    return tried(raw_call(SYS_ptrace, PTRACE_SEIZE, prop_number(scene, "victim"), NULL, NULL));
}
ATTEMPT(data, read_memory, BOTH, ALL_OF_IT, "process_vm_readv: another's memory") {
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)4096, 1};
    long r = raw_call(SYS_process_vm_readv, prop_number(scene, "victim"), &here, 1, &there, 1, 0);
    return r == -EFAULT ? OUT : tried(r); /* let in, and nothing there */
}
ATTEMPT(data, compare, BOTH, ALL_OF_IT, "kcmp: what another shares with it") {
    long self = raw_call(SYS_getpid);
    return tried(raw_call(SYS_kcmp, self, prop_number(scene, "victim"), 2 /* files */, 0, 0));
}
ATTEMPT(data, take_descriptor, BOTH, ALL_OF_IT, "pidfd_getfd: a descriptor of another") {
    long pidfd = raw_call(SYS_pidfd_open, prop_number(scene, "victim"), 0);
    return tried(pidfd < 0 ? pidfd : raw_call(SYS_pidfd_getfd, pidfd, 0, 0));
}
ATTEMPT(data, take_from_zygote, BOTH, "seccomp daemon-seccomp landlock not-dumpable own-namespaces",
        "pidfd_getfd: a descriptor of the zygote, found at a channel's end") {
    int pidfd = -1;
    socklen_t len = sizeof(pidfd);
    long r =
        raw_call(SYS_getsockopt, scene->keys_fd, SOL_SOCKET, 77 /* SO_PEERPIDFD */, &pidfd, &len);
    return tried(r < 0 ? r : raw_call(SYS_pidfd_getfd, pidfd, 3, 0));
}
ATTEMPT(data, find_pages, BOTH, ALL_OF_IT, "move_pages: which of another's pages there are") {
    void *page = NULL;
    int status = 0;
    return tried(
        raw_call(SYS_move_pages, prop_number(scene, "victim"), 1, &page, NULL, &status, 0));
}
ATTEMPT(data, find_group, BOTH, "seccomp own-namespaces", "getpgid of another") {
    return tried(raw_call(SYS_getpgid, prop_number(scene, "victim")));
}
ATTEMPT(data, find_session, BOTH, "seccomp own-namespaces", "getsid of another") {
    return tried(raw_call(SYS_getsid, prop_number(scene, "victim")));
}
ATTEMPT(data, find_schedule, BOTH, "seccomp own-namespaces", "sched_getaffinity of another") {
    unsigned long mask[16];
    return tried(raw_call(SYS_sched_getaffinity, prop_number(scene, "victim"), sizeof(mask), mask));
}
ATTEMPT(data, slow_down, BOTH, "seccomp own-namespaces", "setpriority: slow another down") {
    return tried(raw_call(SYS_setpriority, PRIO_PROCESS, prop_number(scene, "victim"), 19));
}
/* ---- what was inherited ---- */

#define LAST_FD 1024

static bool heritage(const struct scene *scene, int fd) {
    return fd <= STDERR_FILENO || fd == scene->agent_fd || fd == scene->supervisor_fd ||
           fd == scene->keys_fd || fd == scene->egress_fd;
}
ATTEMPT(data, inherited_descriptor, TURN, "descriptors", "a descriptor that is not its heritage") {
    for (int fd = 0; fd < LAST_FD; fd++)
        if (!heritage(scene, fd) && raw_call(SYS_fcntl, fd, F_GETFD, 0) >= 0) {
            note("descriptor %d", fd);
            return OUT;
        }
    return 0;
}
