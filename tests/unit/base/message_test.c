/* ipc/message: nothing is accepted but what messages.def lists, from whom and when it lists it. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "ipc/folder.h"
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

/* BUSINESS_CALL goes from the gateway to cloisterd and on to cloister-business. */
START_TEST(no_program_speaks_to_itself) {
    Cloister__BusinessCall call = CLOISTER__BUSINESS_CALL__INIT;
    Cloister__Message message = MSG_OF(BUSINESS_CALL, business_call, &call), *got = NULL;
    ssize_t len = msg_encode(&message, wire, sizeof(wire));
    ck_assert_int_gt(len, 0);
    struct msg_peer itself = {ROLE_SUPERVISOR, ROLE_SUPERVISOR, PHASE_READY, {0}};
    struct msg_peer gateway = {ROLE_GATEWAY, ROLE_SUPERVISOR, PHASE_READY, {0}};
    struct msg_peer supervisor = {ROLE_SUPERVISOR, ROLE_BUSINESS, PHASE_READY, {0}};
    ck_assert_int_eq(msg_decode(&itself, wire, (size_t)len, 0, &got), -EPERM);
    ck_assert_int_eq(msg_decode(&gateway, wire, (size_t)len, 0, &got), 0);
    msg_free(got);
    ck_assert_int_eq(msg_decode(&supervisor, wire, (size_t)len, 0, &got), 0);
    msg_free(got);
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

/* As a peer that keeps to nothing would: bytes, and `n` copies of a descriptor. */
static void send_with(int fd, const void *data, size_t len, size_t n) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 8)];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)data, len};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = CMSG_SPACE(sizeof(int) * n)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&packet);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * n);
    for (size_t i = 0; i < n; i++)
        memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
    ck_assert_int_eq(sendmsg(fd, &packet, 0), (ssize_t)len);
}

static unsigned descriptors_open(void) {
    unsigned n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* A peer that sends what nobody asked for uses up no descriptors, however many come. */
START_TEST(descriptors_that_are_refused_are_closed) {
    int ends[2], fd = -1;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    size_t len = pack_ping(); /* a row without any */
    const unsigned before = descriptors_open();
    for (size_t n = 1; n <= 8; n++) {
        struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
        Cloister__Message *got = NULL;
        send_with(ends[0], wire, len, n);
        ck_assert_int_lt(seq_recv(ends[1], &peer, &got, &fd), 0);
        ck_assert_uint_eq(descriptors_open(), before);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
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

/* On a socket that would wait: its flag is for others to change, too. */
START_TEST(sending_never_waits) {
    int ends[2], r;
    size_t sent = 0;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
    Cloister__Ping ping = CLOISTER__PING__INIT;
    Cloister__Message message = MSG_OF(PING, ping, &ping), *got = NULL;
    while ((r = seq_send(ends[0], &message, -1)) == 0)
        sent++;
    ck_assert_int_eq(r, -EAGAIN);
    uint64_t began = clock_ms();
    ck_assert_int_eq(seq_send_wait(ends[0], &message, -1, 50), -ETIMEDOUT);
    ck_assert_uint_ge(clock_ms() - began, 49);
    for (; sent > 0; sent--) {
        ck_assert_int_eq(seq_recv(ends[1], &peer, &got, NULL), 0);
        msg_free(got);
    }
    ck_assert_int_eq(seq_send_wait(ends[0], &message, -1, 5000), 0);
    ck_assert_int_eq(seq_recv(ends[1], &peer, &got, NULL), 0);
    msg_free(got);
    (void)close(ends[1]);
    ck_assert_int_eq(seq_send_wait(ends[0], &message, -1, 5000), -EPIPE);
    (void)close(ends[0]);
}
END_TEST

/* Whoever has the folder may exchange the name as soon as it is there. */
static char listener[80], victim[80];
int __real_bind(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len) {
    int r = __real_bind(fd, address, len);
    if (victim[0] != '\0')
        ck_assert(unlink(listener) == 0 && symlink(victim, listener) == 0);
    return r;
}
static mode_t mode_of(const char *path) {
    struct stat st;
    ck_assert_int_eq(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

START_TEST(a_listener_has_its_mode_and_nothing_else_has) {
    char dir[] = "/tmp/cloister-listen.XXXXXX", file[80];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(listener, sizeof(listener), "%s/sock", dir);
    (void)snprintf(file, sizeof(file), "%s/file", dir);
    const mode_t own = umask(027);
    (void)close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    SCOPE_FD int open_to_all = seq_listen(listener, 0666);
    ck_assert_int_ge(open_to_all, 0);
    ck_assert_uint_eq(mode_of(listener), 0666);
    SCOPE_FD int again = seq_listen(listener, 0600); /* replaces it */
    ck_assert_int_ge(again, 0);
    ck_assert_uint_eq(mode_of(listener), 0600);
    strcpy(victim, file);
    SCOPE_FD int exchanged = seq_listen(listener, 0666);
    ck_assert_int_ge(exchanged, 0);
    ck_assert_uint_eq(mode_of(file), 0600);
    ck_assert_uint_eq(umask(own), 027);
    ck_assert(unlink(listener) == 0 && unlink(file) == 0 && rmdir(dir) == 0);
}
END_TEST

START_TEST(a_link_is_given_to_nobody) {
    char dir[] = "/tmp/cloister-folder.XXXXXX", folder[80], link[80];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(folder, sizeof(folder), "%s/folder", dir);
    (void)snprintf(link, sizeof(link), "%s/link", dir);
    ck_assert(mkdir(folder, 0700) == 0 && symlink(folder, link) == 0);
    int r = folder_give(link, getuid(), getgid(), 0711);
    ck_assert(r == -ENOTDIR || r == -ELOOP);
    ck_assert_uint_eq(mode_of(folder), 0700);
    ck_assert_int_eq(folder_give(folder, getuid(), getgid(), 0711), 0); /* control */
    ck_assert_uint_eq(mode_of(folder), 0711);
    ck_assert(unlink(link) == 0 && rmdir(folder) == 0 && rmdir(dir) == 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("message");
    TCase *tcase = tcase_create("message");
    tcase_add_test(tcase, listed_message_passes_and_every_rule_refuses);
    tcase_add_test(tcase, no_program_speaks_to_itself);
    tcase_add_test(tcase, once_means_once);
    tcase_add_test(tcase, other_protocol_versions_are_refused);
    tcase_add_test(tcase, caps_hold_in_both_directions);
    tcase_add_test(tcase, bits_flipped_never_crash);
    tcase_add_test(tcase, descriptors_travel_with_their_message);
    tcase_add_test(tcase, descriptors_that_are_refused_are_closed);
    tcase_add_test(tcase, last_words_of_a_peer_that_did_not_read);
    tcase_add_test(tcase, waiting_ends_in_time);
    tcase_add_test(tcase, sending_never_waits);
    tcase_add_test(tcase, a_listener_has_its_mode_and_nothing_else_has);
    tcase_add_test(tcase, a_link_is_given_to_nobody);
    tcase_add_test(tcase, fields_of_no_row_are_dropped);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
