/* Tries from inside. Each refused call is also tried by root without the filter (the control):
 * there it fails for the nonsense it is given, or works, but not with EPERM. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/confine_filter.h"
#include "tests/unit/keys/accounts.h"

#define BAD ((long)-1)

static const char *self_path;

struct attempt {
    const char *name;
    long number, a, b, c, d, e;
};

/* Arguments that are nonsense: unfiltered, each answers at once with another error, or harmlessly.
 */
static const struct attempt always[] = {
    {"ptrace", SYS_ptrace, 0x4206 /* SEIZE */, 0x7ffffff0},
    {"process_vm_readv", SYS_process_vm_readv, 0x7ffffff0},
    {"process_vm_writev", SYS_process_vm_writev, 0x7ffffff0},
    {"process_madvise", SYS_process_madvise, BAD},
    {"pidfd_getfd", SYS_pidfd_getfd, BAD},
    {"kcmp", SYS_kcmp, 0x7ffffff0, 0x7ffffff0, 99},
    {"bpf", SYS_bpf, 99},
    {"perf_event_open", SYS_perf_event_open, 0, 0, BAD, BAD},
    {"io_uring_setup", SYS_io_uring_setup, 0},
    {"io_uring_enter", SYS_io_uring_enter, BAD},
    {"io_uring_register", SYS_io_uring_register, BAD},
    {"userfaultfd", SYS_userfaultfd, BAD},
    {"add_key", SYS_add_key, 0, 0, 0, 0, 0},
    {"request_key", SYS_request_key, 0},
    {"keyctl", SYS_keyctl, 999},
    {"kexec_load", SYS_kexec_load, 0, 0, 0, 0xffff},
    {"finit_module", SYS_finit_module, BAD},
    {"init_module", SYS_init_module, 0, 0, 0},
    {"delete_module", SYS_delete_module, 0},
    {"reboot", SYS_reboot, 0, 0, 0},
    {"swapon", SYS_swapon, 0},
    {"swapoff", SYS_swapoff, 0},
    {"acct", SYS_acct, 1},
    {"syslog", SYS_syslog, 99},
    {"clock_settime", SYS_clock_settime, 0, 0},
    {"settimeofday", SYS_settimeofday, 1, 0},
    {"clock_adjtime", SYS_clock_adjtime, 0, 0},
    {"adjtimex", SYS_adjtimex, 0},
    {"personality", SYS_personality, 0xffffffff},
    {"memfd_create", SYS_memfd_create, 0, 0},
    {"setns", SYS_setns, BAD, 0},
    {"open_by_handle_at", SYS_open_by_handle_at, BAD, 0, 0},
    {"name_to_handle_at", SYS_name_to_handle_at, BAD, 0, 0, 0, 0},
    {"quotactl", SYS_quotactl, BAD, 0, 0, 0},
    {"fanotify_init", SYS_fanotify_init, 0xffffffff, 0},
    {"move_pages", SYS_move_pages, 0, 0, 0, 0, 0},
    {"packet socket", SYS_socket, AF_PACKET, SOCK_DGRAM, 0},
    {"vsock socket", SYS_socket, AF_VSOCK, SOCK_STREAM, 0},
    {"alg socket", SYS_socket, AF_ALG, SOCK_SEQPACKET, 0},
    {"key socket", SYS_socket, AF_KEY, SOCK_RAW, 2},
    {"raw IPv4 socket", SYS_socket, AF_INET, SOCK_RAW, 1},
    {"raw IPv6 socket", SYS_socket, AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 58},
    {"audit netlink", SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT},
    {"family with high bits", SYS_socket, 0x100000003, SOCK_DGRAM, 0},
    {"TIOCSTI", SYS_ioctl, BAD, TIOCSTI, 0},
    {"TIOCSTI with high bits", SYS_ioctl, BAD, 0x100000000 | TIOCSTI, 0},
    {"TIOCLINUX", SYS_ioctl, BAD, TIOCLINUX, 0},
};

static const struct attempt unless_exec[] = {
    {"execve", SYS_execve, 0, 0, 0},
    {"execveat", SYS_execveat, BAD, 0, 0, 0, 0},
    {"mount", SYS_mount, 0, 0, 0, 0, 0},
    {"umount2", SYS_umount2, 0, 0},
    {"pivot_root", SYS_pivot_root, 0, 0},
    {"chroot", SYS_chroot, 0},
    {"unshare", SYS_unshare, 0},
    {"move_mount", SYS_move_mount, BAD, 0, BAD, 0, 0},
    {"open_tree", SYS_open_tree, BAD, 0, 0},
    {"fsopen", SYS_fsopen, 0, 0},
    {"fsmount", SYS_fsmount, BAD, 0, 0},
    {"fspick", SYS_fspick, BAD, 0, 0},
    {"mount_setattr", SYS_mount_setattr, BAD, 0, 0, 0, 0},
    {"open_tree_attr", 467, BAD, 0, 0, 0, 0},
    {"sethostname", SYS_sethostname, 0, BAD},
    {"clone new user namespace", SYS_clone, CLONE_NEWUSER | CLONE_FS, 0, 0, 0, 0},
    {"clone new network namespace", SYS_clone, CLONE_NEWNET | CLONE_THREAD, 0, 0, 0, 0},
};

/* How many answered EPERM; names those that did, or did not, against `expected`. */
static int refused(const struct attempt *list, size_t n, bool expected) {
    int wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const struct attempt *a = &list[i];
        errno = 0;
        long r = syscall(a->number, a->a, a->b, a->c, a->d, a->e, 0);
        bool was = r < 0 && errno == EPERM;
        if (was != expected) {
            fprintf(stderr, "%s: result %ld, %s\n", a->name, r, strerror(errno));
            wrong++;
        }
    }
    return wrong;
}

static int in_child(int (*body)(void)) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(body());
    int status = 0;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A process of several threads could be taken apart by some of these; each list gets its own. */
static int control_body(void) {
    return refused(always, COUNT_OF(always), false) +
           refused(unless_exec, COUNT_OF(unless_exec), false);
}

static int filtered_body(void) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || confine_filter_load(0) < 0)
        return 99;
    return refused(always, COUNT_OF(always), true) +
           refused(unless_exec, COUNT_OF(unless_exec), true);
}

static int filtered_may_exec_body(void) {
    if (confine_filter_load(CONFINE_MAY_EXEC) < 0)
        return 99;
    return refused(always, COUNT_OF(always), true) +
           refused(unless_exec, COUNT_OF(unless_exec), false);
}

START_TEST(the_filter_refuses) {
    ck_assert_int_eq(in_child(control_body), 0);
    ck_assert_int_eq(in_child(filtered_body), 0);
    ck_assert_int_eq(in_child(filtered_may_exec_body), 0);
}
END_TEST

static int confined(const char *user, unsigned flags) {
    char why[256] = "";
    int r = confine_process(user, flags, why, sizeof(why));
    if (r < 0)
        fprintf(stderr, "confine_process: %s\n", why);
    return r;
}

static bool can_socket(int family, int type, int protocol) {
    SCOPE_FD int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    return fd >= 0;
}

static int internet_body(void) {
    if (confined(CLOISTER_USER_KEYS, 0) < 0)
        return 99;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
    if (!can_socket(AF_UNIX, SOCK_SEQPACKET, 0) || !can_socket(AF_INET, SOCK_STREAM, 0) ||
        !can_socket(AF_INET6, SOCK_DGRAM, 0) || !can_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE))
        return 1;
    if (getaddrinfo("localhost", "80", &hints, &found) != 0)
        return 2;
    freeaddrinfo(found);
    return 0;
}

static int no_internet_body(void) {
    int pair[2];
    if (confined(CLOISTER_USER_KEYS, CONFINE_NO_INTERNET) < 0)
        return 99;
    if (!can_socket(AF_UNIX, SOCK_SEQPACKET, 0) || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
        return 1;
    return can_socket(AF_INET, SOCK_STREAM, 0) || can_socket(AF_INET6, SOCK_STREAM, 0) ||
           can_socket(AF_INET, SOCK_DGRAM, 0) || can_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

START_TEST(sockets_that_daemons_need_remain) {
    ck_assert_int_eq(in_child(internet_body), 0);
    ck_assert_int_eq(in_child(no_internet_body), 0);
}
END_TEST

static uint64_t status_number(const char *field) {
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    uint64_t value = UINT64_MAX;
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            value = strtoull(line + strlen(field) + 1, NULL, 16);
    if (status != NULL)
        (void)fclose(status);
    return value;
}

static int became(const char *user, uint64_t caps, uint64_t no_new_privs) {
    uid_t u[3];
    gid_t g[3];
    struct rlimit core;
    if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
        return 1;
    for (unsigned i = 0; i < 3; i++)
        if (u[i] != account_uid(user) || g[i] != account_gid(user))
            return 2;
    if (getgroups(0, NULL) != 0 || setuid(0) == 0 || setgid(0) == 0)
        return 3;
    if (status_number("CapEff") != caps || status_number("CapPrm") != caps ||
        status_number("CapInh") != 0 || status_number("CapBnd") != 0 ||
        status_number("CapAmb") != 0)
        return 4;
    if (prctl(PR_GET_DUMPABLE) != 0 || getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
        return 5;
    return status_number("NoNewPrivs") == no_new_privs && status_number("Seccomp") == 2 ? 0 : 6;
}

static int daemon_body(void) {
    const gid_t extra[] = {0, account_gid(CLOISTER_USER_AGENT)};
    if (setgroups(COUNT_OF(extra), extra) < 0)
        return 98;
    return confined(CLOISTER_USER_KEYS, 0) < 0 ? 99 : became(CLOISTER_USER_KEYS, 0, 1);
}

static int started_as_user_body(void) {
    account_become(CLOISTER_USER_KEYS);
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || confined(CLOISTER_USER_KEYS, 0) < 0)
        return 99;
    return prctl(PR_GET_DUMPABLE) != 0 || setuid(0) == 0 || status_number("CapPrm") != 0 ||
           status_number("NoNewPrivs") != 1 || status_number("Seccomp") != 2;
}

static int supervisor_body(void) {
    if (confined(CLOISTER_USER_SUPERVISOR, CONFINE_MAY_EXEC | CONFINE_KEEP_KILL) < 0)
        return 99;
    return became(CLOISTER_USER_SUPERVISOR, UINT64_C(1) << 5 /* CAP_KILL */, 0);
}

START_TEST(root_is_gone) {
    ck_assert_int_eq(in_child(daemon_body), 0);
    ck_assert_int_eq(in_child(started_as_user_body), 0);
    ck_assert_int_eq(in_child(supervisor_body), 0);
}
END_TEST

static int other_user_body(void) {
    account_become(CLOISTER_USER_AGENT);
    return confined(CLOISTER_USER_KEYS, 0) == -EPERM ? 0 : 1;
}

static int exec_without_root_body(void) {
    account_become(CLOISTER_USER_SUPERVISOR);
    return confined(CLOISTER_USER_SUPERVISOR, CONFINE_MAY_EXEC) < 0 ? 0 : 1;
}

static int kill_without_root_body(void) {
    account_become(CLOISTER_USER_SUPERVISOR);
    return confined(CLOISTER_USER_SUPERVISOR, CONFINE_KEEP_KILL) < 0 ? 0 : 1;
}

static int unknown_user_body(void) {
    return confined("cloister-nobody-there", 0) == -ENOENT ? 0 : 1;
}

static int superuser_body(void) {
    return confined("root", 0) == -EPERM ? 0 : 1;
}

static void *sleeper(void *ignored) {
    for (;;)
        (void)pause();
    return ignored;
}

static int late_body(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, sleeper, NULL) != 0)
        return 98;
    return confined(CLOISTER_USER_KEYS, 0) == -EBUSY ? 0 : 1;
}

START_TEST(fails_closed) {
    ck_assert_int_eq(in_child(other_user_body), 0);
    ck_assert_int_eq(in_child(exec_without_root_body), 0);
    ck_assert_int_eq(in_child(kill_without_root_body), 0);
    ck_assert_int_eq(in_child(unknown_user_body), 0);
    ck_assert_int_eq(in_child(superuser_body), 0);
    ck_assert_int_eq(in_child(late_body), 0);
}
END_TEST

static void *nothing(void *ctx) {
    *(bool *)ctx = true;
    return NULL;
}

static int threads_body(void) {
    pthread_t thread;
    bool ran = false;
    if (confined(CLOISTER_USER_KEYS, 0) < 0)
        return 99;
    return pthread_create(&thread, NULL, nothing, &ran) != 0 || pthread_join(thread, NULL) != 0 ||
           !ran;
}

static int fork_body(void) {
    int status = -1;
    if (confined(CLOISTER_USER_KEYS, 0) < 0)
        return 99;
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    return waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7;
}

START_TEST(threads_and_forks_still_work) {
    ck_assert_int_eq(in_child(threads_body), 0);
    ck_assert_int_eq(in_child(fork_body), 0);
}
END_TEST

/* ---- cloisterd's case: spawn a set-user-ID program of another uid, and signal it ---- */

static char agent_path[256];

static pid_t spawn_agent(void) {
    char *argv[] = {agent_path, (char[]){"--agent"}, NULL}, *none[] = {NULL};
    pid_t pid = -1;
    return posix_spawn(&pid, agent_path, NULL, NULL, argv, none) == 0 ? pid : -1;
}

static int signal_agent(unsigned flags) {
    if (confined(CLOISTER_USER_SUPERVISOR, CONFINE_MAY_EXEC | flags) < 0)
        return 99;
    pid_t pid = spawn_agent();
    if (pid < 0)
        return 98;
    /* It stops itself once it has done what the zygote does; 3 to 10 say what failed. */
    int status = 0;
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
        return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0) {
        (void)kill(pid, SIGCONT); /* without the capability this is allowed within one session */
        (void)waitpid(pid, &status, 0);
        return 1;
    }
    return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? 0 : 2;
}

static int signal_with_body(void) {
    return signal_agent(CONFINE_KEEP_KILL);
}

static int signal_without_body(void) {
    return signal_agent(0);
}

static int spawn_refused_body(void) {
    return confined(CLOISTER_USER_SUPERVISOR, 0) < 0 ? 99 : spawn_agent() >= 0;
}

static bool write_proc(const char *path, const char *text) {
    SCOPE_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write_all(fd, text, strlen(text)) == 0;
}

static bool map_itself(unsigned uid, unsigned gid) {
    char users[32], groups[32];
    (void)snprintf(users, sizeof(users), "0 %u 1", uid);
    (void)snprintf(groups, sizeof(groups), "0 %u 1", gid);
    return write_proc("/proc/self/uid_map", users) && write_proc("/proc/self/setgroups", "deny") &&
           write_proc("/proc/self/gid_map", groups);
}

/* What runs as the set-user-ID program: the zygote's first steps, under cloisterd's filter. */
static int agent_main(void) {
    if (geteuid() != account_uid(CLOISTER_USER_AGENT))
        return 3;
    const unsigned uid = geteuid(), gid = getegid();
    if (setresuid(uid, uid, uid) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
        return 4;
    if (syscall(SYS_ptrace, 0x4206, 0x7ffffff0, 0, 0) == 0 || errno != EPERM)
        return 5; /* the filter is inherited */
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
        return 6;
    if (!map_itself(uid, gid))
        return 10;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") < 0)
        return 7;
    if (mkdir("/tmp/old", 0700) < 0 || syscall(SYS_pivot_root, "/tmp", "/tmp/old") < 0 ||
        chdir("/") < 0 || umount2("/old", MNT_DETACH) < 0)
        return 8;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return 9;
    (void)raise(SIGSTOP);
    return 0;
}

static void install_agent(const char *dir) {
    char command[1024];
    (void)snprintf(agent_path, sizeof(agent_path), "%s/agent", dir);
    (void)snprintf(command, sizeof(command), "cp '%s' '%s'", self_path, agent_path);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(
        chown(agent_path, account_uid(CLOISTER_USER_AGENT), account_gid(CLOISTER_USER_SUPERVISOR)),
        0);
    ck_assert_int_eq(chmod(agent_path, 04710), 0);
}

START_TEST(the_supervisor_spawns_and_signals_its_agent) {
    SCOPE_FREE char *dir = scratch_dir();
    install_agent(dir);
    ck_assert_int_eq(in_child(signal_with_body), 0);
    ck_assert_int_eq(in_child(signal_without_body), 1); /* control: CAP_KILL is what it takes */
    ck_assert_int_eq(in_child(spawn_refused_body), 0);
    scratch_remove(dir);
}
END_TEST

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--agent") == 0)
        return agent_main();
    self_path = argv[0];
    accounts_make();
    Suite *suite = suite_create("confine");
    TCase *c = tcase_create("confine");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, the_filter_refuses);
    tcase_add_test(c, sockets_that_daemons_need_remain);
    tcase_add_test(c, root_is_gone);
    tcase_add_test(c, fails_closed);
    tcase_add_test(c, threads_and_forks_still_work);
    tcase_add_test(c, the_supervisor_spawns_and_signals_its_agent);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
