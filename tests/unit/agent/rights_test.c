/* What the tables of rights promise, checked on the tables themselves. */
#include <check.h>
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
    ck_assert_uint_le(COUNT_OF(calls), 60);
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        ck_assert_msg((calls[i].who & AGENT) != 0, "%s: a turn lives under its agent's filter",
                      calls[i].name);
        ck_assert_str_ne(calls[i].reason, "");
    }
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
    static const char *const agents_only[] = {"clone", "pidfd_open", "pidfd_send_signal", "waitid",
                                              "prctl", "seccomp",    "prlimit64"};
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        for (size_t k = 0; k < COUNT_OF(agents_only); k++)
            if (strcmp(calls[i].name, agents_only[k]) == 0)
                ck_assert_uint_eq(calls[i].who, AGENT);
}
END_TEST

START_TEST(the_tables_print) {
    rights_print();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rights");
    TCase *tcase = tcase_create("rights");
    tcase_add_test(tcase, the_list_is_short_and_explained);
    tcase_add_test(tcase, what_would_open_a_wall_is_not_on_it);
    tcase_add_test(tcase, a_turn_cannot_make_or_end_processes);
    tcase_add_test(tcase, the_tables_print);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
