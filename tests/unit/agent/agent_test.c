/* The real program, zygote to turn, with a small turn inside. */
#include <check.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/walls.h"
#include "harness.h"

static struct harness *harness;
static struct harness_agent agent;

static void setup(void) {
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    harness = harness_new("");
    ck_assert_msg(harness->hello != NULL, "no hello: %s", harness_log(harness));
    harness_spawn(harness, &agent);
}

static void teardown(void) {
    harness_agent_free(&agent);
    harness_free(harness);
}

static void expect_done(const char *turn, const char *text) {
    Cloister__Message *end = harness_next(&agent);
    ck_assert_msg(end->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE, "%s; log: %s",
                  msg_name(end->body_case), harness_log(harness));
    ck_assert_str_eq(end->turn_done->turn, turn);
    ck_assert_str_eq(agent.text, text);
}

static void expect_exited(const char *turn, int signal, int status) {
    Cloister__Message *end = harness_next(&agent);
    ck_assert_msg(end->body_case == CLOISTER__MESSAGE__BODY_TURN_EXITED, "%s; log: %s",
                  msg_name(end->body_case), harness_log(harness));
    ck_assert_str_eq(end->turn_exited->turn, turn);
    ck_assert_int_eq(end->turn_exited->signal, signal);
    ck_assert_int_eq(end->turn_exited->status, status);
}

START_TEST(every_property_is_reported) {
    const Cloister__ZygoteHello *hello = harness->hello->zygote_hello;
    ck_assert_uint_eq(hello->n_walls, WALL_MAX);
    for (size_t i = 0; i < hello->n_walls; i++) {
        printf("wall %s: %s (%s)\n", hello->walls[i]->property,
               hello->walls[i]->held ? "held" : "missing", hello->walls[i]->layers);
        if (strcmp(hello->walls[i]->property, RELAXED_PROPERTY) != 0)
            ck_assert_msg(hello->walls[i]->held, "%s", hello->walls[i]->property);
        ck_assert_str_ne(hello->walls[i]->layers, "");
    }
}
END_TEST

START_TEST(an_agent_is_who_it_should_be) {
    ck_assert_int_eq(agent.pid, agent.peer_pid);
    ck_assert_uint_eq(agent.peer_uid, harness->agent_uid);
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)agent.pid);
    FILE *status = fopen(path, "re");
    ck_assert_ptr_nonnull(status);
    unsigned seen = 0;
    while (fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, "CapEff:", 7) == 0 || strncmp(line, "CapPrm:", 7) == 0)
            seen += strstr(line, "0000000000000000") != NULL;
        if (strncmp(line, "NoNewPrivs:\t1", 13) == 0 || strncmp(line, "Seccomp:\t2", 10) == 0 ||
            strncmp(line, "Threads:\t1\n", 11) == 0)
            seen++;
    }
    (void)fclose(status);
    ck_assert_uint_eq(seen, 5);
}
END_TEST

START_TEST(turns_one_after_the_other) {
    for (unsigned i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof(id), "turn-%u", i);
        harness_turn(&agent, id, "good morning", 5000);
        expect_done(id, "good morning"); /* the next is asked for before this one has exited */
    }
}
END_TEST

static void ping(void) {
    Cloister__Ping body = CLOISTER__PING__INIT;
    body.sequence = 1;
    Cloister__Message message = MSG_OF(PING, ping, &body);
    ck_assert_int_eq(harness_send(&agent, &message), 0);
}

static void cancel(const char *turn) {
    Cloister__TurnCancel body = CLOISTER__TURN_CANCEL__INIT;
    body.turn = (char *)(uintptr_t)turn;
    Cloister__Message message = MSG_OF(TURN_CANCEL, turn_cancel, &body);
    ck_assert_int_eq(harness_send(&agent, &message), 0);
}

START_TEST(pings_are_answered_during_a_turn) {
    ping();
    ck_assert(harness_wait_count(harness, &agent.pongs, 1));
    harness_turn(&agent, "t", "hang", 60000);
    ping();
    ck_assert(harness_wait_count(harness, &agent.pongs, 2));
    cancel("t"); /* which it ignores: killed after the grace */
    expect_exited("t", SIGKILL, 0);
    harness_turn(&agent, "u", "and on", 5000);
    expect_done("u", "and on");
}
END_TEST

START_TEST(cancel_reaches_the_turn) {
    harness_turn(&agent, "t", "cancel", 60000);
    cancel("some other turn");
    cancel("t");
    expect_done("t", "");
}
END_TEST

START_TEST(replies_reach_the_turn) {
    harness_turn(&agent, "t", "reply", 60000);
    Cloister__HostReply body = CLOISTER__HOST_REPLY__INIT;
    body.turn = (char *)(uintptr_t) "t";
    Cloister__Message message = MSG_OF(HOST_REPLY, host_reply, &body);
    ck_assert_int_eq(harness_send(&agent, &message), 0);
    expect_done("t", "");
}
END_TEST

START_TEST(deadline_ends_a_turn) {
    harness_turn(&agent, "t", "hang", 50);
    expect_exited("t", SIGKILL, 0);
}
END_TEST

START_TEST(a_turn_that_just_ends) {
    harness_turn(&agent, "t", "exit", 5000);
    expect_exited("t", 0, 7);
    harness_turn(&agent, "u", "crash", 5000);
    expect_exited("u", SANITIZED ? 0 : SIGSEGV, SANITIZED ? 1 : 0); /* ASan says why, then exits */
    harness_turn(&agent, "v", "after half", 5000);
    expect_exited("v", 0, 9);
    ck_assert_str_eq(agent.text, "half");
}
END_TEST

/* What the agent had sent it and it never read must not cost its own last words. */
START_TEST(a_turn_may_leave_messages_unread) {
    for (unsigned i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t%u", i);
        harness_turn(&agent, id, "unread", 5000);
        while (agent.text_bytes == 0)
            ck_assert_int_eq(event_base_loop(harness->base, EVLOOP_ONCE), 0);
        Cloister__TurnCredit body = CLOISTER__TURN_CREDIT__INIT;
        body.turn = id;
        body.bytes = 1;
        Cloister__Message message = MSG_OF(TURN_CREDIT, turn_credit, &body);
        ck_assert_int_eq(harness_send(&agent, &message), 0);
        expect_done(id, "first and last words");
    }
}
END_TEST

/* An answer of keys that comes when its turn is gone holds keys in the clear. */
START_TEST(late_keys_are_dropped) {
    harness_turn(&agent, "t", "good morning", 5000);
    expect_done("t", "good morning");
    ck_assert_int_eq(send(agent.keys_fd, "key", 3, MSG_NOSIGNAL), 3);
    int waiting = 1;
    for (uint64_t end = clock_ms() + 5000; waiting > 0;) {
        ck_assert_uint_lt(clock_ms(), end);
        (void)poll(NULL, 0, 1);
        ck_assert_int_eq(ioctl(agent.keys_fd, SIOCOUTQ, &waiting), 0);
    }
    harness_turn(&agent, "u", "and on", 5000);
    expect_done("u", "and on");
}
END_TEST

static pid_t pid_of_turn(void) {
    char path[64], text[32] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)agent.pid, (int)agent.pid);
    FILE *file = fopen(path, "re");
    pid_t turn = file != NULL && fgets(text, sizeof(text), file) != NULL ? atoi(text) : 0;
    if (file != NULL)
        (void)fclose(file);
    return turn;
}

static int policy_of_turn(void) {
    pid_t turn = pid_of_turn();
    return turn > 0 ? sched_getscheduler(turn) : -1;
}

/* 'R', 'T' and the like, of proc_pid_stat(5). */
static void expect_state(char wanted) {
    for (uint64_t end = clock_ms() + 10000;;) {
        char path[64], state = '?';
        (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid_of_turn());
        FILE *file = fopen(path, "re");
        bool read = file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
        if (file != NULL)
            (void)fclose(file);
        if (read && state == wanted)
            return;
        ck_assert_msg(clock_ms() < end, "is %c, never %c", state, wanted);
        (void)poll(NULL, 0, 1);
    }
}

/* Whoever computes for long does it when nobody else wants to; whoever waits is left as it is. */
START_TEST(a_turn_that_computes_is_set_behind_others) {
    harness_turn(&agent, "t", "burn", 60000);
    for (uint64_t end = clock_ms() + 10000; policy_of_turn() != SCHED_IDLE;) {
        ck_assert_uint_lt(clock_ms(), end);
        (void)poll(NULL, 0, 10);
    }
    ck_assert_int_eq(sched_getscheduler(agent.pid), SCHED_OTHER);
    for (int i = 0; i < 3; i++) { /* on and off, as long as it goes on */
        expect_state('T');
        expect_state('R');
    }
    expect_state('T');
    cancel("t"); /* what stands still can be ended all the same */
    expect_exited("t", SIGKILL, 0);
    harness_turn(&agent, "u", "hang", 60000);
    for (uint64_t end = clock_ms() + 500; clock_ms() < end;) {
        ck_assert_int_ne(policy_of_turn(), SCHED_IDLE);
        (void)poll(NULL, 0, 10);
    }
}
END_TEST

START_TEST(a_turn_that_lingers_gives_way) {
    harness_turn(&agent, "t", "linger", 60000);
    expect_done("t", "");
    harness_turn(&agent, "u", "next", 5000); /* waits until the first has been ended */
    expect_done("u", "next");
}
END_TEST

START_TEST(a_turn_speaks_for_itself_alone) {
    harness_turn(&agent, "t", "other", 60000);
    expect_exited("t", SIGKILL, 0);
    ck_assert_str_eq(agent.text, "");
    harness_turn(&agent, "u", "garbage", 60000);
    expect_exited("u", SIGKILL, 0);
}
END_TEST

START_TEST(sessions_go_from_turn_to_turn) {
    harness_turn(&agent, "t", "left", 5000);
    expect_done("t", "left: ");
    harness_turn(&agent, "u", "leave a ticket", 5000); /* cloisterd hears nothing of it */
    expect_done("u", "");
    harness_turn(&agent, "v", "left", 5000);
    expect_done("v", "left: a ticket");
    harness_turn(&agent, "w", "leave-other", 60000);
    expect_exited("w", SIGKILL, 0);
    harness_turn(&agent, "x", "left", 5000);
    expect_done("x", "left: a ticket");
}
END_TEST

START_TEST(a_sessions_time_is_not_the_end_of_its_turn) {
    harness_turn(&agent, "t", "leave-late", 5000);
    expect_done("t", "");
    harness_turn(&agent, "u", "bound", 5000);
    expect_done("u", "in time");
}
END_TEST

START_TEST(a_flood_waits_for_its_reader) {
    harness_turn(&agent, "t", "flood", 60000);
    while (agent.text_bytes < (16u << 20)) {
        size_t before = agent.text_bytes;
        for (uint64_t end = clock_ms() + 5000; agent.text_bytes == before;) {
            ck_assert_uint_lt(clock_ms(), end);
            (void)event_base_loop(harness->base, EVLOOP_ONCE);
        }
    }
    ping();
    ck_assert(harness_wait_count(harness, &agent.pongs, 1));
    cancel("t");
    /* It is not read for a while: nothing grows, and it is ended all the same. */
    ck_assert_ptr_nonnull(harness_next(&agent));
    ck_assert_int_eq(agent.last->body_case, CLOISTER__MESSAGE__BODY_TURN_EXITED);
}
END_TEST

START_TEST(keys_and_egress_are_reached_by_their_channels) {
    harness_turn(&agent, "t", "keys", 60000);
    struct msg_peer turn = {ROLE_TURN, ROLE_KEYS, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *ask = NULL;
    ck_assert_int_eq(seq_recv_wait(agent.keys_fd, &turn, 10000, &ask, NULL), 0);
    ck_assert_int_eq(ask->body_case, CLOISTER__MESSAGE__BODY_KEY_ASK);
    Cloister__KeyGrant grant = CLOISTER__KEY_GRANT__INIT;
    grant.epoch = 42;
    Cloister__Message message = MSG_OF(KEY_GRANT, key_grant, &grant);
    ck_assert_int_eq(seq_send(agent.keys_fd, &message, -1), 0);
    struct msg_peer from_agent = {ROLE_AGENT, ROLE_EGRESS, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *announce = NULL;
    SCOPE_FD int unused = -1;
    ck_assert_int_eq(seq_recv_wait(agent.egress_fd, &from_agent, 10000, &announce, &unused), 0);
    expect_done("t", "epoch 42");

    harness_turn(&agent, "u", "dial", 60000);
    SCOPE_MSG Cloister__Message *again = NULL, *dial = NULL;
    SCOPE_FD int channel = -1;
    ck_assert_int_eq(seq_recv_wait(agent.egress_fd, &from_agent, 10000, &again, &channel), 0);
    struct msg_peer dials = {ROLE_TURN, ROLE_EGRESS, PHASE_READY, {0}};
    ck_assert_int_eq(seq_recv_wait(channel, &dials, 10000, &dial, NULL), 0);
    ck_assert_str_eq(dial->dial->host, "calendar.test");
    int wire[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire), 0);
    Cloister__DialResult result = CLOISTER__DIAL_RESULT__INIT;
    Cloister__Message answer = MSG_OF(DIAL_RESULT, dial_result, &result);
    ck_assert_int_eq(seq_send(channel, &answer, wire[0]), 0);
    char text[8] = "";
    ck_assert_int_eq(recv(wire[1], text, sizeof(text), 0), 4);
    ck_assert_int_eq(send(wire[1], "pong", 4, 0), 4);
    expect_done("u", "pong");
    /* The turn is gone and with it its channel. */
    SCOPE_MSG Cloister__Message *none = NULL;
    ck_assert_int_eq(seq_recv_wait(channel, &dials, 10000, &none, NULL), -ECONNRESET);
    (void)close(wire[0]);
    (void)close(wire[1]);
}
END_TEST

START_TEST(walls_inside_a_turn) {
    static const struct {
        const char *what, *answer; /* NULL: the process dies of it */
    } tries[] = {
        {"try zone", "zone: worked"}, /* the control: what is allowed works */
        {"try lock", "lock: worked"},
        {"try socket", "socket: Permission denied"},
        {"try connect", "connect: Permission denied"},
        {"try read", "read: No such file or directory"},
        {"try write", NULL},
        {"try exec", NULL},
        {"try kill", NULL},
        {"try ptrace", NULL},
        {"try unshare", NULL},
        {"try fork", NULL},
        {"try exec-memory", NULL},
        {"try fastopen", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        harness_turn(&agent, tries[i].what, tries[i].what, 5000);
        if (tries[i].answer == NULL)
            expect_exited(tries[i].what, SIGSYS, 0);
        else
            expect_done(tries[i].what, tries[i].answer);
    }
}
END_TEST

START_TEST(agents_outlive_their_zygote) {
    ck_assert_int_eq(kill(harness->zygote, SIGKILL), 0);
    ck_assert(harness_ended(harness->zygote_pidfd, 5000));
    harness_turn(&agent, "t", "still here", 5000);
    expect_done("t", "still here");
}
END_TEST

START_TEST(an_agent_ends_with_its_connection) {
    harness_turn(&agent, "t", "hang", 60000);
    ping();
    ck_assert(harness_wait_count(harness, &agent.pongs, 1));
    nng_end_drop(agent.end);
    ck_assert(harness_wait(harness, &agent.down));
    ck_assert(harness_ended(agent.pidfd, 5000)); /* and with PID 1 all in its namespace */
}
END_TEST

START_TEST(an_agent_ends_with_keys) {
    (void)shutdown(agent.keys_fd, SHUT_RDWR);
    ck_assert(harness_ended(agent.pidfd, 5000));
}
END_TEST

START_TEST(an_agent_can_be_killed) {
    harness_turn(&agent, "t", "hang", 60000);
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, agent.pidfd, SIGKILL, NULL, 0), 0);
    ck_assert(harness_ended(agent.pidfd, 5000));
    ck_assert(harness_wait(harness, &agent.down));
}
END_TEST

START_TEST(the_zygote_ends_with_its_services) {
    (void)close(take_fd(&harness->egress_fd));
    ck_assert(harness_ended(harness->zygote_pidfd, 5000));
}
END_TEST

START_TEST(the_zygote_ends_with_cloisterd) {
    (void)shutdown(harness->zygote_fd, SHUT_RDWR);
    ck_assert(harness_ended(harness->zygote_pidfd, 5000));
}
END_TEST

/* Operators are of its group as well, and its file may be run by that. The control is the harness
 * of all other tests. */
START_TEST(nobody_else_starts_a_zygote) {
    struct harness *stranger = harness_new_by("", 65534);
    ck_assert_ptr_null(stranger->hello);
    ck_assert_int_lt(stranger->keys_fd, 0);
    ck_assert_ptr_nonnull(
        strstr(harness_log(stranger), "this program is started by cloisterd alone"));
    harness_free(stranger);
}
END_TEST

START_TEST(a_bad_spawn_is_refused) {
    Cloister__Spawn body = CLOISTER__SPAWN__INIT;
    body.spawn = 9;
    body.origin = (char *)(uintptr_t) "root";
    body.socket = (char *)(uintptr_t) "../keys/keys.sock";
    Cloister__Message message = MSG_OF(SPAWN, spawn, &body);
    ck_assert_int_eq(seq_send(harness->zygote_fd, &message, harness->log_write_fd), 0);
    SCOPE_MSG Cloister__Message *spawned = NULL;
    ck_assert_int_eq(seq_recv_wait(harness->zygote_fd, &harness->from_zygote, 5000, &spawned, NULL),
                     0);
    ck_assert_int_eq(spawned->spawned->error, EINVAL);
}
END_TEST

/* Trying the walls makes processes; none of them may be left (this one is their subreaper). */
START_TEST(attempts_leave_no_process) {
    char path[64], line[256];
    unsigned left = 0;
    for (uint64_t end = clock_ms() + 5000; clock_ms() < end;) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
        FILE *children = fopen(path, "re");
        ck_assert_ptr_nonnull(children);
        left = 0;
        if (fgets(line, sizeof(line), children) != NULL)
            for (char *at = line; (at = strchr(at, ' ')) != NULL; at++)
                left++;
        (void)fclose(children);
        if (left == 2)
            return;
        (void)poll(NULL, 0, 20);
    }
    ck_abort_msg("%u processes instead of zygote and agent: %s", left, line);
}
END_TEST

START_TEST(many_agents) {
    static struct harness_agent many[50];
    for (size_t i = 0; i < COUNT_OF(many); i++)
        harness_spawn(harness, &many[i]);
    for (size_t i = 0; i < COUNT_OF(many); i++)
        harness_turn(&many[i], "t", "hello", 10000);
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        ck_assert(harness_wait_count(harness, &many[i].messages, 1));
        ck_assert_str_eq(many[i].text, "hello");
    }
    for (size_t i = 0; i < COUNT_OF(many); i++)
        harness_agent_free(&many[i]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("agent");
    TCase *tcase = tcase_create("agent");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, every_property_is_reported);
    tcase_add_test(tcase, an_agent_is_who_it_should_be);
    tcase_add_test(tcase, turns_one_after_the_other);
    tcase_add_test(tcase, pings_are_answered_during_a_turn);
    tcase_add_test(tcase, cancel_reaches_the_turn);
    tcase_add_test(tcase, replies_reach_the_turn);
    tcase_add_test(tcase, deadline_ends_a_turn);
    tcase_add_test(tcase, a_turn_that_just_ends);
    tcase_add_test(tcase, a_turn_may_leave_messages_unread);
    tcase_add_test(tcase, late_keys_are_dropped);
    tcase_add_test(tcase, a_turn_that_computes_is_set_behind_others);
    tcase_add_test(tcase, a_turn_that_lingers_gives_way);
    tcase_add_test(tcase, a_turn_speaks_for_itself_alone);
    tcase_add_test(tcase, sessions_go_from_turn_to_turn);
    tcase_add_test(tcase, a_sessions_time_is_not_the_end_of_its_turn);
    tcase_add_test(tcase, a_flood_waits_for_its_reader);
    tcase_add_test(tcase, keys_and_egress_are_reached_by_their_channels);
    tcase_add_test(tcase, walls_inside_a_turn);
    tcase_add_test(tcase, agents_outlive_their_zygote);
    tcase_add_test(tcase, an_agent_ends_with_its_connection);
    tcase_add_test(tcase, an_agent_ends_with_keys);
    tcase_add_test(tcase, an_agent_can_be_killed);
    tcase_add_test(tcase, the_zygote_ends_with_its_services);
    tcase_add_test(tcase, the_zygote_ends_with_cloisterd);
    tcase_add_test(tcase, nobody_else_starts_a_zygote);
    tcase_add_test(tcase, a_bad_spawn_is_refused);
    tcase_add_test(tcase, attempts_leave_no_process);
    tcase_add_test(tcase, many_agents);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
