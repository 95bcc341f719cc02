/* What the tables of rights promise, checked on the tables themselves. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "ipc/base.h"
#include "supervisor/rights.h"

#define AGENT                                 1
#define TURN                                  2
#define SYSCALL(name, who, condition, reason) {#name, who, #condition, reason},
static const struct {
    const char *name;
    unsigned who;
    const char *condition, *reason;
} calls[] = {
#include "agent/syscalls.def"
};
#undef SYSCALL

static bool refused(size_t i) {
    return strncmp(calls[i].condition, "FAIL(", 5) == 0;
}

START_TEST(the_list_is_short_and_explained) {
    unsigned different = 0; /* those that are answered with an error count too */
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        size_t first = 0;
        while (strcmp(calls[first].name, calls[i].name) != 0)
            first++;
        different += first == i;
        ck_assert_msg((calls[i].who & AGENT) != 0, "%s: a turn lives under its agent's filter",
                      calls[i].name);
        ck_assert_str_ne(calls[i].reason, "");
    }
    ck_assert_uint_le(different, 60);
}
END_TEST

START_TEST(what_would_open_a_wall_is_not_on_it) {
    static const char *const never[] = {"socket",
                                        "connect",
                                        "bind",
                                        "listen",
                                        "accept",
                                        "accept4",
                                        "execve",
                                        "execveat",
                                        "ptrace",
                                        "kill",
                                        "tkill",
                                        "tgkill",
                                        "fork",
                                        "vfork",
                                        "clone3",
                                        "unshare",
                                        "setns",
                                        "mount",
                                        "pivot_root",
                                        "chroot",
                                        "bpf",
                                        "io_uring_setup",
                                        "userfaultfd",
                                        "perf_event_open",
                                        "keyctl",
                                        "add_key",
                                        "open",
                                        "creat",
                                        "openat2",
                                        "memfd_create",
                                        "pidfd_getfd",
                                        "pidfd_open",
                                        "process_vm_readv",
                                        "process_vm_writev",
                                        "setuid",
                                        "setresuid",
                                        "capset",
                                        "sendmmsg",
                                        "personality"};
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        for (size_t k = 0; k < COUNT_OF(never); k++)
            ck_assert_msg(strcmp(calls[i].name, never[k]) != 0 || refused(i), "%s", never[k]);
}
END_TEST

START_TEST(a_turn_cannot_make_or_end_processes) {
    static const char *const agents_only[] = {"clone", "pidfd_send_signal", "waitid",   "mlockall",
                                              "prctl", "seccomp",           "prlimit64"};
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        for (size_t k = 0; k < COUNT_OF(agents_only); k++)
            if (strcmp(calls[i].name, agents_only[k]) == 0)
                ck_assert_uint_eq(calls[i].who, AGENT);
}
END_TEST

/* What cloisterd --print-rights prints, from the first heading of calls to that of messages. */
static char *printed_calls(void) {
    static char text[65536];
    int out = dup(STDOUT_FILENO);
    FILE *file = tmpfile();
    ck_assert(file != NULL && out >= 0 && fflush(stdout) == 0);
    ck_assert_int_ge(dup2(fileno(file), STDOUT_FILENO), 0);
    rights_print();
    ck_assert_int_eq(fflush(stdout), 0);
    ck_assert_int_ge(dup2(out, STDOUT_FILENO), 0);
    (void)close(out);
    ssize_t n = pread(fileno(file), text, sizeof(text) - 1, 0);
    (void)fclose(file);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    char *from = strstr(text, "System calls of agents"), *to = strstr(text, "\nMessages");
    ck_assert_msg(from != NULL && to != NULL && from < to, "the headings are not there");
    *to = '\0';
    return from;
}

/* Nobody widens what an agent may do without this file showing it. */
START_TEST(the_calls_are_those_that_were_agreed_upon) {
    static char golden[65536];
    const char *now = printed_calls();
    if (getenv("RIGHTS_RENEW") != NULL) {
        FILE *file = fopen(GOLDEN_CALLS, "we");
        ck_assert_msg(file != NULL && fputs(now, file) >= 0 && fclose(file) == 0, GOLDEN_CALLS);
    }
    ssize_t n = file_read(GOLDEN_CALLS, (uint8_t *)golden, sizeof(golden) - 1);
    ck_assert_int_gt(n, 0);
    size_t line = 1, at = 0;
    while (golden[at] != '\0' && golden[at] == now[at])
        line += golden[at++] == '\n';
    ck_assert_msg(
        golden[at] == now[at],
        "the system calls differ from tests/unit/agent/system_calls.txt, line %zu. If that is "
        "meant, run RIGHTS_RENEW=yes BUILD/tests/unit/agent/rights_test and commit the "
        "file with the reason",
        line);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rights");
    TCase *tcase = tcase_create("rights");
    tcase_add_test(tcase, the_list_is_short_and_explained);
    tcase_add_test(tcase, what_would_open_a_wall_is_not_on_it);
    tcase_add_test(tcase, a_turn_cannot_make_or_end_processes);
    tcase_add_test(tcase, the_calls_are_those_that_were_agreed_upon);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
