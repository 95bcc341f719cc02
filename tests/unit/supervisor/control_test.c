/* The operators' socket: who may ask what, answers in pieces, callers that mean harm. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ipc/message.h"
#include "supervisor/control.h"

static struct event_base *base;
static struct control *control;
static char dir[64], path[80];
static unsigned runs;
static struct ctl_call *held;

static void run(void *ctx, struct ctl_call *call, const struct ctl_command *command,
                char *const *arguments, size_t n) {
    (void)ctx;
    runs++;
    if (strcmp(command->name, "drain") == 0) {
        held = call;
        return;
    }
    json_t *answer = json_array();
    for (int i = 0; strcmp(command->name, "list") == 0 && i < 20000; i++)
        (void)json_array_append_new(answer, json_integer(i));
    if (n > 0)
        (void)json_array_append_new(answer, json_string(arguments[0]));
    control_answer(call, CTL_DONE, answer);
}

static void setup_with(gid_t operators, gid_t observers) {
    struct ctl_groups groups = {operators, observers};
    runs = 0;
    held = NULL;
    strcpy(dir, "/tmp/cloister-control.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/sock", dir);
    base = event_base_new();
    int fd = control_open(path, &groups);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(control_new(base, fd, &groups, run, NULL, &control), 0);
}

static void setup(void) {
    setup_with(getgid(), (gid_t)-1);
}

static void teardown(void) {
    control_free(control);
    event_base_free(base);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void turn_loop(void) {
    for (int i = 0; i < 4; i++)
        ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

static uint32_t spoken = PROTOCOL_VERSION;

static int ask(const char *command, const char *argument) {
    int fd = seq_connect(path);
    ck_assert_int_ge(fd, 0);
    char *arguments[] = {(char *)argument};
    Cloister__CtlRequest request = CLOISTER__CTL_REQUEST__INIT;
    request.protocol = spoken;
    request.command = (char *)command;
    request.arguments = arguments;
    request.n_arguments = argument != NULL;
    Cloister__Message message = MSG_OF(CTL_REQUEST, ctl_request, &request);
    ck_assert_int_eq(seq_send(fd, &message, -1), 0);
    return fd;
}

/* The whole answer; the exit status in *ret. */
static char *hear(int fd, int *ret) {
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_CTL, PHASE_READY, {0}};
    char *text = strdup("");
    for (bool more = true; more;) {
        SCOPE_MSG Cloister__Message *reply = NULL;
        int r;
        while ((r = seq_recv(fd, &peer, &reply, NULL)) == -EAGAIN)
            ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
        ck_assert_int_eq(r, 0);
        char *longer = NULL;
        ck_assert_int_ge(asprintf(&longer, "%s%s", text, reply->ctl_reply->json), 0);
        free(text);
        text = longer;
        more = reply->ctl_reply->more;
        *ret = reply->ctl_reply->exit;
    }
    (void)close(fd);
    return text;
}

static int exit_of(const char *command, const char *argument) {
    int status = -1;
    SCOPE_FREE char *text = hear(ask(command, argument), &status);
    return status;
}

START_TEST(answers_and_refuses) {
    ck_assert_int_eq(exit_of("status", NULL), CTL_DONE);
    ck_assert_int_eq(exit_of("show", "someone"), CTL_DONE);
    ck_assert_uint_eq(runs, 2);
    ck_assert_int_eq(exit_of("show", NULL), CTL_USAGE);
    ck_assert_int_eq(exit_of("status", "extra"), CTL_USAGE);
    ck_assert_int_eq(exit_of("nonsense", NULL), CTL_USAGE);
    ck_assert_uint_eq(runs, 2);
}
END_TEST

/* A program of before an upgrade may mean something else by the same words. */
START_TEST(another_version_is_told_so) {
    static const uint32_t others[] = {0, PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        spoken = others[i];
        ck_assert_int_eq(exit_of("status", NULL), CTL_FAILED);
    }
    ck_assert_uint_eq(runs, 0);
}
END_TEST

/* Places are few: who has one and asks nothing gives it up. */
START_TEST(a_caller_who_asks_nothing_is_let_go) {
    char byte;
    SCOPE_FD int fd = seq_connect(path);
    ck_assert_int_ge(fd, 0);
    ssize_t n = -1;
    for (uint64_t until = clock_ms() + 15000; n < 0 && clock_ms() < until;) {
        struct timeval soon = {0, 50000};
        (void)event_base_loopexit(base, &soon);
        ck_assert_int_ge(event_base_dispatch(base), 0);
        n = recv(fd, &byte, 1, MSG_DONTWAIT);
    }
    ck_assert_int_eq(n, 0);
}
END_TEST

START_TEST(long_answers_come_in_pieces) {
    int status = -1;
    SCOPE_FREE char *text = hear(ask("list", NULL), &status);
    ck_assert_uint_gt(strlen(text), 65536);
    json_t *json = json_loads(text, 0, NULL);
    ck_assert_uint_eq(json_array_size(json), 20000);
    json_decref(json);
}
END_TEST

START_TEST(a_caller_who_leaves_is_no_harm) {
    int fd = ask("drain", NULL);
    turn_loop();
    ck_assert_ptr_nonnull(held);
    (void)close(fd);
    turn_loop();
    control_answer(held, CTL_DONE, json_pack("{s:b}", "drained", 1));
    (void)close(ask("list", NULL)); /* and one who leaves before a long answer */
    turn_loop();
    ck_assert_int_eq(exit_of("status", NULL), CTL_DONE);
}
END_TEST

START_TEST(garbage_closes_the_caller_alone) {
    char noise[4096];
    unsigned seed = (unsigned)_i;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)rand_r(&seed);
    int fd = seq_connect(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(send(fd, noise, 1 + (size_t)rand_r(&seed) % sizeof(noise), MSG_NOSIGNAL), 0);
    turn_loop();
    ck_assert_int_le(recv(fd, noise, sizeof(noise), MSG_DONTWAIT), 0);
    (void)close(fd);
    ck_assert_int_eq(exit_of("status", NULL), CTL_DONE);
}
END_TEST

/* Asks as nobody in a process of its own; the exit status of cloisterd's answer, 99 without one. */
static int exit_as_nobody(const char *command, gid_t group) {
    pid_t pid = fork();
    if (pid == 0) {
        if (setgroups(0, NULL) < 0 || setresgid(group, group, group) < 0 ||
            setresuid(65534, 65534, 65534) < 0)
            _exit(98);
        int fd = seq_connect(path);
        if (fd < 0)
            _exit(97);
        Cloister__CtlRequest request = CLOISTER__CTL_REQUEST__INIT;
        request.protocol = PROTOCOL_VERSION;
        request.command = (char *)command;
        Cloister__Message message = MSG_OF(CTL_REQUEST, ctl_request, &request), *reply = NULL;
        struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_CTL, PHASE_READY, {0}};
        if (seq_send(fd, &message, -1) < 0 || seq_recv_wait(fd, &peer, 5000, &reply, NULL) < 0)
            _exit(99);
        _exit(reply->ctl_reply->exit);
    }
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        struct timeval soon = {0, 1000};
        (void)event_base_loopexit(base, &soon);
        ck_assert_int_ge(event_base_dispatch(base), 0);
    }
    return WEXITSTATUS(status);
}

/* Anybody may connect where observers are named: that costs no line of the log each. */
START_TEST(callers_who_are_turned_away_fill_no_log) {
    enum { CALLERS = 200 };
    int fds[CALLERS];
    char dir_log[] = "/tmp/cloister-control-log.XXXXXX", said[16384];
    int log_fd = mkstemp(dir_log), err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    ck_assert(log_fd >= 0 && err >= 0 && dup2(log_fd, STDERR_FILENO) >= 0);
    const uint64_t from = clock_ms();
    for (size_t i = 0; i < CALLERS; i++) {
        fds[i] = seq_connect(path);
        ck_assert_int_ge(fds[i], 0);
        turn_loop();
    }
    const uint64_t seconds = (clock_ms() - from) / 1000;
    ck_assert_int_ge(dup2(err, STDERR_FILENO), 0);
    ssize_t len = pread(log_fd, said, sizeof(said) - 1, 0);
    ck_assert_int_gt(len, 0);
    said[len] = '\0';
    unsigned lines = 0;
    for (const char *at = said; (at = strstr(at, "turned away")) != NULL; at++)
        lines++;
    ck_assert_uint_ge(lines, 1); /* control */
    ck_assert_uint_le(lines, 6 + seconds);
    for (size_t i = 0; i < CALLERS; i++)
        (void)close(fds[i]);
    turn_loop();
    ck_assert_int_eq(exit_of("status", NULL), CTL_DONE);
    (void)close(err);
    (void)close(log_fd);
    (void)unlink(dir_log);
}
END_TEST

/* A process of nobody's that connects `n` times and holds on; -1: it could not. */
static pid_t hold_as_nobody(size_t n) {
    int there[2];
    char told = 0;
    ck_assert_int_eq(pipe(there), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (setgroups(0, NULL) < 0 || setresgid(60003, 60003, 60003) < 0 ||
            setresuid(65534, 65534, 65534) < 0)
            _exit(98);
        for (size_t i = 0; i < n; i++)
            if (seq_connect(path) < 0)
                _exit(97);
        (void)!write(there[1], "x", 1);
        (void)pause();
        _exit(0);
    }
    (void)close(there[1]);
    ck_assert_int_eq(read(there[0], &told, 1), 1);
    (void)close(there[0]);
    return pid;
}

/* Where observers are named anybody may connect: operators have places of their own. */
START_TEST(others_leave_room_for_operators) {
    if (geteuid() != 0)
        return; /* only root can become others */
    setup_with(60001, 60002);
    ck_assert_int_eq(chmod(dir, 0755), 0);
    pid_t crowd = hold_as_nobody(60);
    for (int i = 0; i < 100; i++)
        turn_loop();
    ck_assert_int_eq(exit_of("status", NULL), CTL_DONE);
    ck_assert_int_eq(kill(crowd, SIGKILL), 0);
    ck_assert_int_eq(waitpid(crowd, NULL, 0), crowd);
    teardown();
}
END_TEST

START_TEST(groups_decide) {
    if (geteuid() != 0)
        return; /* only root can become others */
    setup_with(60001, 60002);
    ck_assert_int_eq(chmod(dir, 0755), 0);
    ck_assert_int_eq(exit_as_nobody("status", 60003), CTL_FORBIDDEN);
    ck_assert_int_eq(exit_as_nobody("status", 60002), CTL_DONE);
    ck_assert_int_eq(exit_as_nobody("drain", 60002), CTL_FORBIDDEN);
    ck_assert_int_eq(exit_as_nobody("status", 60001), CTL_DONE);
    ck_assert_ptr_null(held);
    teardown();
    setup_with(60001, (gid_t)-1); /* without observers strangers cannot even connect */
    ck_assert_int_eq(chmod(dir, 0755), 0);
    ck_assert_int_eq(exit_as_nobody("status", 60003), 97);
    ck_assert_int_eq(exit_as_nobody("status", 60001), CTL_DONE);
    teardown();
}
END_TEST

int main(void) {
    Suite *s = suite_create("control");
    TCase *t = tcase_create("control");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, answers_and_refuses);
    tcase_add_test(t, another_version_is_told_so);
    tcase_add_test(t, a_caller_who_asks_nothing_is_let_go);
    tcase_add_test(t, long_answers_come_in_pieces);
    tcase_add_test(t, a_caller_who_leaves_is_no_harm);
    tcase_add_test(t, callers_who_are_turned_away_fill_no_log);
    tcase_add_loop_test(t, garbage_closes_the_caller_alone, 0, 10);
    suite_add_tcase(s, t);
    t = tcase_create("groups");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, groups_decide);
    tcase_add_test(t, others_leave_room_for_operators);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
