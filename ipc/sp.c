#include "ipc/sp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ipc/message.h"

#define DIAL_S 2

#define HEADER_LEN   9
#define GREETING_LEN 8
#define TYPE_MESSAGE 1

static const uint8_t greeting[GREETING_LEN] = {0, 'S', 'P', 0, 0, 0x10 /* PAIR0 */, 0, 0};

struct sp {
    int fd;
    bool greeted; /* the peer's greeting has come */
    /* Receiving: greeting or header first, then the body. */
    uint8_t header[HEADER_LEN];
    size_t header_got;
    uint8_t *body;
    size_t body_len, body_got;
    bool whole;
    /* Sending: [out_sent, out_len) of `out` waits. */
    uint8_t *out;
    size_t out_len, out_sent;
};

static void out_drop(struct sp *sp);

static int address_of(const char *name, struct sockaddr_un *ret) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strchr(name, '/') != NULL || strlen(name) >= sizeof(ret->sun_path))
        return -EINVAL;
    memcpy(ret->sun_path, name, strlen(name));
    return 0;
}

int sp_dial(int dir_fd, const char *name, struct sp **ret) {
    struct sockaddr_un address;
    int r = address_of(name, &address);
    if (r < 0)
        return r;
    /* Blocking, within bounds: a crowd at the listener fills its backlog for a moment. */
    struct timeval longest = {.tv_sec = DIAL_S};
    SCOPE_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest)) < 0 ||
        fchdir(dir_fd) < 0)
        return -errno;
    r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    if (chdir("/") < 0 && r == 0)
        r = -errno;
    return r < 0 ? r : sp_new(take_fd(&fd), ret);
}

int sp_new(int fd, struct sp **ret) {
    SCOPE_FD int owned = fd;
    int r = fd_nonblock(fd);
    if (r < 0)
        return r;
    struct sp *sp = calloc(1, sizeof(*sp));
    uint8_t *out = malloc(GREETING_LEN);
    if (sp == NULL || out == NULL) {
        free(sp);
        free(out);
        return -ENOMEM;
    }
    memcpy(out, greeting, GREETING_LEN);
    sp->out = out;
    sp->out_len = GREETING_LEN;
    sp->fd = take_fd(&owned);
    r = sp_flush(sp);
    if (r < 0) {
        sp_free(sp);
        return r;
    }
    *ret = sp;
    return 0;
}

static void out_drop(struct sp *sp) {
    if (sp->out != NULL)
        explicit_bzero(sp->out, sp->out_len);
    free(take_ptr(sp->out));
    sp->out_len = sp->out_sent = 0;
}

void sp_done(struct sp *sp) {
    if (sp->body != NULL)
        explicit_bzero(sp->body, sp->body_len);
    free(take_ptr(sp->body));
    sp->body_len = sp->body_got = sp->header_got = 0;
    sp->whole = false;
}

void sp_free(struct sp *sp) {
    if (sp == NULL)
        return;
    (void)close(sp->fd);
    out_drop(sp);
    sp_done(sp);
    free(sp);
}

int sp_fd(const struct sp *sp) {
    return sp->fd;
}

bool sp_waiting(const struct sp *sp) {
    return sp->out_len > sp->out_sent;
}

int sp_flush(struct sp *sp) {
    while (sp_waiting(sp)) {
        ssize_t n = send(sp->fd, sp->out + sp->out_sent, sp->out_len - sp->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        sp->out_sent += (size_t)n;
    }
    out_drop(sp);
    return 0;
}

static void put_header(uint8_t *out, uint64_t len) {
    out[0] = TYPE_MESSAGE;
    for (unsigned i = 0; i < 8; i++)
        out[1 + i] = (uint8_t)(len >> (56 - 8 * i));
}

int sp_send(struct sp *sp, const uint8_t *data, size_t len) {
    size_t waits = sp->out_len - sp->out_sent, total = waits + HEADER_LEN + len;
    if (len > MESSAGE_MAX)
        return -EMSGSIZE;
    if (total > SP_QUEUE)
        return -ENOBUFS;
    uint8_t *joined = malloc(total);
    if (joined == NULL)
        return -ENOMEM;
    if (waits > 0)
        memcpy(joined, sp->out + sp->out_sent, waits);
    put_header(joined + waits, len);
    memcpy(joined + waits + HEADER_LEN, data, len);
    out_drop(sp);
    sp->out = joined;
    sp->out_len = total;
    return sp_flush(sp);
}

/* Reads up to `want` bytes in all into `at`. 0 when they are complete. */
static int fill(struct sp *sp, uint8_t *at, size_t want, size_t *got) {
    while (*got < want) {
        ssize_t n = recv(sp->fd, at + *got, want - *got, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -ECONNRESET;
        *got += (size_t)n;
    }
    return 0;
}

static int read_greeting(struct sp *sp) {
    int r = fill(sp, sp->header, GREETING_LEN, &sp->header_got);
    if (r < 0)
        return r;
    if (memcmp(sp->header, greeting, GREETING_LEN) != 0)
        return -EPROTO;
    sp->header_got = 0;
    sp->greeted = true;
    return 0;
}

static int read_header(struct sp *sp) {
    int r = fill(sp, sp->header, HEADER_LEN, &sp->header_got);
    if (r < 0)
        return r;
    uint64_t len = 0;
    for (unsigned i = 1; i < HEADER_LEN; i++)
        len = len << 8 | sp->header[i];
    if (sp->header[0] != TYPE_MESSAGE || len > MESSAGE_MAX)
        return -EPROTO;
    sp->body = malloc(len > 0 ? (size_t)len : 1);
    if (sp->body == NULL)
        return -ENOMEM;
    sp->body_len = (size_t)len;
    sp->body_got = 0;
    return 0;
}

int sp_recv(struct sp *sp, const uint8_t **ret, size_t *ret_len) {
    int r = 0;
    if (!sp->greeted)
        r = read_greeting(sp);
    if (r == 0 && sp->body == NULL)
        r = read_header(sp);
    if (r == 0 && !sp->whole)
        r = fill(sp, sp->body, sp->body_len, &sp->body_got);
    if (r < 0)
        return r;
    sp->whole = true;
    *ret = sp->body;
    *ret_len = sp->body_len;
    return 0;
}
