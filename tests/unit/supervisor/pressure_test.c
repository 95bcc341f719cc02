/* How short memory is, read from made-up files of the kernel. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/pressure.h"

#define EVERY_MS 40

static char root[64];
static struct event_base *base;
static struct pressure *pressure;
static struct pressure_reading heard;
static unsigned looks;

static void put(const char *name, const char *text) {
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w"); /* the same file, which is held open */
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void put_stalls(const char *name, unsigned long some, unsigned long full) {
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "some avg10=0.00 avg60=0.00 avg300=0.00 total=%lu\n"
                   "full avg10=0.00 avg60=0.00 avg300=0.00 total=%lu\n",
                   some, full);
    put(name, text);
}

static void put_machine(unsigned long left_kib) {
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "MemTotal:        1000000 kB\nMemFree:           10 kB\n"
                   "MemAvailable:   %lu kB\n",
                   left_kib);
    put("proc/meminfo", text);
}

static void looked(void *ctx, const struct pressure_reading *reading) {
    (void)ctx;
    heard = *reading;
    looks++;
}

static int start(void) {
    struct pressure_setup setup = {.root = root,
                                   .stall_percent = 10,
                                   .low_percent = 10,
                                   .least_percent = 5,
                                   .every_ms = EVERY_MS,
                                   .looked = looked};
    looks = 0;
    return pressure_new(base, &setup, &pressure);
}

/* A look that began after this call. */
static enum pressure_level next(void) {
    for (unsigned before = looks; looks == before;)
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
    ck_assert_int_eq(pressure_last(pressure).level, heard.level);
    return heard.level;
}

static void setup(void) {
    strcpy(root, "/tmp/cloister-pressure.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    base = event_base_new();
}

static void teardown(void) {
    char command[96];
    pressure_free(pressure);
    pressure = NULL;
    event_base_free(base);
    (void)snprintf(command, sizeof(command), "rm -rf -- %s", root);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(what_is_free_of_the_machine) {
    put_machine(500000);
    put_stalls("proc/pressure/memory", 7, 7);
    ck_assert_int_eq(start(), 0);
    ck_assert_int_eq(next(), PRESSURE_NONE);
    ck_assert_uint_eq(heard.free, 500000ul * 1024);
    ck_assert_uint_eq(heard.whole, 1000000ul * 1024);
    put_machine(99000);
    ck_assert_int_eq(next(), PRESSURE_LOW);
    put_machine(49000);
    ck_assert_int_eq(next(), PRESSURE_LEAST);
    put_machine(101000);
    ck_assert_int_eq(next(), PRESSURE_NONE);
}
END_TEST

/* So much that a look that comes late still finds a tenth of the time lost. */
START_TEST(time_lost_waiting) {
    put_machine(250000);
    put_stalls("proc/pressure/memory", 1000000000, 1000000000);
    ck_assert_int_eq(start(), 0);
    ck_assert_int_eq(next(), PRESSURE_NONE); /* what was lost before does not count */
    put_stalls("proc/pressure/memory", 1000000000 + EVERY_MS * 5000, 1000000000);
    ck_assert_int_eq(next(), PRESSURE_LOW);
    ck_assert_uint_ge(heard.stalled, 10);
    ck_assert_uint_eq(heard.all_stalled, 0);
    ck_assert_int_eq(next(), PRESSURE_NONE); /* no more was lost */
    put_stalls("proc/pressure/memory", 1000000000 + EVERY_MS * 15000, 1000000000 + EVERY_MS * 5000);
    ck_assert_int_eq(next(), PRESSURE_LEAST);
}
END_TEST

/* One agent at its own limit stalls all it can, and that is counted for the machine, too. */
START_TEST(who_waits_at_a_limit_of_its_own) {
    put_machine(500000);
    put_stalls("proc/pressure/memory", 1000000000, 1000000000);
    ck_assert_int_eq(start(), 0);
    ck_assert_int_eq(next(), PRESSURE_NONE);
    put_stalls("proc/pressure/memory", 1000000000 + EVERY_MS * 5000, 1000000000 + EVERY_MS * 5000);
    ck_assert_int_eq(next(), PRESSURE_NONE);
    ck_assert_uint_ge(heard.all_stalled, 10);
    put_machine(250000); /* and the control */
    put_stalls("proc/pressure/memory", 1000000000 + EVERY_MS * 15000,
               1000000000 + EVERY_MS * 15000);
    ck_assert_int_eq(next(), PRESSURE_LEAST);
}
END_TEST

START_TEST(groups_of_version_2) {
    put_machine(500000);
    put("proc/self/cgroup", "1:name=systemd:/x\n0::/system.slice/cloister.service/main\n");
    put("sys/fs/cgroup/system.slice/cloister.service/main/memory.max", "max\n");
    put("sys/fs/cgroup/system.slice/cloister.service/main/memory.current", "5\n");
    put("sys/fs/cgroup/system.slice/cloister.service/memory.max", "1000000\n");
    put("sys/fs/cgroup/system.slice/cloister.service/memory.current", "960000\n");
    put("sys/fs/cgroup/system.slice/cloister.service/memory.stat",
        "anon 100\nfile 500\ninactive_file 400000\nactive_file 1\n");
    put_stalls("sys/fs/cgroup/system.slice/cloister.service/memory.pressure", 5, 5);
    ck_assert_int_eq(start(), 0);
    ck_assert_int_eq(next(), PRESSURE_NONE); /* most of it is cache */
    ck_assert_uint_eq(heard.free, 440000);
    put("sys/fs/cgroup/system.slice/cloister.service/memory.stat", "inactive_file 1000\n");
    ck_assert_int_eq(next(), PRESSURE_LEAST);
    put("sys/fs/cgroup/system.slice/cloister.service/memory.current", "800000\n");
    put_stalls("sys/fs/cgroup/system.slice/cloister.service/memory.pressure", 5 + EVERY_MS * 5000,
               5);
    ck_assert_int_eq(next(), PRESSURE_LOW);
    put("sys/fs/cgroup/system.slice/cloister.service/memory.max", "max\n"); /* lifted meanwhile */
    ck_assert_int_eq(next(), PRESSURE_NONE);
    ck_assert_uint_eq(heard.whole, 1000000ul * 1024);
}
END_TEST

START_TEST(groups_of_version_1) {
    put_machine(500000);
    put("proc/self/cgroup", "4:memory:/box\n0::/\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", "77\n");
    put("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "1000000\n");
    put("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "920000\n");
    put("sys/fs/cgroup/memory/box/memory.stat",
        "cache 1\ninactive_file 9\ntotal_inactive_file 5\n");
    ck_assert_int_eq(start(), 0);
    ck_assert_int_eq(next(), PRESSURE_LOW);
    ck_assert_uint_eq(heard.free, 80005);
    ck_assert_uint_eq(heard.whole, 1000000);
}
END_TEST

START_TEST(nothing_to_read) {
    ck_assert_int_eq(start(), -ENOTSUP);
    ck_assert_ptr_null(pressure);
    ck_assert_int_eq(pressure_last(NULL).level, PRESSURE_NONE);
    put("proc/meminfo", "MemTotal: what\n"); /* senseless, but there */
    ck_assert_int_eq(start(), 0);
    ck_assert_int_eq(next(), PRESSURE_NONE);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pressure");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_free_of_the_machine);
    tcase_add_test(t, time_lost_waiting);
    tcase_add_test(t, who_waits_at_a_limit_of_its_own);
    tcase_add_test(t, groups_of_version_2);
    tcase_add_test(t, groups_of_version_1);
    tcase_add_test(t, nothing_to_read);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
