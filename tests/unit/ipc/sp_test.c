/* The agent's hand-written end: against real nng, and what a hostile supervisor could send. */
#include <check.h>
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "end_rig.h"
#include "ipc/message.h"

START_TEST(nng_pair_speaks_with_the_agent_end) {
    nng_socket real;
    char url[128];
    snprintf(url, sizeof(url), "ipc://%s", path);
    ck_assert_int_eq(nng_pair0_open(&real), 0);
    ck_assert_int_eq(nng_listen(real, url, NULL, 0), 0);
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    static const size_t sizes[] = {0, 1, 300, 65536, MESSAGE_MAX};
    uint8_t *data = calloc(1, MESSAGE_MAX);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        memset(data, (int)i + 1, MESSAGE_MAX);
        ck_assert_int_eq(sp_send(sp, data, sizes[i]), 0);
        nng_msg *msg = NULL;
        while (nng_recvmsg(real, &msg, NNG_FLAG_NONBLOCK) == NNG_EAGAIN)
            pump(sp, POLLOUT);
        ck_assert_uint_eq(nng_msg_len(msg), sizes[i]);
        ck_assert_int_eq(memcmp(nng_msg_body(msg), data, sizes[i]), 0);
        ck_assert_int_eq(nng_sendmsg(real, msg, 0), 0);
        const uint8_t *got;
        size_t len;
        ck_assert_int_eq(sp_wait(sp, &got, &len), 0);
        ck_assert_uint_eq(len, sizes[i]);
        ck_assert_int_eq(memcmp(got, data, len), 0);
        sp_done(sp);
    }
    free(data);
    sp_free(sp);
    (void)nng_close(real);
}
END_TEST

/* What a hostile or broken supervisor end could send. */
static struct sp *raw_pair(int *ret_other) {
    int fds[2];
    struct sp *sp;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(sp_new(fds[0], &sp), 0);
    *ret_other = fds[1];
    return sp;
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
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int other;
        struct sp *sp = raw_pair(&other);
        ck_assert_int_eq(write_all(other, bad[i].bytes, bad[i].len), 0);
        const uint8_t *got;
        size_t len;
        ck_assert_int_eq(sp_recv(sp, &got, &len), -EPROTO);
        sp_free(sp);
        (void)close(other);
    }
}
END_TEST

START_TEST(a_frame_may_come_byte_by_byte) {
    static const char frame[] = "\0SP\0\0\x10\0\0\1\0\0\0\0\0\0\0\5hello";
    int other;
    struct sp *sp = raw_pair(&other);
    const uint8_t *got;
    size_t len;
    for (size_t i = 0; i < sizeof(frame) - 1; i++) {
        ck_assert_int_eq(sp_recv(sp, &got, &len), -EAGAIN);
        ck_assert_int_eq(write_all(other, frame + i, 1), 0);
    }
    ck_assert_int_eq(sp_recv(sp, &got, &len), 0);
    ck_assert_uint_eq(len, 5);
    ck_assert_int_eq(memcmp(got, "hello", 5), 0);
    sp_done(sp);
    ck_assert_int_eq(sp_recv(sp, &got, &len), -EAGAIN);
    (void)close(other);
    ck_assert_int_eq(sp_recv(sp, &got, &len), -ECONNRESET);
    sp_free(sp);
}
END_TEST

START_TEST(unread_output_is_bounded) {
    int other;
    struct sp *sp = raw_pair(&other);
    uint8_t *data = calloc(1, 65536);
    ck_assert_ptr_nonnull(data);
    int r = 0;
    for (unsigned i = 0; i < 64 && r == 0; i++)
        r = sp_send(sp, data, 65536);
    ck_assert_int_eq(r, -ENOBUFS);
    ck_assert(sp_waiting(sp));
    free(data);
    sp_free(sp);
    (void)close(other);
}
END_TEST

START_TEST(names_stay_in_the_directory) {
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "../peer", &sp), -EINVAL);
    ck_assert_int_eq(sp_dial(dir_fd, "nobody", &sp), -ENOENT);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sp");
    TCase *tcase = tcase_create("sp");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, nng_pair_speaks_with_the_agent_end);
    tcase_add_test(tcase, malformed_frames_end_the_connection);
    tcase_add_test(tcase, a_frame_may_come_byte_by_byte);
    tcase_add_test(tcase, unread_output_is_bounded);
    tcase_add_test(tcase, names_stay_in_the_directory);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
