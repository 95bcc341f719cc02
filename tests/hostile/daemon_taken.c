/* What is left to a daemon that was taken over: hostile-daemon business|notify WITHOUT ATTEMPT
 * [ARGUMENT]. Becomes what cloister-business or cloister-notify is once it is confined, by the same
 * call that they make, and then tries; says "out", or "stopped" and the kernel's word. Run as root.
 * WITHOUT: "filter" and "own-user", with a comma between them, are not put up; "-": nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/confine_filter.h"

static const char *without = "";

static bool stands(const char *wall) {
    return strstr(without, wall) == NULL;
}

int __real_confine_filter_load(unsigned flags);
int __wrap_confine_filter_load(unsigned flags);
int __wrap_confine_filter_load(unsigned flags) {
    return stands("filter") ? __real_confine_filter_load(flags) : 0;
}

/* ---- attempts: 0, or -errno ---- */

static int result(long r) {
    return r < 0 ? -errno : 0;
}

static int opened(const char *path, int how) {
    int fd = open(path, how | O_CLOEXEC, 0600);
    char byte;
    if (fd < 0)
        return -errno;
    int r = (how & O_ACCMODE) == O_RDONLY && read(fd, &byte, 1) < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}
static int try_read(const char *path) {
    return opened(path, O_RDONLY);
}
static int try_write(const char *path) {
    return opened(path, O_WRONLY);
}
static int try_make(const char *path) {
    int r = opened(path, O_WRONLY | O_CREAT | O_EXCL);
    if (r == 0)
        (void)unlink(path);
    return r;
}
/* A program that ends with 0 when it is run. */
static int try_exec(const char *path) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl(path, path, (char *)NULL);
        _exit(errno);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECANCELED;
}
static int socket_of(int family, int type, int protocol) {
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return -errno;
    (void)close(fd);
    return 0;
}
static int try_packet(const char *ignored) {
    (void)ignored;
    return socket_of(AF_PACKET, SOCK_DGRAM, 0);
}
static int try_raw(const char *ignored) {
    (void)ignored;
    return socket_of(AF_INET, SOCK_RAW, 1);
}
static int try_audit(const char *ignored) {
    (void)ignored;
    return socket_of(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
}
static int try_internet(const char *ignored) {
    (void)ignored;
    return socket_of(AF_INET, SOCK_STREAM, 0);
}
static int try_internet6(const char *ignored) {
    (void)ignored;
    return socket_of(AF_INET6, SOCK_DGRAM, 0);
}
static int try_ptrace(const char *pid) {
    return result(ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL));
}
/* "PID ADDRESS" of a readable page. */
static int try_vm_read(const char *where) {
    char *rest, bytes[8];
    pid_t pid = (pid_t)strtol(where, &rest, 10);
    struct iovec here = {bytes, sizeof(bytes)},
                 there = {(void *)(uintptr_t)strtoull(rest, NULL, 16), sizeof(bytes)};
    return result(process_vm_readv(pid, &here, 1, &there, 1, 0));
}
static int try_signal(const char *pid) {
    return result(kill(atoi(pid), 0));
}
static int try_root(const char *ignored) {
    (void)ignored;
    return result(setresuid(0, 0, 0));
}
static int try_dumpable(const char *ignored) {
    char path[64];
    struct stat st;
    (void)ignored;
    (void)snprintf(path, sizeof(path), "/proc/%d/environ", getpid());
    if (stat(path, &st) < 0)
        return -errno;
    return st.st_uid == 0 && geteuid() != 0 ? -EACCES : 0;
}
static int try_namespace(const char *ignored) {
    (void)ignored;
    return result(unshare(CLONE_NEWUSER));
}
static int try_memfd(const char *ignored) {
    (void)ignored;
    return result(syscall(SYS_memfd_create, "x", 1));
}
static int try_keyring(const char *ignored) {
    (void)ignored;
    return result(syscall(SYS_add_key, "user", "hostile", "x", 1, -1 /* the thread's own */));
}
static int try_mount(const char *ignored) {
    (void)ignored; /* there is no such kind of file system: ENODEV for who may mount */
    int r = result(syscall(SYS_mount, "none", "/", "hostile", 0, NULL));
    return r == -EPERM ? r : 0;
}

static const struct {
    const char *name;
    int (*run)(const char *argument);
} attempts[] = {
    {"read", try_read},     {"write", try_write},       {"make", try_make},
    {"exec", try_exec},     {"packet", try_packet},     {"raw", try_raw},
    {"audit", try_audit},   {"internet", try_internet}, {"internet6", try_internet6},
    {"ptrace", try_ptrace}, {"vm_read", try_vm_read},   {"signal", try_signal},
    {"root", try_root},     {"dumpable", try_dumpable}, {"namespace", try_namespace},
    {"memfd", try_memfd},   {"keyring", try_keyring},   {"mount", try_mount},
};

static void confine(bool notify) {
    char why[512] = "";
    const char *user = notify ? CLOISTER_USER_NOTIFY : CLOISTER_USER_BUSINESS;
    const unsigned flags = notify ? CONFINE_NO_INTERNET : 0;
    int r = 0;
    if (stands("own-user"))
        r = confine_process(user, flags, why, sizeof(why));
    else if (stands("filter"))
        r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : confine_filter_load(flags);
    if (r < 0) {
        (void)printf("cannot begin: %s %s\n", why, strerror(-r));
        exit(2);
    }
}

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    without = argv[2];
    confine(strcmp(argv[1], "notify") == 0);
    for (size_t i = 0; i < COUNT_OF(attempts); i++)
        if (strcmp(attempts[i].name, argv[3]) == 0) {
            int r = attempts[i].run(argc > 4 ? argv[4] : "");
            (void)(r < 0 ? printf("stopped %s\n", strerrorname_np(-r)) : printf("out\n"));
            return 0;
        }
    return 2;
}
