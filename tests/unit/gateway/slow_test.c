/* Readers that are slower than what they asked for: what waits for all of them is bounded, and a
 * reply that is no stream has an end. */
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/gateway/rig.h"

#define READERS 16
#define FLOOD   6000000 /* bytes of an answer */
#define STALL   1000    /* ms without progress */
#define ALL     (4 * STALL)

static struct rig rig;

static void setup_narrow(void) {
    struct gateway_limits limits = rig_limits();
    limits.stall_ms = 60000;
    limits.waiting = 524288;
    rig_start(&rig, &limits, "");
}

static void setup_wide(void) {
    struct gateway_limits limits = rig_limits();
    limits.stall_ms = 60000;
    limits.reply = 2 * FLOOD;
    rig_start(&rig, &limits, "");
}

static void setup_impatient(void) {
    struct gateway_limits limits = rig_limits();
    limits.stall_ms = STALL;
    limits.reply = 2 * FLOOD;
    rig_start(&rig, &limits, "");
}

static void teardown(void) {
    rig_stop(&rig);
}

/* Small segments and a small window, so that what it does not take waits in the gateway and not in
 * the kernel. */
static int narrow_reader(const char *message, const char *accept) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(rig.port)};
    const struct timeval limit = {15, 0};
    int segment = 536, window = 4096;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment)), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)), 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    rig_chat_send(fd, message, accept);
    return fd;
}

static void answered_quickly(void) {
    SCOPE_FREE char *got = rig_chat(&rig, "say quick", "application/json");
    ck_assert_uint_eq(status_of(got), 200);
}

static void crowd(int fds[static READERS]) {
    for (size_t i = 0; i < READERS; i++)
        fds[i] = narrow_reader("flood 50000000", "text/event-stream");
    rig_wait(&rig, seen_chats, READERS);
}

static void crowd_goes(const int fds[static READERS]) {
    for (size_t i = 0; i < READERS; i++)
        (void)close(fds[i]);
}

/* Each has up to 128 KiB waiting. Who comes too many is hung up on, and its turn ends. */
START_TEST(test_bound) {
    int fds[READERS];
    crowd(fds);
    rig_wait(&rig, seen_cancels, READERS / 2);
    answered_quickly();
    ck_assert_uint_lt(rig_seen(&rig).cancels, READERS); /* those within it stay */
    crowd_goes(fds);
}
END_TEST

/* What waited for those who have gone counts no more. */
START_TEST(test_room_comes_back) {
    int fds[2];
    for (unsigned n = 1; n <= 12; n++) {
        for (size_t i = 0; i < COUNT_OF(fds); i++)
            fds[i] = narrow_reader("flood 50000000", "text/event-stream");
        rig_wait(&rig, seen_chats, n * COUNT_OF(fds));
        uint64_t before, now = rig_seen(&rig).sent_bytes;
        do {
            before = now;
            (void)poll(NULL, 0, 100);
            now = rig_seen(&rig).sent_bytes;
        } while (now > before + 64);
        ck_assert_uint_eq(rig_seen(&rig).cancels, (n - 1) * COUNT_OF(fds));
        for (size_t i = 0; i < COUNT_OF(fds); i++)
            (void)close(fds[i]);
        rig_wait(&rig, seen_cancels, n * COUNT_OF(fds));
    }
}
END_TEST

/* The control: as many, and room for them. */
START_TEST(test_room) {
    int fds[READERS];
    uint64_t before, now = 0;
    crowd(fds);
    do { /* until their credit is used up */
        before = now;
        answered_quickly();
        (void)poll(NULL, 0, 300);
        now = rig_seen(&rig).sent_bytes;
    } while (now > before + 64);
    ck_assert_uint_ge(now, READERS * 65536);
    ck_assert_uint_eq(rig_seen(&rig).cancels, 0);
    crowd_goes(fds);
}
END_TEST

/* Takes a little, often enough for the kernel to want more each second, for twice as long as a
 * reply may take; then as fast as it comes. */
static size_t sips(int fd) {
    char piece[9000];
    size_t got = 0, rest = 0;
    for (uint64_t end = clock_ms() + 2 * ALL; clock_ms() < end;) {
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n <= 0)
            break;
        got += (size_t)n;
        (void)poll(NULL, 0, 20);
    }
    SCOPE_FREE char *all = rig_read_all(fd, 4 * FLOOD, &rest);
    return got + rest;
}

static size_t asked_and_sipped(void) {
    char message[32];
    (void)snprintf(message, sizeof(message), "flood %d", FLOOD);
    SCOPE_FD int fd = narrow_reader(message, "application/json");
    return sips(fd);
}

START_TEST(test_a_reply_has_an_end) {
    ck_assert_uint_lt(asked_and_sipped(), FLOOD);
}
END_TEST

/* The control: the same reader, and more patience. */
START_TEST(test_patience) {
    ck_assert_uint_gt(asked_and_sipped(), FLOOD);
}
END_TEST

static void add(Suite *suite, const char *name, void (*setup)(void), const TTest *test) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
}

int main(void) {
    Suite *suite = suite_create("gateway slow readers");
    add(suite, "narrow", setup_narrow, test_bound);
    add(suite, "again", setup_narrow, test_room_comes_back);
    add(suite, "wide", setup_wide, test_room);
    add(suite, "reply", setup_impatient, test_a_reply_has_an_end);
    add(suite, "patient", setup_wide, test_patience);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
