#include "end_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct event_base *base;
char path[96];
int dir_fd;
char dir[64];

bool end_up(void *ctx, pid_t pid, uid_t uid) {
    struct side *side = ctx;
    side->ups++;
    side->pid = pid;
    side->uid = uid;
    return !side->refuse;
}

void end_message(void *ctx, const uint8_t *data, size_t len) {
    struct side *side = ctx;
    side->messages++;
    side->last_len = len;
    side->last_byte = len > 0 ? data[len - 1] : 0;
    if (side->echo)
        ck_assert_int_eq(end_send(side->end, data, len), 0);
    if (side->close_on_message)
        end_close(take_ptr(side->end));
}

void end_down(void *ctx) {
    ((struct side *)ctx)->downs++;
}

void setup(void) {
    base = event_base_new();
    ck_assert_ptr_nonnull(base);
    strcpy(dir, "/tmp/cloister-end-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/peer", dir);
    dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(dir_fd, 0);
}

void teardown(void) {
    (void)unlink(path);
    (void)rmdir(dir);
    (void)close(dir_fd);
    event_base_free(base);
}

void wait_count(const unsigned *count, unsigned want) {
    for (uint64_t end = clock_ms() + 5000; *count < want;) {
        ck_assert_uint_lt(clock_ms(), end);
        struct timeval step = {0, 5000};
        ck_assert_int_ge(event_base_loopexit(base, &step), 0);
        (void)event_base_loop(base, EVLOOP_ONCE);
    }
}

void pump(struct sp *sp, short events) {
    struct pollfd wait = {sp_fd(sp), events, 0};
    (void)poll(&wait, 1, 5);
    if (sp_waiting(sp))
        ck_assert_int_eq(sp_flush(sp), 0);
}

int sp_wait(struct sp *sp, const uint8_t **data, size_t *len) {
    for (uint64_t end = clock_ms() + 5000;;) {
        ck_assert_uint_lt(clock_ms(), end);
        int r = sp_recv(sp, data, len);
        if (r != -EAGAIN)
            return r;
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        pump(sp, (short)(POLLIN | (sp_waiting(sp) ? POLLOUT : 0)));
    }
}

void listen_at(struct side *side) {
    ck_assert_int_eq(end_listen(side), 0);
}
