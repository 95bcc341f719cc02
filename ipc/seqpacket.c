/* SOCK_SEQPACKET channels: a datagram keeps message and descriptor together, which a byte stream
 * does not (a read may merge earlier bytes with a later descriptor). */
#include "ipc/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int seq_send(int fd, Cloister__Message *message, int pass_fd) {
    size_t size = cloister__message__get_packed_size(message) + 16;
    if (size > MESSAGE_MAX)
        return -EMSGSIZE;
    uint8_t *data = malloc(size);
    if (data == NULL)
        return -ENOMEM;
    ssize_t len = msg_encode(message, data, size);
    if (len < 0) {
        free(data);
        return (int)len;
    }
    struct iovec part = {data, (size_t)len};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (pass_fd >= 0) {
        packet.msg_control = &control;
        packet.msg_controllen = sizeof(control.space);
        struct cmsghdr *c = CMSG_FIRSTHDR(&packet);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(fd, &packet, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    int r = n < 0 ? -errno : 0;
    explicit_bzero(data, size);
    free(data);
    return r;
}

/* Keeps the first descriptor, closes any other; returns how many came. */
static unsigned collect_fds(struct msghdr *packet, int *ret_fd) {
    unsigned count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(packet); c != NULL; c = CMSG_NXTHDR(packet, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (count++ == 0)
                *ret_fd = fd;
            else
                (void)close(fd);
        }
    }
    return count;
}

/* A peer that ended with messages unread leaves one ECONNRESET before its own last words. */
static bool try_again(ssize_t n) {
    return n < 0 && (errno == EINTR || errno == ECONNRESET);
}

static int receive_datagram(int fd, uint8_t *data, size_t cap, size_t *ret_len, int *ret_fd,
                            unsigned *ret_count) {
    struct iovec part = {data, cap};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 2)];
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
    *ret_count = collect_fds(&packet, ret_fd);
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

int seq_recv(int fd, struct msg_peer *peer, Cloister__Message **ret, int *ret_fd) {
    ssize_t pending = pending_size(fd);
    if (pending < 0)
        return (int)pending;
    size_t cap = (size_t)pending <= MESSAGE_MAX ? (size_t)pending : 1, len = 0;
    uint8_t *data = malloc(cap);
    if (data == NULL)
        return -ENOMEM;
    SCOPE_FD int got = -1;
    unsigned count = 0;
    int r = receive_datagram(fd, data, cap, &len, &got, &count);
    if (r == 0)
        r = msg_decode(peer, data, len, count, ret);
    explicit_bzero(data, cap);
    free(data);
    if (r == 0 && ret_fd != NULL)
        *ret_fd = take_fd(&got);
    return r;
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
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, mode) < 0 ||
        listen(fd, 64) < 0)
        return -errno;
    return take_fd(&fd);
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
