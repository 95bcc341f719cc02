/* SOCK_SEQPACKET channels: a datagram keeps message and descriptor together, which a byte stream
 * does not (a read may merge earlier bytes with a later descriptor). */
#include "ipc/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int seq_send_fds(int fd, Cloister__Message *message, const int *pass_fds, size_t n) {
    if (n > SEQ_FDS_MAX)
        return -EINVAL;
    SCOPE_MSG_BYTES uint8_t *data = NULL;
    size_t len = 0;
    int r = msg_encode_new(message, &data, &len);
    if (r < 0)
        return r;
    struct iovec part = {data, len};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * SEQ_FDS_MAX)];
    } control = {0};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (n > 0) {
        packet.msg_control = &control;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * n);
        struct cmsghdr *c = CMSG_FIRSTHDR(&packet);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n);
        memcpy(CMSG_DATA(c), pass_fds, sizeof(int) * n);
    }
    ssize_t sent;
    do /* whoever passed the socket has its open file, and with that its O_NONBLOCK, as well */
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int seq_send(int fd, Cloister__Message *message, int pass_fd) {
    return seq_send_fds(fd, message, &pass_fd, pass_fd >= 0 ? 1 : 0);
}

int seq_send_wait(int fd, Cloister__Message *message, int pass_fd, int timeout_ms) {
    uint64_t end = clock_ms() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms);
    for (;;) {
        int r = seq_send(fd, message, pass_fd);
        if (r != -EAGAIN)
            return r;
        uint64_t now = clock_ms();
        if (now >= end)
            return -ETIMEDOUT;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (poll(&wait, 1, (int)(end - now)) < 0 && errno != EINTR)
            return -errno;
    }
}

/* Descriptors that came with a message, at most so many; the rest is closed. */
struct came {
    int fds[SEQ_FDS_MAX];
    unsigned count; /* more than there is room for: that many came */
};

static void close_came(struct came *came) {
    for (unsigned i = 0; i < came->count && i < SEQ_FDS_MAX; i++)
        if (came->fds[i] >= 0)
            (void)close(came->fds[i]);
}

static void collect_fds(struct msghdr *packet, struct came *came) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(packet); c != NULL; c = CMSG_NXTHDR(packet, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (came->count < SEQ_FDS_MAX)
                came->fds[came->count] = fd;
            else
                (void)close(fd);
            came->count++;
        }
    }
}

/* A peer that ended with messages unread leaves one ECONNRESET before its own last words. */
static bool try_again(ssize_t n) {
    return n < 0 && (errno == EINTR || errno == ECONNRESET);
}

static int receive_datagram(int fd, uint8_t *data, size_t cap, size_t *ret_len, struct came *came) {
    struct iovec part = {data, cap};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * (SEQ_FDS_MAX + 1))];
    } control = {0};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control.space)};
    ssize_t n;
    do
        n = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (try_again(n));
    if (n < 0)
        return -errno;
    if (n == 0)
        return -ECONNRESET;
    collect_fds(&packet, came);
    *ret_len = (size_t)n;
    return (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ? -EMSGSIZE : 0;
}

/* Size of the datagram that waits, so that an idle process keeps no large buffer. */
static ssize_t pending_size(int fd) {
    uint8_t none;
    ssize_t n;
    do
        n = recv(fd, &none, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    while (try_again(n));
    if (n < 0)
        return -errno;
    return n == 0 ? -ECONNRESET : n;
}

int seq_recv_fds(int fd, struct msg_peer *peer, Cloister__Message **ret,
                 int ret_fds[static SEQ_FDS_MAX], size_t *ret_n) {
    ssize_t pending = pending_size(fd);
    if (pending < 0)
        return (int)pending;
    size_t cap = (size_t)pending <= MESSAGE_MAX ? (size_t)pending : 1, len = 0;
    uint8_t *data = malloc(cap);
    if (data == NULL)
        return -ENOMEM;
    struct came came = {.count = 0};
    int r = receive_datagram(fd, data, cap, &len, &came);
    if (r == 0)
        r = msg_decode(peer, data, len, came.count, ret);
    explicit_bzero(data, cap);
    free(data);
    if (r < 0) {
        close_came(&came);
        return r;
    }
    /* No row lists more than there is room for. */
    memcpy(ret_fds, came.fds, came.count * sizeof(int));
    *ret_n = came.count;
    return 0;
}

int seq_recv(int fd, struct msg_peer *peer, Cloister__Message **ret, int *ret_fd) {
    struct came came = {.count = 0};
    size_t n = 0;
    int r = seq_recv_fds(fd, peer, ret, came.fds, &n);
    if (r < 0)
        return r;
    came.count = (unsigned)n;
    if (ret_fd != NULL) {
        *ret_fd = n > 0 ? came.fds[0] : -1;
        if (n > 0)
            came.fds[0] = -1;
    }
    close_came(&came);
    return 0;
}

int seq_recv_wait(int fd, struct msg_peer *peer, int timeout_ms, Cloister__Message **ret,
                  int *ret_fd) {
    uint64_t end = clock_ms() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms);
    for (;;) {
        int r = seq_recv(fd, peer, ret, ret_fd);
        if (r != -EAGAIN)
            return r;
        uint64_t now = clock_ms();
        if (now >= end)
            return -ETIMEDOUT;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, (int)(end - now)) < 0 && errno != EINTR)
            return -errno;
    }
}

int peer_identity(int fd, uid_t *ret_uid, pid_t *ret_pid) {
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return -errno;
    *ret_uid = peer.uid;
    *ret_pid = peer.pid;
    return 0;
}

static int address_of(const char *path, struct sockaddr_un *ret) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path))
        return -ENAMETOOLONG;
    strcpy(ret->sun_path, path);
    return 0;
}

int seq_listen(const char *path, mode_t mode) {
    struct sockaddr_un address;
    int r = address_of(path, &address);
    if (r < 0)
        return r;
    SCOPE_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    /* Once it is there the name may be exchanged by whoever has the folder, so it gets its mode
     * with the socket. */
    mode_t before = umask(0777 & ~mode);
    r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    (void)umask(before);
    if (r == 0 && listen(fd, 64) < 0)
        r = -errno;
    return r < 0 ? r : take_fd(&fd);
}

int seq_connect(const char *path) {
    struct sockaddr_un address;
    int r = address_of(path, &address);
    if (r < 0)
        return r;
    SCOPE_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return take_fd(&fd);
}
