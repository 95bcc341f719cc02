/* bench-relay TARGET-PORT...: stands before servers on 127.0.0.1 and tells when somebody comes.
 * Opens one listener for each target, prints their ports on one line, then a line "accept PORT
 * NANOSECONDS" (monotonic clock) for each connection, and passes bytes to and fro. Ends when stdin
 * ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "ipc/base.h"
#include "ipc/log.h"

#define TARGETS_MAX 4

struct line {
    int fds[2];
};

static bool copy(int from, int to) {
    char data[16384];
    ssize_t n = recv(from, data, sizeof(data), 0);
    for (ssize_t sent = 0; n > 0 && sent < n;) {
        ssize_t m = send(to, data + sent, (size_t)(n - sent), MSG_NOSIGNAL);
        if (m < 0)
            return false;
        sent += m;
    }
    if (n == 0)
        (void)shutdown(to, SHUT_WR);
    return n > 0;
}

static void *carry(void *arg) {
    struct line *line = arg;
    struct pollfd fds[2] = {{line->fds[0], POLLIN, 0}, {line->fds[1], POLLIN, 0}};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0)
            break;
        for (int i = 0; i < 2; i++)
            if (fds[i].revents != 0 && !copy(line->fds[i], line->fds[1 - i]))
                fds[i].fd = -1;
    }
    close(line->fds[0]);
    close(line->fds[1]);
    free(line);
    return NULL;
}

static struct sockaddr_in here(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listener(uint16_t *ret_port) {
    struct sockaddr_in at = here(0);
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        fatal("cannot listen: %s", strerror(errno));
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void take(int from, uint16_t port, uint16_t target) {
    int fd = accept4(from, NULL, NULL, SOCK_CLOEXEC), on = 1;
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    printf("accept %u %lld\n", port, (long long)t.tv_sec * 1000000000 + t.tv_nsec);
    (void)fflush(stdout);
    struct sockaddr_in to = here(target);
    struct line *line = malloc(sizeof(*line));
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || other < 0 || line == NULL ||
        connect(other, (struct sockaddr *)&to, sizeof(to)) < 0)
        fatal("cannot pass a connection on: %s", strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(other, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *line = (struct line){{fd, other}};
    pthread_t thread;
    if (pthread_create(&thread, NULL, carry, line) != 0)
        fatal("cannot start a thread");
    (void)pthread_detach(thread);
}

int main(int argc, char **argv) {
    struct pollfd fds[TARGETS_MAX + 1];
    uint16_t ports[TARGETS_MAX], targets[TARGETS_MAX];
    log_open("bench-relay");
    size_t n = (size_t)argc - 1;
    if (n < 1 || n > TARGETS_MAX)
        fatal("usage: bench-relay TARGET-PORT...");
    for (size_t i = 0; i < n; i++) {
        uint64_t target;
        if (parse_u64(argv[i + 1], 1, 65535, &target) < 0)
            fatal("%s is no port", argv[i + 1]);
        targets[i] = (uint16_t)target;
        fds[i] = (struct pollfd){listener(&ports[i]), POLLIN, 0};
        printf("%u%c", ports[i], i + 1 == n ? '\n' : ' ');
    }
    (void)fflush(stdout);
    fds[n] = (struct pollfd){0, POLLIN, 0};
    for (;;) {
        if (poll(fds, n + 1, -1) < 0 && errno != EINTR)
            fatal("poll: %s", strerror(errno));
        if (fds[n].revents != 0)
            return 0;
        for (size_t i = 0; i < n; i++)
            if (fds[i].revents != 0)
                take(fds[i].fd, ports[i], targets[i]);
    }
}
