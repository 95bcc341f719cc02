#include "agent/zygote.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "agent/agent.h"
#include "ipc/log.h"

#define ROOM_MS 10000 /* a crowd of births fills a channel for a moment */

static unsigned long namespaces_of(const struct walls *walls) {
    return (walls->namespaces ? (unsigned long)CLONE_NEWUSER : 0) |
           (walls->pid_namespace ? (unsigned long)CLONE_NEWPID : 0);
}

pid_t zygote_clone(const struct walls *walls, bool parented, int *ret_pidfd) {
    int pidfd = -1;
    unsigned long flags =
        CLONE_PIDFD | namespaces_of(walls) | (parented ? (unsigned long)CLONE_PARENT : SIGCHLD);
    /* Single-threaded, so a raw clone is as good as fork; the C library's own cannot do this. Not
     * clone3, whose flags no filter can see. */
    long pid = syscall(SYS_clone, flags, 0, &pidfd, 0, 0);
    if (pid < 0)
        return -errno;
    if (pid > 0)
        *ret_pidfd = pidfd;
    return (pid_t)pid;
}

pid_t zygote_clone_into(const struct walls *walls, int cgroup_fd, int *ret_pidfd) {
    int pidfd = -1;
    struct clone_args args = {.flags = (uint64_t)(CLONE_PIDFD | CLONE_PARENT) | CLONE_INTO_CGROUP |
                                       namespaces_of(walls),
                              .pidfd = (uint64_t)(uintptr_t)&pidfd,
                              .cgroup = (uint64_t)(unsigned)cgroup_fd};
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0)
        return -errno;
    if (pid > 0)
        *ret_pidfd = pidfd;
    return (pid_t)pid;
}

static bool origin_known(const char *origin) {
    static const char *const known[] = {"owner", "customer", "front", "scheduler", "connect"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(origin, known[i]) == 0)
            return true;
    return false;
}

static bool id_or_empty(const char *text) {
    return text[0] == '\0' || id_valid(text);
}

static bool spawn_valid(const Cloister__Spawn *spawn) {
    return id_or_empty(spawn->user) && id_or_empty(spawn->connection) &&
           origin_known(spawn->origin) && id_valid(spawn->socket);
}

/* A fresh channel; its other end goes to keys, bound to this user and origin for good. */
static int keys_bind(const struct zygote *zygote, const Cloister__Spawn *spawn, int *ret) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    SCOPE_FD int ours = pair[0], theirs = pair[1];
    Cloister__KeysBind body = CLOISTER__KEYS_BIND__INIT;
    body.user = spawn->user;
    body.origin = spawn->origin;
    body.connection = spawn->connection;
    Cloister__Message message = MSG_OF(KEYS_BIND, keys_bind, &body);
    int r = seq_send_wait(zygote->keys_fd, &message, theirs, ROOM_MS);
    if (r == 0)
        *ret = take_fd(&ours);
    return r;
}

static int egress_bind(const struct zygote *zygote, const Cloister__Spawn *spawn, int *ret) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    SCOPE_FD int ours = pair[0], theirs = pair[1];
    Cloister__EgressBind body = CLOISTER__EGRESS_BIND__INIT;
    body.origin = spawn->origin;
    Cloister__Message message = MSG_OF(EGRESS_BIND, egress_bind, &body);
    int r = seq_send_wait(zygote->egress_fd, &message, theirs, ROOM_MS);
    if (r == 0)
        *ret = take_fd(&ours);
    return r;
}

static int answer(uint64_t spawn, pid_t pid, int error, bool in_cgroup, int pidfd) {
    Cloister__Spawned body = CLOISTER__SPAWNED__INIT;
    body.spawn = spawn;
    body.pid = pid;
    body.error = error;
    body.in_cgroup = in_cgroup;
    Cloister__Message message = MSG_OF(SPAWNED, spawned, &body);
    return seq_send_wait(ZYGOTE_SUPERVISOR_FD, &message, pidfd, ROOM_MS);
}

/* -errno when the zygote must end: a channel it lives on is broken. */
static int spawn_agent(struct zygote *zygote, const Cloister__Spawn *spawn, int log_fd,
                       int cgroup_fd) {
    if (!spawn_valid(spawn))
        return answer(spawn->spawn, 0, EINVAL, false, -1);
    SCOPE_FD int keys = -1;
    SCOPE_FD int egress = -1;
    SCOPE_FD int pidfd = -1;
    int r = keys_bind(zygote, spawn, &keys);
    if (r == 0)
        r = egress_bind(zygote, spawn, &egress);
    if (r < 0 && r != -EMFILE && r != -ENFILE)
        return r;
    pid_t pid = r < 0 || cgroup_fd < 0 ? r : zygote_clone_into(&zygote->walls, cgroup_fd, &pidfd);
    const bool in_cgroup = r == 0 && cgroup_fd >= 0 && pid >= 0;
    if (r == 0 && !in_cgroup)
        pid = zygote_clone(&zygote->walls, true, &pidfd);
    if (pid == 0) {
        const struct agent_setup setup = {.keys_fd = keys,
                                          .egress_fd = egress,
                                          .log_fd = log_fd,
                                          .agents_dir_fd = ZYGOTE_AGENTS_FD,
                                          .socket = spawn->socket,
                                          .walls = &zygote->walls,
                                          .world = zygote->world};
        agent_main(&setup);
    }
    return pid < 0 ? answer(spawn->spawn, 0, -pid, false, -1)
                   : answer(spawn->spawn, pid, 0, in_cgroup, pidfd);
}

static int supervisor_readable(struct zygote *zygote, struct msg_peer *peer) {
    for (;;) {
        SCOPE_MSG Cloister__Message *message = NULL;
        int fds[SEQ_FDS_MAX] = {-1, -1};
        size_t n = 0;
        int r = seq_recv_fds(ZYGOTE_SUPERVISOR_FD, peer, &message, fds, &n);
        SCOPE_FD int log_fd = n > 0 ? fds[0] : -1;
        SCOPE_FD int cgroup_fd = n > 1 ? fds[1] : -1;
        if (r == 0)
            r = spawn_agent(zygote, message->spawn, log_fd, cgroup_fd);
        if (r < 0)
            return r == -EAGAIN ? 0 : r;
    }
}

int zygote_serve(struct zygote *zygote) {
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_ZYGOTE, PHASE_READY, {0}};
    struct pollfd fds[] = {{ZYGOTE_SUPERVISOR_FD, POLLIN, 0},
                           {zygote->keys_fd, 0, 0}, /* only its end */
                           {zygote->egress_fd, 0, 0}};
    for (;;) {
        if (poll(fds, COUNT_OF(fds), -1) < 0 && errno != EINTR) {
            log_error("zygote cannot wait: %s", strerror(errno));
            return 1;
        }
        if ((fds[1].revents | fds[2].revents) != 0) {
            log_warn("%s has ended, so the zygote ends and is started anew",
                     fds[1].revents != 0 ? "cloister-keys" : "cloister-egress");
            return 1;
        }
        int r = fds[0].revents == 0 ? 0 : supervisor_readable(zygote, &peer);
        if (r == -ECONNRESET)
            return 0; /* cloisterd has ended */
        if (r < 0) {
            log_error("zygote: a channel is broken: %s", strerror(-r));
            return 1;
        }
    }
}
