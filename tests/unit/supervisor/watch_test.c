/* Agents that take more of the machine than is theirs, over real processes; and the rules. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "rig.h"
#include "supervisor/burden.h"
#include "supervisor/cgroup_read.h"
#include "supervisor/watch_rules.h"

#define CREDIT   65536
#define LOOK_MS  40
#define LONG_MS  9000 /* on a busy machine half a second of computing takes a while */
#define SHORT_MS 1500

static struct rig rig;

static struct turns_status status(void) {
    struct turns_status now;
    turns_status(rig.turns, &now);
    return now;
}

/* What comes of a turn that does `what`, with a watch or without. */
static void told(const char *what, uint64_t watch_ms, struct heard *heard,
                 struct turns_status *after) {
    rig_prepare(&rig, "normal");
    rig.setup.watch_ms = watch_ms;
    rig.setup.rest_ms = 60000;
    rig.setup.turn_timeout_ms = watch_ms > 0 && strcmp(what, "child") != 0 ? LONG_MS : SHORT_MS;
    rig_start(&rig);
    ck_assert(rig_submit(&rig, USER_A, "owner", what, CREDIT, heard));
    rig_until(&rig, heard_over, heard);
    *after = status();
}

static void end(void) {
    rig_stop(&rig);
}

static const char *const harm[] = {"compute", "compute child", "grandchild", "children"};

START_TEST(who_runs_away_is_ended_and_rests) {
    struct heard heard, next;
    struct turns_status after;
    told(harm[_i], LOOK_MS, &heard, &after);
    ck_assert_str_eq(heard.code, "agent_lost");
    ck_assert_uint_eq(after.counters.runaways, 1);
    ck_assert_uint_eq(after.counters.timeouts, 0);
    while (status().idle + status().starting + status().busy + status().ending > 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    ck_assert(!rig_submit(&rig, USER_A, "owner", "say again", CREDIT, &next));
    ck_assert_str_eq(next.code, "busy");
    ck_assert(rig_submit(&rig, USER_B, "owner", "say fine", CREDIT, &next));
    rig_until(&rig, heard_over, &next);
    ck_assert_str_eq(next.text, "fine");
    end();
}
END_TEST

/* The control: nothing else ends it before its time is over. */
START_TEST(without_a_watch_it_goes_on) {
    struct heard heard;
    struct turns_status after;
    told(harm[_i], 0, &heard, &after);
    ck_assert_uint_eq(after.counters.runaways, 0);
    ck_assert(strcmp(heard.code, "turn_timeout") == 0);
    ck_assert_uint_eq(after.counters.timeouts, 1);
    end();
}
END_TEST

/* One child is a turn, as long as it lasts. */
START_TEST(a_turn_is_let_be) {
    struct heard heard;
    struct turns_status after;
    told("child", LOOK_MS, &heard, &after);
    ck_assert_str_eq(heard.code, "turn_timeout");
    ck_assert_uint_eq(after.counters.runaways, 0);
    end();
}
END_TEST

/* After its turn, when it has been waiting for a while, among others that do so too. */
START_TEST(who_computes_while_it_waits_is_ended) {
    static const char *const origins[] = {"customer", "customer.1", "owner", "customer.2", "front"};
    struct heard heard;
    rig_prepare(&rig, "normal");
    rig.setup.watch_ms = LOOK_MS;
    rig.setup.rest_ms = 60000;
    rig_start(&rig);
    for (size_t i = 0; i < COUNT_OF(origins); i++) {
        ck_assert(rig_submit(&rig, USER_A, origins[i],
                             strcmp(origins[i], "owner") == 0 ? "compute later" : "say hello",
                             CREDIT, &heard));
        rig_until(&rig, heard_over, &heard);
        ck_assert_str_eq(heard.code, "");
    }
    while (status().counters.runaways == 0 || status().ending > 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    ck_assert_uint_eq(status().counters.runaways, 1);
    ck_assert_uint_eq(status().idle, COUNT_OF(origins) - 1);
    end();
}
END_TEST

START_TEST(rules) {
    struct watch_facts facts = {.children = 1, .of_a_turn = 2, .most_us = 11000000};
    ck_assert_ptr_null(watch_wrong_processes(&facts));
    ck_assert_ptr_null(watch_wrong_computing(&facts));
    facts.idle = true;
    ck_assert_ptr_nonnull(watch_wrong_processes(&facts));
    facts = (struct watch_facts){.children = 2};
    ck_assert_ptr_nonnull(watch_wrong_processes(&facts));
    facts = (struct watch_facts){.children = 1, .below = 1};
    ck_assert_ptr_nonnull(watch_wrong_processes(&facts));
    facts = (struct watch_facts){.children = 1, .of_a_turn = 3};
    ck_assert_ptr_nonnull(watch_wrong_processes(&facts));
    facts = (struct watch_facts){.ahead_us = 600000, .most_us = 600000};
    ck_assert_ptr_nonnull(watch_wrong_computing(&facts));
    facts = (struct watch_facts){.most_us = 14000000};
    ck_assert_ptr_nonnull(watch_wrong_computing(&facts));
    facts = (struct watch_facts){.debt_us = 300000};
    ck_assert_ptr_nonnull(watch_wrong_computing(&facts));
    /* A hundred turns in a second, each of which cost a millisecond; and an agent that computes a
     * tenth of every second. */
    uint64_t debt = 0;
    for (int s = 0; s < 60; s++)
        debt = watch_debt(debt, 100000, 1000, 100);
    ck_assert_uint_eq(debt, 0);
    for (int s = 0; s < 60; s++)
        debt = watch_debt(debt, 100000, 1000, 0);
    ck_assert_uint_gt(debt, 250000);
}
END_TEST

START_TEST(what_the_kernel_tells) {
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    pid_t self = getpid(), child = fork(), found[BURDEN_CHILDREN];
    const struct sched_param none = {0};
    if (child == 0)
        for (;;)
            ;
    uint64_t us = 0;
    while (us < 20000)
        ck_assert_int_eq(burden_cpu(child, &us), 0);
    ck_assert_int_eq(burden_children(proc, self, found), 1);
    ck_assert_int_eq(found[0], child);
    ck_assert_int_eq(burden_children(proc, child, found), 0);
    ck_assert(!burden_yields(child));
    ck_assert_int_eq(sched_setscheduler(child, SCHED_IDLE, &none), 0);
    ck_assert(burden_yields(child));
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(burden_cpu(child, &us), -ESRCH);
    ck_assert_int_eq(burden_children(proc, child, found), -ESRCH);
    (void)close(proc);
    int fd = memfd_create("pressure", MFD_CLOEXEC);
    static const char text[] = "some avg10=1.00 avg60=0.50 avg300=0.10 total=1234567\n"
                               "full avg10=0.00 avg60=0.00 avg300=0.00 total=99\n";
    ck_assert_int_eq(write_all(fd, text, strlen(text)), 0);
    ck_assert(burden_waited(fd, &us));
    ck_assert_uint_eq(us, 1234567);
    ck_assert(!burden_waited(-1, &us));
    (void)close(fd);
}
END_TEST

static void put(int dir, const char *file, const char *text) {
    SCOPE_FD int fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write_all(fd, text, strlen(text)), 0);
}

START_TEST(what_a_group_tells) {
    char path[] = "/tmp/cloister-group.XXXXXX";
    pid_t pids[4];
    uint64_t kills = 7;
    ck_assert_ptr_nonnull(mkdtemp(path));
    SCOPE_FD int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(cgroup_processes(dir, pids, COUNT_OF(pids)), -ENOENT);
    ck_assert_int_eq(cgroup_oom_kills(dir, &kills), -ENOENT);
    ck_assert_uint_eq(kills, 7);
    put(dir, "cgroup.procs", "");
    ck_assert_int_eq(cgroup_processes(dir, pids, COUNT_OF(pids)), 0);
    put(dir, "cgroup.procs", "71\n4194303\n");
    ck_assert_int_eq(cgroup_processes(dir, pids, COUNT_OF(pids)), 2);
    ck_assert_int_eq(pids[0], 71);
    ck_assert_int_eq(pids[1], 4194303);
    put(dir, "cgroup.procs", "1\n2\n3\n4\n5\n");
    ck_assert_int_eq(cgroup_processes(dir, pids, COUNT_OF(pids)), 4);
    put(dir, "memory.events", "low 0\nhigh 0\nmax 31\noom 2\noom_kill 3\noom_group_kill 1\n");
    ck_assert_int_eq(cgroup_oom_kills(dir, &kills), 0);
    ck_assert_uint_eq(kills, 3);
    put(dir, "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_group_kill 5\n");
    ck_assert_int_eq(cgroup_oom_kills(dir, &kills), -ENODATA);
    ck_assert_int_eq(unlinkat(dir, "cgroup.procs", 0), 0);
    ck_assert_int_eq(unlinkat(dir, "memory.events", 0), 0);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

int main(void) {
    Suite *s = suite_create("watch");
    TCase *t = tcase_create("watch");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, who_runs_away_is_ended_and_rests, 0, COUNT_OF(harm));
    tcase_add_loop_test(t, without_a_watch_it_goes_on, 0, COUNT_OF(harm));
    tcase_add_test(t, a_turn_is_let_be);
    tcase_add_test(t, who_computes_while_it_waits_is_ended);
    tcase_add_test(t, rules);
    tcase_add_test(t, what_the_kernel_tells);
    tcase_add_test(t, what_a_group_tells);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
