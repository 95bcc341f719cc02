/* Runs a program on a machine that lacks something:
 *
 *   without [WHAT...] -- PROGRAM [ARGUMENT...]
 *
 *   NAME[/ARG=VALUE | /ARG&MASK][:ERRNO]   this system call (when its argument is VALUE, or has a
 * bit of MASK) is answered with ERRNO (a number; ENOSYS)
 *   --landlock-abi N                       the kernel says that its Landlock is version N
 *   --limit KIND=N                         user.max_KIND_namespaces is N, in a user namespace of
 * the program's own, where every id stands for itself
 *   --swaps FILE                           /proc/swaps reads like FILE, in its own mount namespace
 *
 * Needs root: the filter is put up without no_new_privs, so set-user-ID programs stay what they
 * are. The program replaces this one; for --landlock-abi a child stays to answer, and ends with it.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANDLOCK_VERSION 1u /* LANDLOCK_CREATE_RULESET_VERSION, landlock(7) */

static int landlock_version = -1;

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        err(125, "%s", path);
    (void)close(fd);
}

/* A new user namespace, all ids mapped: only somebody outside may write that. */
static void own_user_namespace(void) {
    static bool done;
    int told[2];
    char path[64];
    if (done)
        return;
    done = true;
    if (pipe(told) < 0)
        err(125, "pipe");
    pid_t self = getpid(), helper = fork();
    if (helper < 0)
        err(125, "fork");
    if (helper == 0) {
        char go;
        if (read(told[0], &go, 1) != 1)
            _exit(1);
        (void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)self);
        put(path, "0 0 4294967295");
        (void)snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)self);
        put(path, "0 0 4294967295");
        _exit(0);
    }
    int status = 0;
    if (unshare(CLONE_NEWUSER) < 0 || write(told[1], "g", 1) != 1 ||
        waitpid(helper, &status, 0) < 0 || status != 0)
        err(125, "a user namespace");
    (void)close(told[0]);
    (void)close(told[1]);
}

static void limit_namespaces(char *rule) {
    char path[64], *value = strchr(rule, '=');
    if (value == NULL)
        errx(125, "--limit KIND=N");
    *value++ = '\0';
    own_user_namespace();
    (void)snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", rule);
    put(path, value);
}

static void show_swaps(const char *file) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mount(file, "/proc/swaps", NULL, MS_BIND, NULL) < 0)
        err(125, "/proc/swaps");
}

static void deny(scmp_filter_ctx filter, char *rule) {
    char *colon = strchr(rule, ':'), *slash = strchr(rule, '/');
    uint32_t error = ENOSYS;
    if (colon != NULL) {
        *colon = '\0';
        error = (uint32_t)strtoul(colon + 1, NULL, 0);
    }
    if (slash != NULL)
        *slash++ = '\0';
    int r, call = seccomp_syscall_resolve_name(rule);
    if (call == __NR_SCMP_ERROR)
        errx(125, "there is no system call %s", rule);
    if (slash == NULL) {
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), call, 0);
    } else {
        unsigned argument = (unsigned)(slash[0] - '0');
        uint64_t value = strtoull(slash + 2, NULL, 0);
        r = 0;
        /* A rule for each bit: "any of these" is no comparison that a filter has. */
        for (uint64_t bit = 1; slash[1] == '&' && bit != 0 && r == 0; bit <<= 1)
            if (value & bit)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), call, 1,
                                     SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bit, bit));
        if (slash[1] == '=')
            r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), call, 1,
                                 SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, value));
    }
    if (r < 0)
        errx(125, "%s: %s", rule, strerror(-r));
}

static void send_fd(int to, int fd) {
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.room = {0}};
    struct iovec data = {(char[]){'f'}, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    if (sendmsg(to, &message, 0) != 1)
        err(125, "sendmsg");
}

static int receive_fd(int from) {
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char byte;
    int fd = -1;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != NULL)
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

/* Answers the question for the version until nobody is left to ask it. */
static _Noreturn void answer_landlock(int channel) {
    struct seccomp_notif *asked = NULL;
    struct seccomp_notif_resp *answer = NULL;
    int listener = receive_fd(channel);
    if (listener < 0 || seccomp_notify_alloc(&asked, &answer) < 0)
        _exit(1);
    for (;;) {
        memset(asked, 0, sizeof(*asked));
        memset(answer, 0, sizeof(*answer));
        int r = seccomp_notify_receive(listener, asked);
        if (r < 0 && errno != EINTR && errno != ENOENT)
            _exit(0);
        if (r < 0)
            continue;
        answer->id = asked->id;
        if (asked->data.args[2] == LANDLOCK_VERSION)
            answer->val = landlock_version;
        else
            answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        (void)seccomp_notify_respond(listener, answer);
    }
}

static void load(scmp_filter_ctx filter) {
    int channel[2] = {-1, -1};
    if (landlock_version >= 0) {
        if (seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(landlock_create_ruleset), 0) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
            err(125, "landlock");
        pid_t self = getpid(), helper = fork();
        if (helper < 0)
            err(125, "fork");
        if (helper == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != self)
                _exit(0);
            (void)close(channel[1]);
            answer_landlock(channel[0]);
        }
    }
    int r = seccomp_load(filter);
    if (r < 0)
        errx(125, "the filter: %s", strerror(-r));
    if (landlock_version >= 0)
        send_fd(channel[1], seccomp_notify_fd(filter));
}

int main(int argc, char **argv) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int at = 1;
    if (filter == NULL || seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) < 0)
        errx(125, "no filter");
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        const bool option = argv[at][0] == '-';
        if (option && at + 1 >= argc)
            errx(125, "%s what?", argv[at]);
        if (strcmp(argv[at], "--landlock-abi") == 0)
            landlock_version = atoi(argv[++at]);
        else if (strcmp(argv[at], "--limit") == 0)
            limit_namespaces(argv[++at]);
        else if (strcmp(argv[at], "--swaps") == 0)
            show_swaps(argv[++at]);
        else if (!option)
            deny(filter, argv[at]);
        else
            errx(125, "what is %s?", argv[at]);
    }
    if (at + 1 >= argc)
        errx(125, "without [WHAT...] -- PROGRAM [ARGUMENT...]");
    load(filter);
    (void)execvp(argv[at + 1], argv + at + 1);
    err(126, "%s", argv[at + 1]);
}
