/* bench-tun-relay NETNS-A NETNS-B DELAY-US: puts a network device "relay" into each of two named
 * network namespaces and carries packets between them, each held back for DELAY-US. For a known
 * round-trip time on kernels without netem. Prints "ready" once both devices exist; ends on SIGTERM
 * or with its parent. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>

#include "ipc/base.h"
#include "ipc/log.h"

#define PACKET_MAX 2048
#define QUEUE_MAX  8192

struct packet {
    uint64_t due_ns;
    uint16_t len;
    uint8_t data[PACKET_MAX];
};
struct queue { /* delay is the same for all, so first in is first due */
    struct packet *ring;
    size_t head, count;
};

static uint64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int device_in(const char *netns) {
    char path[256];
    (void)snprintf(path, sizeof(path), "/run/netns/%s", netns);
    SCOPE_FD int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    SCOPE_FD int there = open(path, O_RDONLY | O_CLOEXEC);
    if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
        fatal("cannot enter network namespace %s: %s", netns, strerror(errno));
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strcpy(request.ifr_name, "relay");
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
        fatal("cannot make a TUN device: %s", strerror(errno));
    if (setns(home, CLONE_NEWNET) < 0)
        fatal("cannot come back: %s", strerror(errno));
    return fd;
}

static void take_in(int fd, struct queue *queue, uint64_t delay_ns) {
    while (queue->count < QUEUE_MAX) {
        struct packet *packet = &queue->ring[(queue->head + queue->count) % QUEUE_MAX];
        ssize_t n = read(fd, packet->data, sizeof(packet->data));
        if (n <= 0)
            return;
        packet->len = (uint16_t)n;
        packet->due_ns = now_ns() + delay_ns;
        queue->count++;
    }
}

static void give_out(int fd, struct queue *queue, uint64_t *next_ns) {
    while (queue->count > 0) {
        struct packet *packet = &queue->ring[queue->head];
        if (packet->due_ns > now_ns()) {
            if (packet->due_ns < *next_ns)
                *next_ns = packet->due_ns;
            return;
        }
        (void)!write(fd, packet->data, packet->len);
        queue->head = (queue->head + 1) % QUEUE_MAX;
        queue->count--;
    }
}

int main(int argc, char **argv) {
    uint64_t delay_us = 0;
    log_open("bench-tun-relay");
    if (argc != 4 || parse_u64(argv[3], 0, 1000000, &delay_us) < 0)
        fatal("usage: bench-tun-relay NETNS-A NETNS-B DELAY-US");
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    int fds[2] = {device_in(argv[1]), device_in(argv[2])};
    struct queue queues[2] = {{calloc(QUEUE_MAX, sizeof(struct packet)), 0, 0},
                              {calloc(QUEUE_MAX, sizeof(struct packet)), 0, 0}};
    if (queues[0].ring == NULL || queues[1].ring == NULL)
        fatal("out of memory");
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint64_t next = UINT64_MAX;
        give_out(fds[1], &queues[0], &next);
        give_out(fds[0], &queues[1], &next);
        uint64_t now = now_ns(), left = next == UINT64_MAX ? 0 : next > now ? next - now : 1;
        struct timespec wait = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
        struct pollfd watch[2] = {{.fd = fds[0], .events = POLLIN},
                                  {.fd = fds[1], .events = POLLIN}};
        (void)ppoll(watch, 2, left == 0 ? NULL : &wait, NULL);
        take_in(fds[0], &queues[0], delay_us * 1000);
        take_in(fds[1], &queues[1], delay_us * 1000);
    }
}
