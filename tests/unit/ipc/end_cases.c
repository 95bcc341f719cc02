/* What holds for every end of a loop: against the agent's end, against nng's own pair socket, and
 * its bounds. */
#include "end_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "ipc/message.h"

START_TEST(echo_of_all_sizes) {
    struct side side = {.echo = true};
    listen_at(&side);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0666);
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    static const size_t sizes[] = {0, 1, 8, 9, 10, 4095, 65536, MESSAGE_MAX};
    uint8_t *data = malloc(MESSAGE_MAX);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        memset(data, (int)i + 1, MESSAGE_MAX);
        ck_assert_int_eq(sp_send(sp, data, sizes[i]), 0);
        const uint8_t *got;
        size_t len;
        ck_assert_int_eq(sp_wait(sp, &got, &len), 0);
        ck_assert_uint_eq(len, sizes[i]);
        ck_assert_int_eq(memcmp(got, data, len), 0);
        sp_done(sp);
    }
    ck_assert_uint_eq(side.ups, 1);
    ck_assert_int_eq(side.pid, getpid());
    ck_assert_uint_eq(side.uid, getuid());
    ck_assert_int_eq(sp_send(sp, data, MESSAGE_MAX + 1), -EMSGSIZE);
    sp_free(sp);
    wait_count(&side.downs, 1);
    ck_assert_int_eq(end_send(side.end, data, 1), -ENOTCONN);
    end_close(side.end);
    free(data);
}
END_TEST

START_TEST(nng_pair_speaks_with_it) {
    struct side side = {.echo = true};
    listen_at(&side);
    nng_socket real;
    char url[128];
    snprintf(url, sizeof(url), "ipc://%s", path);
    ck_assert_int_eq(nng_pair0_open(&real), 0);
    ck_assert_int_eq(nng_dial(real, url, NULL, NNG_FLAG_NONBLOCK), 0);
    wait_count(&side.ups, 1);
    static const size_t sizes[] = {0, 1, 300, 65536, MESSAGE_MAX};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        nng_msg *msg;
        ck_assert_int_eq(nng_msg_alloc(&msg, sizes[i]), 0);
        memset(nng_msg_body(msg), 7, sizes[i]);
        ck_assert_int_eq(nng_sendmsg(real, msg, 0), 0);
        wait_count(&side.messages, (unsigned)i + 1);
        ck_assert_uint_eq(side.last_len, sizes[i]);
        ck_assert_int_eq(nng_recvmsg(real, &msg, 0), 0);
        ck_assert_uint_eq(nng_msg_len(msg), sizes[i]);
        nng_msg_free(msg);
    }
    (void)nng_close(real);
    wait_count(&side.downs, 1);
    end_close(side.end);
}
END_TEST

/* A burst, then gone, while this side sends. */
START_TEST(bursts_that_hang_up) {
    struct side side = {0};
    listen_at(&side);
    uint8_t burst[8 + 200 * 29];
    size_t n = 8;
    memcpy(burst, "\0SP\0\0\x10\0\0", 8);
    for (unsigned i = 0; i < 200; i++, n += 29) {
        memset(burst + n, 7, 29);
        memcpy(burst + n, "\1\0\0\0\0\0\0\0\x14", 9);
    }
    for (unsigned i = 1; i <= 300; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        strcpy(address.sun_path, path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(write_all(fd, burst, i % 3 == 0 ? sizeof(burst) - 5 : sizeof(burst)), 0);
        wait_count(&side.ups, i);
        for (unsigned k = 0; k < 20; k++)
            (void)!end_send(side.end, burst, 20);
        (void)close(fd);
        if (i % 2 == 0)
            end_drop(side.end);
        wait_count(&side.downs, i);
    }
    end_close(side.end);
}
END_TEST

START_TEST(many_messages_keep_their_order) {
    struct side side = {0};
    listen_at(&side);
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    ck_assert_int_eq(sp_send(sp, (const uint8_t *)"x", 1), 0);
    wait_count(&side.messages, 1);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t data[200] = {(uint8_t)(i >> 8), (uint8_t)i};
        ck_assert_int_eq(end_send(side.end, data, sizeof(data)), 0);
    }
    for (unsigned i = 0; i < 2000; i++) {
        const uint8_t *got;
        size_t len;
        ck_assert_int_eq(sp_wait(sp, &got, &len), 0);
        ck_assert_uint_eq(len, 200);
        ck_assert_uint_eq((unsigned)got[0] << 8 | got[1], i);
        sp_done(sp);
    }
    sp_free(sp);
    end_close(side.end);
}
END_TEST

START_TEST(outgoing_queue_is_bounded) {
    struct side side = {0};
    listen_at(&side);
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    wait_count(&side.ups, 1);
    uint8_t *data = calloc(1, 65536);
    ck_assert_ptr_nonnull(data);
    int r = 0;
    size_t sent = 0;
    while ((r = end_send(side.end, data, 65536)) == 0)
        ck_assert_uint_lt(sent += 65536, END_QUEUE + (4u << 20));
    ck_assert_int_eq(r, -ENOBUFS);
    ck_assert_uint_ge(sent, END_QUEUE - 2 * 65536);
    end_close(side.end); /* with all that still waiting */
    sp_free(sp);
    free(data);
}
END_TEST

START_TEST(incoming_flood_waits_in_the_peer) {
    struct side side = {0};
    listen_at(&side);
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    wait_count(&side.ups, 1);
    uint8_t *data = calloc(1, 65536);
    ck_assert_ptr_nonnull(data);
    unsigned queued = 0;
    /* The loop does not run: only so much may be taken from us. */
    for (uint64_t quiet = clock_ms(); clock_ms() - quiet < 200;) {
        pump(sp, POLLOUT);
        if (sp_send(sp, data, 65536) != 0)
            continue;
        queued++;
        quiet = clock_ms();
        ck_assert_uint_lt(queued, 64);
    }
    while (side.messages < queued) { /* and all of it arrives when it runs */
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        pump(sp, POLLOUT);
    }
    sp_free(sp);
    end_close(side.end);
    free(data);
}
END_TEST

START_TEST(peers_come_one_after_the_other) {
    struct side side = {.echo = true};
    listen_at(&side);
    for (unsigned i = 1; i <= 5; i++) {
        struct sp *sp;
        int r;
        while ((r = sp_dial(dir_fd, "peer", &sp)) != 0) { /* the new socket is being made */
            ck_assert(r == -ENOENT || r == -ECONNREFUSED);
            (void)event_base_loop(base, EVLOOP_NONBLOCK);
        }
        ck_assert_int_eq(sp_send(sp, (const uint8_t *)"hello", 5), 0);
        const uint8_t *got;
        size_t len;
        ck_assert_int_eq(sp_wait(sp, &got, &len), 0);
        ck_assert_uint_eq(len, 5);
        sp_free(sp);
        wait_count(&side.downs, i);
    }
    ck_assert_uint_eq(side.ups, 5);
    end_close(side.end);
}
END_TEST

START_TEST(second_peer_is_turned_away) {
    struct side side = {.echo = true};
    listen_at(&side);
    struct sp *first, *second;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &first), 0);
    wait_count(&side.ups, 1);
    int r = sp_dial(dir_fd, "peer", &second);
    const uint8_t *got;
    size_t len;
    if (r == 0) {
        ck_assert_int_eq(sp_wait(second, &got, &len), -ECONNRESET);
        sp_free(second);
    } else {
        ck_assert_int_eq(r, -EPIPE); /* it was closed before we greeted */
    }
    ck_assert_int_eq(sp_send(first, (const uint8_t *)"still", 5), 0);
    ck_assert_int_eq(sp_wait(first, &got, &len), 0);
    ck_assert_uint_eq(side.ups, 1);
    sp_free(first);
    end_close(side.end);
}
END_TEST

/* As another user: connects again and again, greets, keeps every connection it can. */
static void stranger_connects(int told) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (setresuid(64171, 64171, 64171) < 0)
        _exit(1);
    for (unsigned tries = 0; tries < 60; tries++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            (void)send(fd, "\0SP\0\0\x10\0\0", 8, MSG_NOSIGNAL);
        if (tries == 10)
            (void)!write(told, "x", 1); /* by now it would have the place */
    }
    _exit(0);
}

START_TEST(strangers_take_nobodys_place) {
    struct side side = {.echo = true};
    int told[2];
    char one;
    ck_assert_int_eq(chmod(dir, 0711), 0);
    ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
    listen_at(&side);
    pid_t stranger = fork();
    ck_assert_int_ge(stranger, 0);
    if (stranger == 0)
        stranger_connects(told[1]);
    ck_assert_int_eq(read(told[0], &one, 1), 1);
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    const uint8_t *data;
    size_t len;
    ck_assert_int_eq(sp_send(sp, (const uint8_t *)"hello", 5), 0);
    ck_assert_int_eq(sp_wait(sp, &data, &len), 0);
    ck_assert_uint_eq(len, 5);
    ck_assert_uint_eq(side.ups, 1);
    ck_assert_uint_eq(side.uid, getuid());
    /* It may be waiting for room at a listener that has its one peer and takes no more. */
    ck_assert_int_eq(kill(stranger, SIGKILL), 0);
    ck_assert_int_eq(waitpid(stranger, NULL, 0), stranger);
    ck_assert_uint_eq(side.ups, 1);
    sp_free(sp);
    end_close(side.end);
    (void)close(told[0]);
    (void)close(told[1]);
}
END_TEST

START_TEST(refused_peer_delivers_nothing) {
    struct side side = {.refuse = true};
    listen_at(&side);
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    ck_assert_int_eq(sp_send(sp, (const uint8_t *)"let me in", 9), 0);
    const uint8_t *got;
    size_t len;
    ck_assert_int_eq(sp_wait(sp, &got, &len), -ECONNRESET);
    ck_assert_uint_eq(side.ups, 1);
    ck_assert_uint_eq(side.messages, 0);
    ck_assert_uint_eq(side.downs, 0);
    sp_free(sp);
    end_close(side.end);
}
END_TEST

START_TEST(dropped_peer_goes_and_is_reported) {
    struct side side = {0};
    listen_at(&side);
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    wait_count(&side.ups, 1);
    end_drop(side.end);
    ck_assert_int_eq(end_send(side.end, (const uint8_t *)"x", 1), -ENOTCONN);
    const uint8_t *got;
    size_t len;
    ck_assert_int_eq(sp_wait(sp, &got, &len), -ECONNRESET);
    wait_count(&side.downs, 1);
    sp_free(sp);
    end_close(side.end);
}
END_TEST

START_TEST(closing_inside_a_callback) {
    struct side side = {.close_on_message = true};
    listen_at(&side);
    struct sp *sp;
    ck_assert_int_eq(sp_dial(dir_fd, "peer", &sp), 0);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(sp_send(sp, (const uint8_t *)"x", 1), 0);
    wait_count(&side.messages, 1);
    const uint8_t *got;
    size_t len;
    ck_assert_int_eq(sp_wait(sp, &got, &len), -ECONNRESET);
    ck_assert_uint_eq(side.messages, 1);
    ck_assert_ptr_null(side.end);
    sp_free(sp);
}
END_TEST

START_TEST(dialler_comes_back) {
    struct side server = {.echo = true}, client = {0};
    ck_assert_int_eq(end_dial(&client), 0);
    listen_at(&server); /* later than the first dial */
    wait_count(&client.ups, 1);
    ck_assert_int_eq(end_send(client.end, (const uint8_t *)"1", 1), 0);
    wait_count(&client.messages, 1);
    end_close(server.end); /* the other program ends and starts again */
    wait_count(&client.downs, 1);
    listen_at(&server);
    wait_count(&client.ups, 2);
    ck_assert_int_eq(end_send(client.end, (const uint8_t *)"2", 1), 0);
    wait_count(&client.messages, 2);
    ck_assert_uint_eq(client.last_byte, '2');
    end_close(client.end);
    end_close(server.end);
}
END_TEST

void end_cases(TCase *tcase) {
    tcase_add_test(tcase, echo_of_all_sizes);
    tcase_add_test(tcase, nng_pair_speaks_with_it);
    tcase_add_test(tcase, bursts_that_hang_up);
    tcase_add_test(tcase, many_messages_keep_their_order);
    tcase_add_test(tcase, outgoing_queue_is_bounded);
    tcase_add_test(tcase, incoming_flood_waits_in_the_peer);
    tcase_add_test(tcase, peers_come_one_after_the_other);
    tcase_add_test(tcase, second_peer_is_turned_away);
    tcase_add_test(tcase, strangers_take_nobodys_place);
    tcase_add_test(tcase, refused_peer_delivers_nothing);
    tcase_add_test(tcase, dropped_peer_goes_and_is_reported);
    tcase_add_test(tcase, closing_inside_a_callback);
    tcase_add_test(tcase, dialler_comes_back);
}
