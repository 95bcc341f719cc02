/* Exhaustion: what one agent or turn can take of the machine. Each stops at a limit of its own, not
 * at the machine's. What an attempt took ends with its process. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/hostile/attempt.h"

#define MIB       (UINT64_C(1) << 20)
#define MANY      32 /* processes */
#define MANY_FDS  128
#define MUCH      (320 * MIB)
#define ADDRESSES (4096 * MIB)

/* Children end with the channel, whose other end their maker alone holds. */
static int fork_bomb(void) {
    int ends[2], made = 0, pidfd = -1;
    long pid = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    for (; made < MANY; made++) {
        pid = raw_call(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
        if (pid == 0) {
            char none;
            (void)raw_call(SYS_close, ends[1]);
            (void)raw_call(SYS_read, ends[0], &none, 1);
            (void)raw_call(SYS_exit_group, 0);
        }
        if (pid < 0)
            break;
    }
    note("%d processes", made);
    if (made < MANY)
        return (int)pid;
    (void)poll(NULL, 0, WATCHED_MS); /* cloisterd may look at any time: until it must have looked */
    return OUT;
}
ATTEMPT(exhaustion, fork_bomb_agent, AGENT, "limits WATCH_PROCESSES",
        "fork without end: RLIMIT_NPROC") {
    return fork_bomb();
}
ATTEMPT(exhaustion, fork_bomb_turn, TURN, "turn-seccomp limits WATCH_PROCESSES",
        "fork without end: no fork") {
    return fork_bomb();
}

static int take(uint64_t bytes, int protection, int flags) {
    long at = raw_call(SYS_mmap, NULL, bytes, protection, MAP_ANONYMOUS | flags, -1, 0);
    return at < 0 && at > -4096 ? (int)at : OUT;
}
#define WRITABLE (PROT_READ | PROT_WRITE)
ATTEMPT(exhaustion, memory, BOTH, "limits", "private memory: RLIMIT_DATA") {
    return take(MUCH, WRITABLE, MAP_PRIVATE | MAP_NORESERVE);
}
ATTEMPT(exhaustion, memory_in_pieces, BOTH, "limits",
        "private memory in small pieces: RLIMIT_DATA") {
    for (unsigned i = 0; i < MUCH / MIB; i++) {
        int r = take(MIB, i % 2 == 0 ? WRITABLE : PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
        if (r != OUT)
            return r;
    }
    return OUT;
}
ATTEMPT(exhaustion, memory_later, BOTH, "limits", "memory made writable later: RLIMIT_DATA") {
    long at = raw_call(SYS_mmap, NULL, MUCH, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
    if (at < 0 && at > -4096)
        return (int)at;
    return tried(raw_call(SYS_mprotect, at, MUCH, WRITABLE));
}
ATTEMPT(exhaustion, heap, BOTH, "limits", "brk: RLIMIT_DATA") {
    long now = raw_call(SYS_brk, 0);
    long then = raw_call(SYS_brk, now + (long)MUCH);
    return then > now ? OUT : -ENOMEM;
}
ATTEMPT(exhaustion, addresses, BOTH, "limits", "page tables: RLIMIT_AS") {
    return take(ADDRESSES, PROT_READ, MAP_PRIVATE | MAP_NORESERVE);
}
ATTEMPT(exhaustion, shared_memory, BOTH, "seccomp", "shared memory, which no limit counts") {
    return take(MIB, WRITABLE, MAP_SHARED);
}
ATTEMPT(exhaustion, stacks, BOTH, "seccomp", "stacks, which no limit counts") {
    return take(MIB, WRITABLE, MAP_PRIVATE | MAP_GROWSDOWN);
}
ATTEMPT(exhaustion, huge_pages, BOTH, "seccomp", "huge pages") {
    return take(2 * MIB, WRITABLE, MAP_PRIVATE | MAP_HUGETLB | MAP_NORESERVE) == OUT ? OUT
                                                                                     : -ENOMEM;
}
ATTEMPT(exhaustion, descriptors, TURN, "limits", "descriptors: RLIMIT_NOFILE") {
    for (unsigned i = 0; i < MANY_FDS; i += 2) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
            return -errno;
    }
    return OUT;
}
ATTEMPT(exhaustion, wide_sockets, BOTH, "seccomp",
        "what sockets hold: their buffers stay as they are") {
    int ends[2], bytes = 1 << 20;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    return tried(raw_call(SYS_setsockopt, ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)));
}
ATTEMPT(exhaustion, pipes, BOTH, "seccomp", "what pipes hold") {
    int ends[2];
    return tried(raw_call(SYS_pipe2, ends, 0));
}
ATTEMPT(exhaustion, timers, BOTH, "seccomp", "timers of the kernel") {
    int timer;
    return tried(raw_call(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer));
}
ATTEMPT(exhaustion, event_queues, BOTH, "seccomp", "epoll instances") {
    return tried(raw_call(SYS_epoll_create1, 0));
}
ATTEMPT(exhaustion, watches, BOTH, "seccomp",
        "inotify instances, counted for all agents together") {
    return tried(raw_call(SYS_inotify_init1, 0));
}
