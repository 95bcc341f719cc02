#include "ipc/sp_end.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "ipc/message.h"

#define MESSAGES_PER_RUN 64
#define RETRY_MIN_MS     50
#define RETRY_MAX_MS     1000
#define GREETING_MS      1000
#define ROOM             65536u /* read at once; a larger message gets its own */
#define BACKLOG          128
#define ANYBODY          ((uid_t)-1)

#define GREETING_LEN 8
#define HEADER_LEN   9
static const uint8_t greeting[GREETING_LEN] = {0, 'S', 'P', 0, 0, 0x10 /* PAIR0 */, 0, 0};

/* Bytes [at, len) of `data` wait. */
struct bytes {
    uint8_t *data;
    size_t at, len, cap;
};

struct sp_end {
    struct event_base *base;
    const struct sp_end_ops *ops;
    void *ctx;
    struct sockaddr_un address;
    uid_t only;
    int listen_fd; /* -1: dials */
    struct event *listening;

    int fd;                                    /* -1: nobody is there */
    struct event *readable, *writable, *timer; /* timer: dial again, or the greeting's */
    struct bytes in, out;
    pid_t pid;
    uid_t uid;
    bool greeted, up, dropped, closed, running;
    unsigned attempt;
    uint64_t up_since;
};

/* ---- bytes ---- */

static void bytes_drop(struct bytes *bytes) {
    if (bytes->data != NULL)
        explicit_bzero(bytes->data, bytes->len);
    free(bytes->data);
    *bytes = (struct bytes){0};
}

/* Room for `more` behind what waits, which moves to the front; old copies are wiped. */
static int bytes_room(struct bytes *bytes, size_t more) {
    size_t waits = bytes->len - bytes->at;
    if (bytes->len + more <= bytes->cap)
        return 0;
    size_t cap = waits + more <= bytes->cap / 2 ? bytes->cap : (waits + more) * 2;
    uint8_t *data = malloc(cap);
    if (data == NULL)
        return -ENOMEM;
    if (waits > 0)
        memcpy(data, bytes->data + bytes->at, waits);
    bytes_drop(bytes);
    *bytes = (struct bytes){data, 0, waits, cap};
    return 0;
}

/* `n` bytes at the front are done with. */
static void bytes_take(struct bytes *bytes, size_t n) {
    explicit_bzero(bytes->data + bytes->at, n);
    bytes->at += n;
    if (bytes->at < bytes->len)
        return;
    bytes->at = bytes->len = 0;
    if (bytes->cap > 4 * ROOM)
        bytes_drop(bytes);
}

static size_t bytes_wait(const struct bytes *bytes) {
    return bytes->len - bytes->at;
}

/* ---- a connection ---- */

static void arm(struct sp_end *end, uint64_t ms) {
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)evtimer_add(end->timer, &wait);
}

static void redial_later(struct sp_end *end) {
    if (end->listen_fd >= 0)
        return;
    if (end->up_since != 0 && clock_ms() - end->up_since > RETRY_MAX_MS)
        end->attempt = 0;
    end->up_since = 0;
    arm(end, backoff_ms(end->attempt, RETRY_MIN_MS, RETRY_MAX_MS));
    if (end->attempt < 16)
        end->attempt++;
}

static void event_drop(struct event **event) {
    if (*event != NULL)
        event_free(*event);
    *event = NULL;
}

static void hang_up(struct sp_end *end) {
    event_drop(&end->readable);
    event_drop(&end->writable);
    (void)event_del(end->timer);
    if (end->fd >= 0)
        (void)close(end->fd);
    end->fd = -1;
    bytes_drop(&end->in);
    bytes_drop(&end->out);
}

/* From the loop: the connection is over. */
static void lose(struct sp_end *end) {
    bool was_up = end->up;
    hang_up(end);
    end->up = end->greeted = end->dropped = false;
    redial_later(end);
    if (was_up)
        end->ops->down(end->ctx);
}

static int flush(struct sp_end *end) {
    while (bytes_wait(&end->out) > 0) {
        ssize_t n = send(end->fd, end->out.data + end->out.at, bytes_wait(&end->out), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return event_add(end->writable, NULL) < 0 ? -ENOMEM : 0;
        if (n < 0)
            return -errno;
        bytes_take(&end->out, (size_t)n);
    }
    return 0;
}

/* What it sent before it left is heard first, so this alone is no reason to hang up. */
static void on_writable(evutil_socket_t fd, short what, void *ctx) {
    struct sp_end *end = ctx;
    (void)fd;
    (void)what;
    if (!end->dropped && flush(end) < 0)
        bytes_drop(&end->out);
}

/* 1: something came; 0: nothing now; -errno, or -ECONNRESET at the end. */
static int fill(struct sp_end *end) {
    int r = bytes_room(&end->in, ROOM);
    if (r < 0)
        return r;
    ssize_t n = recv(end->fd, end->in.data + end->in.len, end->in.cap - end->in.len, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
    end->in.len += (size_t)n;
    return n == 0 ? -ECONNRESET : 1;
}

static int take_greeting(struct sp_end *end) {
    if (bytes_wait(&end->in) < GREETING_LEN)
        return 0;
    if (memcmp(end->in.data + end->in.at, greeting, GREETING_LEN) != 0)
        return -EPROTO;
    bytes_take(&end->in, GREETING_LEN);
    (void)event_del(end->timer);
    end->greeted = end->up = true; /* before the call: it may send */
    end->up_since = clock_ms();
    if (!end->ops->up(end->ctx, end->pid, end->uid) && !end->closed) {
        end->up = false;
        return -EPERM;
    }
    return 0;
}

/* The next whole message is handed over: 1; 0: it is not here yet; -EPROTO. */
static int take_message(struct sp_end *end) {
    const uint8_t *head = end->in.data + end->in.at;
    uint64_t len = 0;
    if (bytes_wait(&end->in) < HEADER_LEN)
        return 0;
    for (unsigned i = 1; i < HEADER_LEN; i++)
        len = len << 8 | head[i];
    if (head[0] != 1 || len > MESSAGE_MAX)
        return -EPROTO;
    if (bytes_wait(&end->in) < HEADER_LEN + len)
        return 0;
    end->ops->message(end->ctx, head + HEADER_LEN, (size_t)len);
    bytes_take(&end->in, HEADER_LEN + (size_t)len);
    return 1;
}

/* Hands over what is here; at most so many that the loop's other events get their turn, unless no
 * more will come (`last`). */
static int deliver(struct sp_end *end, bool last) {
    int r = end->greeted ? 0 : take_greeting(end);
    if (r < 0 || !end->greeted)
        return r;
    for (unsigned i = 0; last || i < MESSAGES_PER_RUN; i++) {
        if (end->closed || end->dropped)
            return 0;
        r = take_message(end);
        if (r <= 0)
            return r;
    }
    event_active(end->readable, EV_TIMEOUT, 0);
    return 0;
}

static void end_free(struct sp_end *end) {
    hang_up(end);
    event_drop(&end->listening);
    event_drop(&end->timer);
    if (end->listen_fd >= 0)
        (void)close(end->listen_fd);
    free(end);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx) {
    struct sp_end *end = ctx;
    (void)fd;
    end->running = true;
    int filled = end->dropped || (what & EV_READ) == 0 ? 1 : fill(end);
    int r = end->dropped ? -ECONNRESET : deliver(end, filled < 0);
    end->running = false;
    if (end->closed)
        end_free(end);
    else if (r < 0 || end->dropped || filled < 0)
        lose(end);
}

static int greet(struct sp_end *end) {
    int r = bytes_room(&end->out, GREETING_LEN);
    if (r < 0)
        return r;
    memcpy(end->out.data, greeting, GREETING_LEN);
    end->out.len = GREETING_LEN;
    arm(end, GREETING_MS);
    return flush(end);
}

/* Takes over a connected socket. */
static int begin(struct sp_end *end, int fd) {
    struct ucred peer;
    socklen_t len = sizeof(peer);
    end->fd = fd;
    end->greeted = end->up = end->dropped = false;
    end->readable = event_new(end->base, fd, EV_READ | EV_PERSIST, on_readable, end);
    end->writable = event_new(end->base, fd, EV_WRITE, on_writable, end);
    if (end->readable == NULL || end->writable == NULL || event_add(end->readable, NULL) < 0)
        return -ENOMEM;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -errno;
    end->pid = peer.pid;
    end->uid = peer.uid;
    if (end->only != ANYBODY && end->uid != end->only)
        return -EPERM;
    return greet(end);
}

/* ---- listening and dialling ---- */

static void on_caller(evutil_socket_t listen_fd, short what, void *ctx) {
    struct sp_end *end = ctx;
    (void)what;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (end->fd >= 0)
        (void)close(fd); /* somebody is there */
    else if (begin(end, fd) < 0)
        hang_up(end);
}

static void dial(struct sp_end *end) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&end->address, sizeof(end->address)) == 0 &&
        begin(end, fd) == 0)
        return;
    if (end->fd >= 0)
        hang_up(end);
    else if (fd >= 0)
        (void)close(fd);
    redial_later(end);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    struct sp_end *end = ctx;
    (void)fd;
    (void)what;
    if (end->fd >= 0)
        lose(end); /* it did not greet */
    else
        dial(end);
}

static int end_new(struct event_base *base, const char *path, const struct sp_end_ops *ops,
                   void *ctx, struct sp_end **ret) {
    struct sp_end *end = calloc(1, sizeof(*end));
    if (end == NULL)
        return -ENOMEM;
    end->base = base;
    end->ops = ops;
    end->ctx = ctx;
    end->only = ANYBODY;
    end->fd = end->listen_fd = -1;
    end->address.sun_family = AF_UNIX;
    end->timer = evtimer_new(base, on_timer, end);
    int r = end->timer == NULL                              ? -ENOMEM
            : strlen(path) >= sizeof(end->address.sun_path) ? -ENAMETOOLONG
                                                            : 0;
    if (r < 0) {
        event_drop(&end->timer);
        free(end);
        return r;
    }
    strcpy(end->address.sun_path, path);
    *ret = end;
    return 0;
}

static int listen_at(struct sp_end *end, mode_t mode) {
    struct stat st;
    const char *path = end->address.sun_path;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(path) < 0)
        return -errno;
    end->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (end->listen_fd < 0)
        return -errno;
    mode_t before = umask(0777 & ~mode); /* it never has another mode, not even for a moment */
    int r = bind(end->listen_fd, (struct sockaddr *)&end->address, sizeof(end->address)) < 0
                ? -errno
                : 0;
    (void)umask(before);
    if (r == 0 && listen(end->listen_fd, BACKLOG) < 0)
        r = -errno;
    if (r < 0)
        return r;
    end->listening = event_new(end->base, end->listen_fd, EV_READ | EV_PERSIST, on_caller, end);
    return end->listening == NULL || event_add(end->listening, NULL) < 0 ? -ENOMEM : 0;
}

int sp_end_listen_for(struct event_base *base, const char *path, mode_t mode, uid_t only,
                      const struct sp_end_ops *ops, void *ctx, struct sp_end **ret) {
    struct sp_end *end;
    int r = end_new(base, path, ops, ctx, &end);
    if (r < 0)
        return r;
    end->only = only;
    r = listen_at(end, mode);
    if (r < 0) {
        end_free(end);
        return r;
    }
    *ret = end;
    return 0;
}

int sp_end_dial(struct event_base *base, const char *path, const struct sp_end_ops *ops, void *ctx,
                struct sp_end **ret) {
    int r = end_new(base, path, ops, ctx, ret);
    if (r == 0)
        arm(*ret, 0); /* from the loop: `up` is not called from inside */
    return r;
}

int sp_end_send(struct sp_end *end, const uint8_t *data, size_t len) {
    if (!end->up || end->dropped || end->closed)
        return -ENOTCONN;
    if (bytes_wait(&end->out) + HEADER_LEN + len > SP_END_QUEUE)
        return -ENOBUFS;
    bool first = bytes_wait(&end->out) == 0;
    int r = bytes_room(&end->out, HEADER_LEN + len);
    if (r < 0)
        return r;
    uint8_t *at = end->out.data + end->out.len;
    *at++ = 1;
    for (unsigned i = 0; i < 8; i++)
        *at++ = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    memcpy(at, data, len);
    end->out.len += HEADER_LEN + len;
    if (first)
        event_active(end->writable, EV_WRITE, 0);
    return 0;
}

void sp_end_drop(struct sp_end *end) {
    if (!end->up || end->dropped)
        return;
    end->dropped = true; /* ended and reported from the loop */
    event_active(end->readable, EV_TIMEOUT, 0);
}

void sp_end_close(struct sp_end *end) {
    if (end == NULL || end->closed)
        return;
    end->closed = true;
    if (!end->running)
        end_free(end);
}
