/* The loop's end without nng: what holds for every end, and what a broken peer could send. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "end_rig.h"

static int connect_raw(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Reads past our greeting until the end; the loop runs meanwhile. */
static void wait_hung_up(int fd) {
    char byte;
    ssize_t n;
    for (uint64_t end = clock_ms() + 5000;;) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        n = recv(fd, &byte, 1, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return;
        ck_assert_uint_lt(clock_ms(), end);
    }
}

START_TEST(malformed_frames_end_the_connection) {
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\0SQ\0\0\x10\0\0", 8},                                    /* no SP */
        {"\0SP\0\0\x11\0\0", 8},                                    /* another protocol */
        {"\0SP\0\0\x10\0\0\2\0\0\0\0\0\0\0\1x", 18},                /* unknown frame type */
        {"\0SP\0\0\x10\0\0\1\x80\0\0\0\0\0\0\0", 17},               /* length 2^63 */
        {"\0SP\0\0\x10\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff", 17}, /* length -1 */
        {"\0SP\0\0\x10\0\0\1\0\0\0\0\0\3\0\1", 17},                 /* MESSAGE_MAX + 1 */
    };
    struct side side = {0};
    listen_at(&side);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int fd = connect_raw();
        ck_assert_int_eq(write_all(fd, bad[i].bytes, bad[i].len), 0);
        wait_hung_up(fd);
        (void)close(fd);
    }
    ck_assert_uint_eq(side.messages, 0);
    ck_assert_uint_eq(side.ups, side.downs);
    end_close(side.end);
}
END_TEST

START_TEST(who_does_not_greet_is_sent_away) {
    struct side side = {0};
    listen_at(&side);
    int fd = connect_raw();
    ck_assert_int_eq(write_all(fd, "\0SP", 3), 0);
    wait_hung_up(fd);
    (void)close(fd);
    ck_assert_uint_eq(side.ups, 0);
    end_close(side.end);
}
END_TEST

START_TEST(a_frame_may_come_byte_by_byte) {
    static const char frame[] = "\0SP\0\0\x10\0\0\1\0\0\0\0\0\0\0\5hello";
    struct side side = {0};
    listen_at(&side);
    int fd = connect_raw();
    for (size_t i = 0; i < sizeof(frame) - 1; i++) {
        ck_assert_uint_eq(side.messages, 0);
        ck_assert_int_eq(write_all(fd, frame + i, 1), 0);
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    }
    wait_count(&side.messages, 1);
    ck_assert_uint_eq(side.last_len, 5);
    ck_assert_uint_eq(side.last_byte, 'o');
    (void)close(fd);
    wait_count(&side.downs, 1);
    end_close(side.end);
}
END_TEST

/* More than one turn of the loop takes: nothing is left lying. */
START_TEST(many_at_once_all_arrive) {
    static const uint8_t frame[] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 'x'};
    uint8_t all[8 + 1000 * sizeof(frame)];
    struct side side = {0};
    listen_at(&side);
    int fd = connect_raw();
    memcpy(all, "\0SP\0\0\x10\0\0", 8);
    for (unsigned i = 0; i < 1000; i++)
        memcpy(all + 8 + i * sizeof(frame), frame, sizeof(frame));
    ck_assert_int_eq(write_all(fd, all, sizeof(all)), 0);
    wait_count(&side.messages, 1000);
    (void)close(fd);
    wait_count(&side.downs, 1);
    end_close(side.end);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sp_end");
    TCase *tcase = tcase_create("sp_end");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    end_cases(tcase);
    tcase_add_test(tcase, malformed_frames_end_the_connection);
    tcase_add_test(tcase, who_does_not_greet_is_sent_away);
    tcase_add_test(tcase, a_frame_may_come_byte_by_byte);
    tcase_add_test(tcase, many_at_once_all_arrive);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
