/* Whether there is swap, by tables that are put over /proc/swaps in a mount namespace of the test's
 * own; and the lock against it, which root may take whatever the limit is. */
#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/swap.h"

#define HEADING "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
#define AREA    "/dev/sda2                               partition\t1048572\t\t0\t\t-2\n"
#define EIGHT   AREA AREA AREA AREA AREA AREA AREA AREA
#define MANY    EIGHT EIGHT

/* In a child: over what it does nobody else trips. */
static void own_mounts(void) {
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

static void show(const char *table) {
    char path[] = "/tmp/swaps.XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, table, strlen(table)), (ssize_t)strlen(table));
    (void)close(fd);
    own_mounts();
    ck_assert_int_eq(mount(path, "/proc/swaps", NULL, MS_BIND, NULL), 0);
    (void)unlink(path);
}

static const struct {
    const char *table;
    bool absent;
} tables[] = {
    {HEADING, true},       {HEADING AREA, false}, {HEADING AREA AREA, false},
    {HEADING MANY, false}, /* longer than what is read of it */
    {"", false},           /* no table: it cannot be told */
    {"Filename", false},   /* half of one */
    {AREA, true},          /* the first line is a heading, whatever it says */
};

START_TEST(a_table_tells) {
    show(tables[_i].table);
    ck_assert_int_eq(swap_absent(), tables[_i].absent);
}
END_TEST

/* A unit with ProcSubset=pid: the kernel's sum tells. */
START_TEST(without_a_table) {
    struct sysinfo sums;
    own_mounts();
    ck_assert_int_eq(mount("none", "/proc", "tmpfs", 0, NULL), 0);
    bool absent = swap_absent();
    ck_assert_int_eq(umount("/proc"), 0); /* LeakSanitizer looks there at the end */
    ck_assert_int_eq(sysinfo(&sums), 0);
    ck_assert_int_eq(absent, sums.totalswap == 0);
}
END_TEST

START_TEST(what_is_accepted_is_harmless) {
    static const struct {
        const char *accepted, *table;
        bool harmless;
    } rows[] = {{"", HEADING, true},
                {"", HEADING AREA, false},
                {"privilege", HEADING AREA, false},
                {"privilege leftovers", HEADING AREA, true}};
    char path[] = "/tmp/swap.conf.XXXXXX", why[256] = "", text[128];
    struct config *config = NULL;
    int fd = mkostemp(path, O_CLOEXEC);
    int n = snprintf(text, sizeof(text), "[runtime]\naccept_missing_walls=%s\n", rows[_i].accepted);
    ck_assert_int_eq(write(fd, text, (size_t)n), n);
    (void)close(fd);
    ck_assert_msg(config_load(path, &config, why, sizeof(why)) == 0, "%s", why);
    (void)unlink(path);
    show(rows[_i].table);
    ck_assert_int_eq(swap_harmless(config), rows[_i].harmless);
    config_free(config);
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

START_TEST(what_comes_later_is_locked_as_well) {
    const size_t later = 4u << 20;
    ck_assert_uint_eq(locked_kib(), 0);
    ck_assert_int_eq(swap_lock_out(), 0);
    unsigned long before = locked_kib();
    ck_assert_uint_ge(before, 1000);
    void *more = mmap(NULL, later, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(more != MAP_FAILED);
    ck_assert_uint_ge(locked_kib(), before + later / 1024);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("swap");
    TCase *tests = tcase_create("swap");
    if (geteuid() != 0)
        return 77; /* mounts take root */
    tcase_add_loop_test(tests, a_table_tells, 0, sizeof(tables) / sizeof(tables[0]));
    tcase_add_test(tests, without_a_table);
    tcase_add_loop_test(tests, what_is_accepted_is_harmless, 0, 4);
#ifndef __SANITIZE_ADDRESS__
    tcase_add_test(tests, what_comes_later_is_locked_as_well);
#endif
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
