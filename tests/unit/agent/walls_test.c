/* Each attempt of the walls' own proof, with its control: behind no layer some of them get through,
 * and behind all none does. Also what a zygote does when a wall is missing. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/attempts.h"
#include "agent/probe.h"
#include "agent/relax.h"

static struct walls walls;

/* As the zygote is when it tries them. `shared`: with the namespaces that all agents share. */
static void become(bool shared) {
    char why[256] = "";
    ck_assert_int_eq(setresgid(64171, 64171, 64171), 0);
    ck_assert_int_eq(setresuid(64171, 64171, 64171), 0);
    if (shared)
        ck_assert_msg(walls_namespaces(why, sizeof(why)) == 0, "%s", why);
    else
        ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_msg(walls_prepare(&walls, true, why, sizeof(why)) == 0, "%s", why);
}

static int attempt(const char *wanted, unsigned layers) {
    const char *name = "";
    enum wall_property property = WALL_MAX;
    for (unsigned i = 0;; i++) {
        int r = probe_attempt(&walls, i, 0, &name, &property);
        ck_assert_msg(r != -ENOENT, "no attempt \"%s\"", wanted);
        if (strcmp(name, wanted) == 0)
            return probe_attempt(&walls, i, layers, &name, &property);
    }
}

START_TEST(nothing_gets_through_all_layers) {
    ck_assert_int_eq(clearenv(), 0); /* as the program's first act */
    const bool no_swap = swap_absent();
    become(true);
    walls.no_swap = no_swap;
    const char *name;
    enum wall_property property;
    unsigned tried = 0;
    for (unsigned i = 0;; i++) {
        int r = probe_attempt(&walls, i, PROBE_ALL | PROBE_TURN, &name, &property);
        if (r == -ENOENT)
            break;
        if (strcmp(name, ATTEMPT_SWAP) == 0) /* which a turn does before its filter is there */
            r = probe_attempt(&walls, i, PROBE_ALL, &name, &property);
        if (strcmp(wall_name(property), relax.accepted_property) != 0)
            ck_assert_msg(r == 0, "\"%s\": %d", name, r);
        tried++;
    }
    ck_assert_uint_ge(tried, 25);
}
END_TEST

START_TEST(attempts_work_without_the_walls) {
    static const char *const work[] = {"see processes",
                                       "connect",
                                       "send a datagram",
                                       "listen",
                                       "signal a process by its descriptor",
                                       "share a message queue",
                                       "look a file of the host up",
                                       "read a file of the host",
                                       "list the root",
                                       "make a namespace",
                                       "map executable memory",
                                       "find an environment",
                                       "fork in a turn",
                                       "take memory without end",
                                       "fork without end",
                                       "map memory that no limit counts",
                                       "map a stack that no limit counts",
                                       "widen a socket's buffer",
                                       "change the log's flags"};
    become(false);
    ck_assert_int_eq(setenv("SOMETHING", "1", 1), 0);
    for (size_t i = 0; i < COUNT_OF(work); i++) {
        int r = attempt(work[i], 0);
        ck_assert_msg(r == 1, "\"%s\" did not get through: %d", work[i], r);
    }
}
END_TEST

/* Where an attempt works, a layer alone stops it. */
START_TEST(layers_stop_on_their_own) {
    static const struct {
        const char *name;
        unsigned layer;
    } stops[] = {
        {"connect", PROBE_SECCOMP},
        {"connect", PROBE_LANDLOCK},
        {"send a datagram", PROBE_SECCOMP},
        {"listen", PROBE_SECCOMP},
        {"signal a process by its descriptor", PROBE_SECCOMP},
        {"signal a process by its descriptor", PROBE_NAMESPACES},
        {"share a message queue", PROBE_SECCOMP},
        {"read a file of the host", PROBE_LANDLOCK},
        {"see processes", PROBE_LANDLOCK},
        {"list the root", PROBE_LANDLOCK},
        {"make a namespace", PROBE_SECCOMP},
        {"map executable memory", PROBE_SECCOMP},
        {"map memory that no limit counts", PROBE_SECCOMP},
        {"map a stack that no limit counts", PROBE_SECCOMP},
        {"widen a socket's buffer", PROBE_SECCOMP},
        {"change the log's flags", PROBE_SECCOMP},
        {"fork without end", PROBE_NAMESPACES | PROBE_LIMITS},
    };
    become(false);
    for (size_t i = 0; i < COUNT_OF(stops); i++) {
        if (stops[i].layer == PROBE_LANDLOCK && walls.landlock_abi < 4)
            continue;
        int r = attempt(stops[i].name, stops[i].layer);
        ck_assert_msg(r == 0, "\"%s\" behind layer %u: %d", stops[i].name, stops[i].layer, r);
    }
}
END_TEST

START_TEST(other_processes_are_out_of_reach) {
    become(false);
    ck_assert_int_eq(attempt("signal another process", 0), 1);
    ck_assert_int_eq(attempt("signal another process", PROBE_NAMESPACES), 0);
    ck_assert_int_eq(attempt("signal another process", PROBE_SECCOMP), 0);
}
END_TEST

static bool refused(long r) {
    return r < 0 && errno == EPERM;
}

/* How many of these a zygote may do; before its own filter, all of them get past the door. */
static int zygote_does(void) {
    char *none[] = {NULL};
    int n = 0;
    n += !refused(execve("/nothing", none, none));
    n += !refused(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    n += !refused(open("/nothing", O_WRONLY | O_CLOEXEC));
    n += !refused(unlink("/nothing"));
    n += !refused(syscall(SYS_pidfd_open, getpid(), 0));
    n += !refused(syscall(SYS_memfd_create, "x", 0));
    n += !refused(kill(getpid(), 0));
    return n;
}

START_TEST(a_zygote_has_a_filter_of_its_own) {
    become(false);
    ck_assert_int_eq(zygote_does(), 7); /* control */
    pid_t pid = fork();
    if (pid == 0)
        _exit(walls_zygote(&walls) < 0 ? 99 : zygote_does());
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert(WIFEXITED(status));
}
END_TEST

#ifndef __SANITIZE_ADDRESS__ /* which makes mlockall do nothing */
static unsigned long locked_kib(void) {
    char line[256];
    unsigned long kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    ck_assert_ptr_nonnull(status);
    while (fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "VmLck: %lu", &kib) == 1)
            break;
    (void)fclose(status);
    return kib;
}
#endif

/* As root, who may lock whatever the limit is; a lock ends with fork, so each turn takes its own.
 */
START_TEST(memory_is_locked_for_one_process) {
#ifndef __SANITIZE_ADDRESS__
    ck_assert_uint_eq(locked_kib(), 0);
    ck_assert_int_eq(swap_lock_out(), 0);
    ck_assert_uint_ge(locked_kib(), 1000);
    pid_t pid = fork();
    if (pid == 0)
        _exit(locked_kib() == 0 ? 0 : 1);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
#endif
}
END_TEST

static int locking_turn(struct walls how) {
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        if (setrlimit(RLIMIT_MEMLOCK, &none) < 0)
            _exit(98);
        _exit(walls_turn(&how) == 0 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(no_turn_where_it_could_be_swapped) {
    become(false);
    struct walls how = walls;
    how.no_filters = true; /* whose turn could not tell how it went */
#ifndef __SANITIZE_ADDRESS__
    ck_assert_int_eq(locking_turn(how), 1);
#endif
    how.may_swap = true;
    ck_assert_int_eq(locking_turn(how), 0);
    how.may_swap = false, how.no_swap = true;
    ck_assert_int_eq(locking_turn(how), 0);
}
END_TEST

START_TEST(a_missing_wall_is_named) {
    become(false); /* no empty network, no empty root */
    struct probe_report report[WALL_MAX];
    ck_assert_int_eq(probe_walls(&walls, report), 0);
    ck_assert_msg(report[WALL_NETWORK].held, "%s", report[WALL_NETWORK].through);
    ck_assert(!report[WALL_FILES].held); /* nothing but the empty root hides names */
    ck_assert_str_eq(report[WALL_FILES].through, "look a file of the host up");
    (void)close(take_fd(&walls.landlock_fd)); /* and without Landlock they are open to reading */
    ck_assert_int_eq(probe_walls(&walls, report), 0);
    ck_assert_str_eq(report[WALL_FILES].through, "read a file of the host");
}
END_TEST

static int status_of(const struct filter *filter) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_load(filter) < 0)
            _exit(2);
        _exit(unshare(CLONE_NEWUSER) < 0 && errno == EPERM ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

/* The same is stopped; but what is killed has a line in the kernel's log. */
START_TEST(probes_are_quiet) {
    struct filter agent, quiet;
    ck_assert_int_eq(filter_compile(FILTER_AGENT, &agent), 0);
    ck_assert_int_eq(filter_copy_quiet(&agent, &quiet), 0);
    ck_assert_uint_eq(quiet.len, agent.len);
    int status = status_of(&agent);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    status = status_of(&quiet);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (unsigned short i = 0; i < quiet.len; i++)
        ck_assert(quiet.code[i].code != (BPF_RET | BPF_K) ||
                  quiet.code[i].k != SECCOMP_RET_KILL_PROCESS);
    free(agent.code);
    free(quiet.code);
}
END_TEST

/* Whether there is no more than `most` of it, and no more to be taken. */
static bool at_most(int what, uint64_t most) {
    struct rlimit limit;
    return getrlimit(what, &limit) == 0 && limit.rlim_cur <= most && limit.rlim_max <= most;
}

/* The line of what is wrong; 0: nothing is. */
static int what_is_left(void) {
    become(true);
    if (walls_capabilities() < 0 || walls_limits() < 0)
        return __LINE__;
    for (unsigned long i = 0; i < 64; i++)
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
            return __LINE__;
    if (!at_most(RLIMIT_CORE, 0) || !at_most(RLIMIT_FSIZE, 0) || !at_most(RLIMIT_MSGQUEUE, 0))
        return __LINE__;
    if (!at_most(RLIMIT_SIGPENDING, 64) || !at_most(RLIMIT_STACK, 8u << 20))
        return __LINE__;
    return at_most(RLIMIT_NOFILE, 16384) ? 0 : __LINE__;
}

/* What an agent has no use for it cannot have, whatever else it finds open. In a process of its
 * own: whose files may have no byte tells nothing to a file. */
START_TEST(nothing_is_left_that_an_agent_does_not_need) {
    ck_assert_int_eq(prctl(PR_CAPBSET_READ, 0, 0, 0, 0), 1); /* control: root has them */
    ck_assert(!at_most(RLIMIT_FSIZE, 0));
    pid_t pid = fork();
    if (pid == 0) {
        int line = what_is_left();
        _exit(line == 0 ? 0 : 1 + line % 200);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* What a turn has open at once is little, and it ends with its agent. */
START_TEST(a_turn_has_little_and_ends_with_its_agent) {
    become(false);
    struct walls how = walls;
    how.no_filters = how.may_swap = true; /* else it could not tell */
    int signal = 0;
    ck_assert_int_eq(walls_turn(&how), 0);
    ck_assert(at_most(RLIMIT_NOFILE, 64));
    ck_assert_int_eq(prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0), 0);
    ck_assert_int_eq(signal, SIGKILL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("walls");
    TCase *tcase = tcase_create("walls");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, nothing_gets_through_all_layers);
    tcase_add_test(tcase, attempts_work_without_the_walls);
    tcase_add_test(tcase, layers_stop_on_their_own);
    tcase_add_test(tcase, other_processes_are_out_of_reach);
    tcase_add_test(tcase, a_missing_wall_is_named);
    tcase_add_test(tcase, a_zygote_has_a_filter_of_its_own);
    tcase_add_test(tcase, memory_is_locked_for_one_process);
    tcase_add_test(tcase, probes_are_quiet);
    tcase_add_test(tcase, no_turn_where_it_could_be_swapped);
    tcase_add_test(tcase, nothing_is_left_that_an_agent_does_not_need);
    tcase_add_test(tcase, a_turn_has_little_and_ends_with_its_agent);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
