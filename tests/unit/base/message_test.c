/* ipc/message: nothing is accepted but what messages.def lists, from whom and when it lists it. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "ipc/message.h"

static uint8_t wire[MESSAGE_MAX];

static size_t pack_ping(void) {
    Cloister__Ping ping = CLOISTER__PING__INIT;
    ping.sequence = 7;
    Cloister__Message message = MSG_OF(PING, ping, &ping);
    ssize_t len = msg_encode(&message, wire, sizeof(wire));
    ck_assert_int_gt(len, 0);
    return (size_t)len;
}

START_TEST(listed_message_passes_and_every_rule_refuses) {
    size_t len = pack_ping();
    struct msg_peer good = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
    Cloister__Message *got = NULL;
    ck_assert_int_eq(msg_decode(&good, wire, len, 0, &got), 0);
    ck_assert_int_eq(got->body_case, CLOISTER__MESSAGE__BODY_PING);
    ck_assert_uint_eq(got->ping->sequence, 7);
    msg_free(got);
    struct msg_peer other_sender = {ROLE_TURN, ROLE_AGENT, PHASE_READY, {0}};
    struct msg_peer other_receiver = {ROLE_SUPERVISOR, ROLE_ZYGOTE, PHASE_READY, {0}};
    struct msg_peer other_phase = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_START, {0}};
    ck_assert_int_eq(msg_decode(&other_sender, wire, len, 0, &got), -EPERM);
    ck_assert_int_eq(msg_decode(&other_receiver, wire, len, 0, &got), -EPERM);
    ck_assert_int_eq(msg_decode(&other_phase, wire, len, 0, &got), -EPERM);
    ck_assert_int_eq(msg_decode(&good, wire, len, 1, &got), -EBADMSG);
    ck_assert_int_eq(msg_decode(&good, wire, len - 1, 0, &got), -EPROTO);
    ck_assert_int_eq(msg_decode(&good, (const uint8_t *)"", 0, 0, &got), -EPROTO);
}
END_TEST

START_TEST(once_means_once) {
    Cloister__AgentHello hello = CLOISTER__AGENT_HELLO__INIT;
    Cloister__Message message = MSG_OF(AGENT_HELLO, agent_hello, &hello), *got = NULL;
    ssize_t len = msg_encode(&message, wire, sizeof(wire));
    struct msg_peer peer = {ROLE_AGENT, ROLE_SUPERVISOR, PHASE_START, {0}};
    ck_assert_int_eq(msg_decode(&peer, wire, (size_t)len, 0, &got), 0);
    msg_free(got);
    ck_assert_int_eq(msg_decode(&peer, wire, (size_t)len, 0, &got), -EPERM);
}
END_TEST

START_TEST(other_protocol_versions_are_refused) {
    Cloister__Ping ping = CLOISTER__PING__INIT;
    Cloister__Message message = MSG_OF(PING, ping, &ping), *got = NULL;
    message.protocol = PROTOCOL_VERSION + 1;
    size_t len = cloister__message__pack(&message, wire);
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
    ck_assert_int_eq(msg_decode(&peer, wire, len, 0, &got), -EPROTO);
}
END_TEST

START_TEST(caps_hold_in_both_directions) {
    static char text[20000];
    memset(text, 'x', sizeof(text) - 1);
    Cloister__TurnDelta delta = CLOISTER__TURN_DELTA__INIT;
    delta.text = text;
    Cloister__Message message = MSG_OF(TURN_DELTA, turn_delta, &delta), *got = NULL;
    ck_assert_int_eq(msg_encode(&message, wire, sizeof(wire)), -EMSGSIZE);
    message.protocol = PROTOCOL_VERSION;
    size_t len = cloister__message__pack(&message, wire);
    struct msg_peer peer = {ROLE_TURN, ROLE_SUPERVISOR, PHASE_TURN, {0}};
    ck_assert_int_eq(msg_decode(&peer, wire, len, 0, &got), -EMSGSIZE);
}
END_TEST

START_TEST(bits_flipped_never_crash) {
    size_t len = pack_ping();
    uint8_t copy[64];
    ck_assert_uint_lt(len, sizeof(copy));
    for (size_t bit = 0; bit < len * 8; bit++) {
        memcpy(copy, wire, len);
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
        Cloister__Message *got = NULL;
        if (msg_decode(&peer, copy, len, 0, &got) == 0)
            msg_free(got);
    }
}
END_TEST

START_TEST(descriptors_travel_with_their_message) {
    int ends[2], fd = -1;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    Cloister__EgressTurn turn = CLOISTER__EGRESS_TURN__INIT;
    Cloister__Message message = MSG_OF(EGRESS_TURN, egress_turn, &turn), *got = NULL;
    struct msg_peer peer = {ROLE_AGENT, ROLE_EGRESS, PHASE_READY, {0}};
    int null = open("/dev/null", O_RDONLY);
    ck_assert_int_eq(seq_recv(ends[1], &peer, &got, &fd), -EAGAIN);
    ck_assert_int_eq(seq_send(ends[0], &message, null), 0);
    ck_assert_int_eq(seq_recv(ends[1], &peer, &got, &fd), 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    close(fd);
    msg_free(got);
    ck_assert_int_eq(seq_send(ends[0], &message, -1),
                     0); /* listed with one descriptor, sent without */
    ck_assert_int_eq(seq_recv(ends[1], &peer, &got, &fd), -EBADMSG);
    close(ends[0]);
    ck_assert_int_eq(seq_recv(ends[1], &peer, &got, &fd), -ECONNRESET);
}
END_TEST

START_TEST(last_words_of_a_peer_that_did_not_read) {
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    Cloister__Ping ping = CLOISTER__PING__INIT;
    Cloister__Message message = MSG_OF(PING, ping, &ping), *got = NULL;
    ck_assert_int_eq(seq_send(pair[0], &message, -1), 0);
    ck_assert_int_eq(seq_send(pair[1], &message, -1), 0); /* never read */
    (void)close(pair[0]);
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
    ck_assert_int_eq(seq_recv(pair[1], &peer, &got, NULL), 0);
    msg_free(got);
    ck_assert_int_eq(seq_recv(pair[1], &peer, &got, NULL), -ECONNRESET);
    (void)close(pair[1]);
}
END_TEST

/* Found by tests/fuzz: protobuf-c keeps such fields, even with the number 0, and packs them again.
 */
START_TEST(fields_of_no_row_are_dropped) {
    static const uint8_t unknown[] = {0x9a, 0xff, 0x00, 0x00, 0x82, 0x00, 0x00};
    size_t len = pack_ping();
    memcpy(wire + len, unknown, sizeof(unknown));
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
    Cloister__Message *got = NULL;
    ck_assert_int_eq(msg_decode(&peer, wire, len + sizeof(unknown), 0, &got), 0);
    ck_assert_uint_eq(got->base.n_unknown_fields, 0);
    ck_assert_int_eq(msg_encode(got, wire, sizeof(wire)), (ssize_t)len);
    msg_free(got);
}
END_TEST

START_TEST(waiting_ends_in_time) {
    int ends[2], fd = -1;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    struct msg_peer peer = {ROLE_AGENT, ROLE_EGRESS, PHASE_READY, {0}};
    Cloister__Message *got = NULL;
    uint64_t began = clock_ms();
    ck_assert_int_eq(seq_recv_wait(ends[1], &peer, 50, &got, &fd), -ETIMEDOUT);
    ck_assert_uint_ge(clock_ms() - began, 49);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("message");
    TCase *tcase = tcase_create("message");
    tcase_add_test(tcase, listed_message_passes_and_every_rule_refuses);
    tcase_add_test(tcase, once_means_once);
    tcase_add_test(tcase, other_protocol_versions_are_refused);
    tcase_add_test(tcase, caps_hold_in_both_directions);
    tcase_add_test(tcase, bits_flipped_never_crash);
    tcase_add_test(tcase, descriptors_travel_with_their_message);
    tcase_add_test(tcase, last_words_of_a_peer_that_did_not_read);
    tcase_add_test(tcase, waiting_ends_in_time);
    tcase_add_test(tcase, fields_of_no_row_are_dropped);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
