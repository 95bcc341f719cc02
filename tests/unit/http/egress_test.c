/* cloister-egress from outside: who may speak, where a dial may go, how it all ends. Each refusal
 * stands beside its control. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "build_config.h"
#include "stack.h"

/* True when the other end hangs up within 5 s. */
static bool hangs_up(int fd) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&wait, 1, 5000) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static bool can_dial(int turn) {
    SCOPE_FD int fd = stack_dial(turn, "localhost", stack.server.port[SERVER_PLAIN]);
    return fd >= 0;
}

START_TEST(only_the_agents_user) {
    SCOPE_FD int as_root = stack_connect("root");
    SCOPE_FD int as_other = stack_connect(CLOISTER_USER_EGRESS);
    SCOPE_FD int as_agent = stack_connect(CLOISTER_USER_AGENT);
    ck_assert(hangs_up(as_root));
    ck_assert(hangs_up(as_other));
    stack.zygote = as_agent;
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int turn = stack_turn(agent);
    ck_assert(can_dial(turn)); /* control */
}
END_TEST

START_TEST(hosts_that_are_refused) {
    static const char *const hosts[] = {"elsewhere.example", "localhost.",       "LOCALHOST ",
                                        "%6cocalhost",       "localhost%00",     "127.1",
                                        "2130706433",        "0x7f000001",       "0x7f.0.0.1",
                                        "0177.0.0.1",        "::ffff:127.0.0.1", "::1",
                                        "[127.0.0.1]",       "0.0.0.0",          "",
                                        "localhost@x",       "x.localhost",      "0",
                                        "127.0.0.1.",        "localhost\n",      "169.254.169.254",
                                        "localhost:443",     "../etc",           "127.000.000.001"};
    uint16_t port = stack.server.port[SERVER_PLAIN];
    SCOPE_FD int agent = stack_agent();
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        SCOPE_FD int turn = stack_turn(agent);
        ck_assert_msg(stack_dial(turn, hosts[i], port) == -EACCES, "%s was dialled", hosts[i]);
        SCOPE_FD int fine = stack_dial(turn, "LocalHost", port); /* control: any case */
        ck_assert_int_ge(fine, 0);
        SCOPE_FD int address = stack_dial(turn, "127.0.0.1", port);
        ck_assert_int_ge(address, 0);
    }
}
END_TEST

/* Configured hosts may not be private unless [egress] allow says so; another port is another host.
 */
START_TEST(private_and_other_ports) {
    const struct server *s = &stack.server;
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int turn = stack_turn(agent);
    int before = stack.server.seen[SERVER_PLAIN_TOO].accepted;
    ck_assert_int_eq(stack_dial(turn, "localhost", s->port[SERVER_PLAIN_TOO]), -EACCES);
    ck_assert_int_eq(stack_dial(turn, "127.0.0.1", s->port[SERVER_PLAIN_TOO]), -EACCES);
    ck_assert_int_eq(stack_dial(turn, "localhost", 22), -EACCES);
    ck_assert_int_eq(stack_dial(turn, "does-not-exist.invalid", 443), -ENOENT);
    ck_assert_int_eq(stack_dial(turn, "localhost", s->closed_port), -ECONNREFUSED);
    ck_assert_int_eq(stack.server.seen[SERVER_PLAIN_TOO].accepted, before);
    ck_assert(can_dial(turn)); /* control */
}
END_TEST

static int send_raw(int fd, const void *data, size_t len) {
    return (int)send(fd, data, len, MSG_NOSIGNAL);
}

START_TEST(bad_message_ends_its_channel_alone) {
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int other_turn = stack_turn(agent);
    SCOPE_FD int turn = stack_turn(agent);
    ck_assert_int_gt(send_raw(turn, "nonsense", 8), 0);
    ck_assert(hangs_up(turn));
    Cloister__Dial dial = CLOISTER__DIAL__INIT;
    dial.host = (char *)"localhost";
    Cloister__Message message = MSG_OF(DIAL, dial, &dial);
    SCOPE_FD int bad_agent = stack_agent();
    ck_assert_int_eq(seq_send(bad_agent, &message, -1), 0); /* an agent may not dial */
    ck_assert(hangs_up(bad_agent));
    Cloister__EgressTurn body = CLOISTER__EGRESS_TURN__INIT;
    Cloister__Message passing = MSG_OF(EGRESS_TURN, egress_turn, &body);
    SCOPE_FD int without = stack_agent();
    ck_assert_int_eq(seq_send(without, &passing, -1), 0); /* no channel with it */
    ck_assert(hangs_up(without));
    SCOPE_FD int with_pipe = stack_agent();
    int pipe_ends[2];
    ck_assert_int_eq(pipe(pipe_ends), 0);
    ck_assert_int_eq(seq_send(with_pipe, &passing, pipe_ends[0]), 0); /* something else with it */
    ck_assert(hangs_up(with_pipe));
    char large[4096];
    memset(large, 'x', sizeof(large));
    SCOPE_FD int big_turn = stack_turn(agent);
    dial.host = large;
    large[sizeof(large) - 1] = '\0';
    Cloister__Message big = MSG_OF(DIAL, dial, &dial);
    ck_assert_int_eq(seq_send(big_turn, &big, -1), -EMSGSIZE); /* our own end refuses */
    uint8_t packed[8192];
    big.protocol = PROTOCOL_VERSION;
    size_t len = cloister__message__pack(&big, packed);
    ck_assert_int_gt(send_raw(big_turn, packed, len), 0);
    ck_assert(hangs_up(big_turn));
    SCOPE_FD int bad_zygote = stack_connect(CLOISTER_USER_AGENT);
    ck_assert_int_eq(seq_send(bad_zygote, &passing, agent), 0); /* a zygote has no turns */
    ck_assert(hangs_up(bad_zygote));
    ck_assert(can_dial(other_turn)); /* control: everybody else goes on */
}
END_TEST

START_TEST(channel_end_revokes) {
    SCOPE_FD int agent = stack_agent();
    int turn = stack_turn(agent);
    SCOPE_FD int kept = stack_turn(agent);
    SCOPE_FD int fd = stack_dial(turn, "localhost", stack.server.port[SERVER_MUTE]);
    SCOPE_FD int fd_kept = stack_dial(kept, "localhost", stack.server.port[SERVER_MUTE]);
    char byte;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(fd_kept, 0);
    ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    (void)close(turn);
    ck_assert(hangs_up(fd)); /* although this process still has the descriptor */
    ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1);
    ck_assert_int_eq(errno, EPIPE);
    ck_assert_int_eq(send(fd_kept, "x", 1, MSG_NOSIGNAL), 1); /* control */
    ck_assert_int_eq(recv(fd_kept, &byte, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(agent_end_revokes_its_turns) {
    int agent = stack_agent();
    SCOPE_FD int other = stack_agent();
    SCOPE_FD int turn = stack_turn(agent);
    SCOPE_FD int other_turn = stack_turn(other);
    SCOPE_FD int fd = stack_dial(turn, "localhost", stack.server.port[SERVER_MUTE]);
    ck_assert_int_ge(fd, 0);
    (void)close(agent);
    ck_assert(hangs_up(turn));
    ck_assert(hangs_up(fd));
    ck_assert(can_dial(other_turn));
}
END_TEST

START_TEST(zygote_end_leaves_agents) {
    SCOPE_FD int zygote = stack_connect(CLOISTER_USER_AGENT);
    stack.zygote = zygote;
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int turn = stack_turn(agent);
    ck_assert(can_dial(turn));
    (void)shutdown(zygote, SHUT_RDWR);
    ck_assert(can_dial(turn));
    SCOPE_FD int next = stack_turn(agent);
    ck_assert(can_dial(next));
}
END_TEST

START_TEST(dials_of_a_turn_are_counted) {
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int turn = stack_turn(agent);
    for (int i = 0; i < 32; i++) {
        int fd = stack_dial(turn, "localhost", stack.server.port[SERVER_PLAIN]);
        ck_assert_msg(fd >= 0, "dial %d: %d", i, fd);
        (void)shutdown(fd, SHUT_RDWR);
        (void)close(fd);
    }
    ck_assert_int_eq(stack_dial(turn, "localhost", stack.server.port[SERVER_PLAIN]), -EDQUOT);
    SCOPE_FD int next = stack_turn(agent);
    ck_assert(can_dial(next)); /* control: another turn has its own */
}
END_TEST

/* Asking for what is not to be had is answered so often, and no more. */
START_TEST(refusals_of_a_turn_are_counted) {
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int turn = stack_turn(agent);
    int r = 0, refused = 0;
    while (refused < 1000 && (r = stack_dial(turn, "elsewhere.example", 443)) != -ECONNRESET &&
           r != -EPIPE)
        refused++;
    ck_assert(r == -ECONNRESET || r == -EPIPE);
    ck_assert_int_eq(refused, 64);
    SCOPE_FD int next = stack_turn(agent);
    ck_assert(can_dial(next)); /* control */
}
END_TEST

START_TEST(connections_at_once_are_counted) {
    int fds[8];
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int turn = stack_turn(agent);
    for (int i = 0; i < 8; i++) {
        fds[i] = stack_dial(turn, "localhost", stack.server.port[SERVER_MUTE]);
        ck_assert_int_ge(fds[i], 0);
    }
    ck_assert_int_eq(stack_dial(turn, "localhost", stack.server.port[SERVER_MUTE]), -EDQUOT);
    (void)shutdown(fds[3], SHUT_RDWR);
    (void)close(fds[3]);
    fds[3] = stack_dial(turn, "localhost", stack.server.port[SERVER_MUTE]);
    ck_assert_int_ge(fds[3], 0); /* control: room again */
    for (int i = 0; i < 8; i++)
        (void)close(fds[i]);
}
END_TEST

/* Reads of what has no end, at most so much; how much came. `slowly`: so that little comes between
 * two looks of egress. */
static uint64_t read_endless(int turn, uint64_t most, bool slowly) {
    static const char request[] = "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n";
    static char piece[1 << 18];
    SCOPE_FD int fd = stack_dial(turn, "localhost", stack.server.port[SERVER_PLAIN]);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), 0);
    uint64_t got = 0;
    while (got < most) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ck_assert_int_eq(poll(&wait, 1, 10000), 1);
        ssize_t n = recv(fd, piece, slowly ? 1 << 16 : sizeof(piece), MSG_DONTWAIT);
        if (n <= 0)
            break;
        got += (uint64_t)n;
        if (slowly)
            (void)poll(NULL, 0, 10);
    }
    (void)shutdown(fd, SHUT_RDWR);
    return got;
}

START_TEST(bytes_of_a_turn_are_counted) {
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int turn = stack_turn(agent);
    ck_assert_uint_gt(read_endless(turn, UINT64_MAX, false), 60u << 20);
    ck_assert_int_eq(stack_dial(turn, "localhost", stack.server.port[SERVER_PLAIN]), -EDQUOT);
    SCOPE_FD int next = stack_turn(agent);
    ck_assert(can_dial(next)); /* control */
}
END_TEST

/* Over as many connections as it likes: what has ended counts on. */
START_TEST(bytes_of_all_its_connections_are_counted) {
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int turn = stack_turn(agent);
    uint64_t got = read_endless(turn, 40u << 20, false);
    (void)poll(NULL, 0, 600); /* the first is looked at, and gone */
    got += read_endless(turn, UINT64_MAX, true);
    ck_assert_uint_gt(got, 60u << 20);
    ck_assert_uint_lt(got, 95u << 20);
}
END_TEST

START_TEST(turns_at_once_are_counted) {
    int turns[8];
    SCOPE_FD int agent = stack_agent();
    for (int i = 0; i < 8; i++) {
        turns[i] = stack_turn(agent);
        ck_assert(can_dial(turns[i]));
    }
    SCOPE_FD int ninth = stack_turn(agent);
    ck_assert(hangs_up(ninth));
    (void)close(turns[0]);
    bool room = false;
    for (int i = 0; i < 1000 && !room; i++) { /* egress hears of the end a moment later */
        turns[0] = stack_turn(agent);
        room = can_dial(turns[0]);
        if (!room)
            (void)close(turns[0]);
    }
    ck_assert(room); /* control */
    for (int i = 0; i < 8; i++)
        (void)close(turns[i]);
}
END_TEST

START_TEST(turns_of_an_agent_are_limited) {
    int refused = 0, refused_early = 0;
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int other = stack_agent();
    for (int i = 0; i < 600; i++) {
        int turn = stack_turn(agent);
        bool refusal = !can_dial(turn);
        refused += refusal;
        refused_early += refusal && i < 100;
        (void)close(turn);
    }
    SCOPE_FD int calm = stack_turn(other);
    ck_assert(can_dial(calm)); /* control */
    ck_assert_int_eq(refused_early, 0);
    ck_assert_int_gt(refused, 0);
}
END_TEST

/* An agent keeps the end that it passed: that is full, and waits, when egress answers. */
START_TEST(a_full_channel_keeps_nobody_waiting) {
    int ends[2];
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int other = stack_agent();
    SCOPE_FD int other_turn = stack_turn(other);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    Cloister__EgressTurn body = CLOISTER__EGRESS_TURN__INIT;
    Cloister__Message passing = MSG_OF(EGRESS_TURN, egress_turn, &body);
    ck_assert_int_eq(seq_send(agent, &passing, ends[1]), 0);
    ck_assert(can_dial(ends[0])); /* egress has it, and has made it one that does not wait */
    while (send(ends[1], "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
        ;
    ck_assert_int_eq(fcntl(ends[1], F_SETFL, fcntl(ends[1], F_GETFL) & ~O_NONBLOCK), 0);
    Cloister__Dial dial = CLOISTER__DIAL__INIT;
    dial.host = (char *)"elsewhere.example";
    Cloister__Message message = MSG_OF(DIAL, dial, &dial);
    ck_assert_int_eq(seq_send(ends[0], &message, -1), 0);
    for (int i = 0; i < 3; i++) /* the first may have been asked for in the same moment */
        ck_assert(can_dial(other_turn));
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

/* close() of the last descriptor would wait as long as SO_LINGER says for what nobody reads. */
START_TEST(a_lingering_connection_keeps_nobody_waiting) {
    static const struct linger long_time = {1, 3600};
    static char piece[1 << 16];
    SCOPE_FD int agent = stack_agent();
    SCOPE_FD int other_turn = stack_turn(agent);
    int turn = stack_turn(agent);
    int fd = stack_dial(turn, "localhost", stack.server.deaf_port);
    ck_assert_int_ge(fd, 0);
    while (send(fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &long_time, sizeof(long_time)), 0);
    (void)close(fd); /* egress has it still, so this waits for nothing */
    (void)close(turn);
    for (int i = 0; i < 3; i++)
        ck_assert(can_dial(other_turn));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("egress");
    TCase *t = tcase_create("egress");
    tcase_add_unchecked_fixture(t, stack_setup, stack_teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, only_the_agents_user);
    tcase_add_test(t, hosts_that_are_refused);
    tcase_add_test(t, private_and_other_ports);
    tcase_add_test(t, bad_message_ends_its_channel_alone);
    tcase_add_test(t, channel_end_revokes);
    tcase_add_test(t, agent_end_revokes_its_turns);
    tcase_add_test(t, zygote_end_leaves_agents);
    tcase_add_test(t, dials_of_a_turn_are_counted);
    tcase_add_test(t, refusals_of_a_turn_are_counted);
    tcase_add_test(t, connections_at_once_are_counted);
    tcase_add_test(t, bytes_of_a_turn_are_counted);
    tcase_add_test(t, bytes_of_all_its_connections_are_counted);
    tcase_add_test(t, a_full_channel_keeps_nobody_waiting);
    tcase_add_test(t, a_lingering_connection_keeps_nobody_waiting);
    tcase_add_test(t, turns_at_once_are_counted);
    tcase_add_test(t, turns_of_an_agent_are_limited);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
