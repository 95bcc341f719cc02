/* A hostile agent: the real program, whose idle agent and whose turns also do what a message of the
 * form "hostile WHO ATTEMPT props" says, behind whatever walls they have. Everything else they do
 * as ever: connecting a user takes a real turn. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/agent.h"
#include "agent/runner.h"
#include "agent/turn.h"
#include "agent/zygote.h"
#include "ipc/log.h"
#include "ipc/sp.h"
#include "tests/hostile/attempt.h"
#include "tests/hostile/sessions.h"
#include "tests/hostile/walls_off.h"

#define WORD               "hostile "
#define PROBER_MS          4000
#define WATCHED_AT_MOST_MS 15000
#define LONG_MS            600000
#define TOLD_MAX           512

int __real_turn_run(const struct turn_setup *setup);
int __wrap_turn_run(const struct turn_setup *setup);
int __real_sp_dial(int dir_fd, const char *name, struct sp **ret);
int __wrap_sp_dial(int dir_fd, const char *name, struct sp **ret);
int __real_runner_start(struct runner *runner, const struct agent_setup *setup,
                        const Cloister__TurnStart *start);
int __wrap_runner_start(struct runner *runner, const struct agent_setup *setup,
                        const Cloister__TurnStart *start);
bool __real_runner_reap(struct runner *runner, int *ret_signal, int *ret_status);
bool __wrap_runner_reap(struct runner *runner, int *ret_signal, int *ret_status);

int __real_zygote_serve(struct zygote *zygote);
int __wrap_zygote_serve(struct zygote *zygote);
int __real_seq_recv_fds(int fd, struct msg_peer *peer, Cloister__Message **ret,
                        int ret_fds[static SEQ_FDS_MAX], size_t *ret_n);
int __wrap_seq_recv_fds(int fd, struct msg_peer *peer, Cloister__Message **ret,
                        int ret_fds[static SEQ_FDS_MAX], size_t *ret_n);

static struct sp *supervisor;
/* A connection that an earlier turn was given; and while a turn hands one over, the way for it. */
static int kept_fd = -1, handing[2] = {-1, -1};
#define KEEP "keep_connection"
#define USE  "use_kept"
/* While this goes on, the agent itself computes as well. */
#define FLOOD "fork_flood"
/* A turn that has used up its memory and then does its work: it says why that ends. */
#define HUNGRY "hungry"
/* While this lasts, it says nothing either, and answers nothing. */
#define SILENT "half_message"

/* "hostile WHO ID props": true when the message is one for `who`. */
static bool order(const char *message, const char *who, char id[static 64],
                  const char **ret_props) {
    size_t n = strlen(who);
    if (strncmp(message, WORD, strlen(WORD)) != 0)
        return false;
    message += strlen(WORD);
    if (strncmp(message, who, n) != 0 || message[n] != ' ')
        return false;
    message += n + 1;
    size_t len = strcspn(message, " ");
    (void)snprintf(id, 64, "%.*s", (int)len, message);
    *ret_props = message + len + (message[len] == ' ');
    return true;
}

/* ---- as a turn ---- */

static void turn_says(const struct turn_setup *setup, const char *text) {
    Cloister__TurnDelta delta = CLOISTER__TURN_DELTA__INIT;
    delta.turn = setup->start->turn;
    delta.text = (char *)(uintptr_t)text;
    Cloister__Message said = MSG_OF(TURN_DELTA, turn_delta, &delta);
    (void)!seq_send_wait(setup->agent_fd, &said, -1, 10000);
    Cloister__Usage usage = CLOISTER__USAGE__INIT;
    Cloister__Audit audit = CLOISTER__AUDIT__INIT;
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.turn = setup->start->turn;
    done.usage = &usage;
    done.audit = &audit;
    Cloister__Message over = MSG_OF(TURN_DONE, turn_done, &done);
    (void)!seq_send_wait(setup->agent_fd, &over, -1, 10000);
}

static void eat(void) {
    for (size_t size = 1u << 20; size >= 1u << 12; size /= 2)
        while (mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
               MAP_FAILED)
            ;
}

int __wrap_turn_run(const struct turn_setup *setup) {
    char id[64], told[TOLD_MAX] = "";
    const char *props = "";
    sessions_seen(setup->resume);
    if (order(setup->start->message, "told", id, &props)) { /* what an agent's attempt came to */
        turn_says(setup, props);
        return 0;
    }
    if (!order(setup->start->message, "turn", id, &props))
        return __real_turn_run(setup);
    if (strcmp(id, HUNGRY) == 0) {
        eat();
        return __real_turn_run(setup);
    }
    const struct scene scene = {.turn = true,
                                .agent_fd = setup->agent_fd,
                                .supervisor_fd = -1,
                                .keys_fd = setup->keys_fd,
                                .egress_fd = setup->egress_fd,
                                .kept_fd = handing[1] >= 0 ? handing[1] : kept_fd,
                                .start = setup->start,
                                .props = props};
    attempt_tell(id, &scene, told, sizeof(told));
    turn_says(setup, told);
    return 0;
}

/* The agent has seen its turn die: it says how, before it reports the end. */
bool __wrap_runner_reap(struct runner *runner, int *ret_signal, int *ret_status) {
    char turn[sizeof(runner->id)], text[64];
    (void)snprintf(turn, sizeof(turn), "%s", runner->id);
    sessions_reaped(runner);
    bool finished = runner->finished;
    if (!__real_runner_reap(runner, ret_signal, ret_status))
        return false;
    if (finished || supervisor == NULL || (*ret_signal == 0 && *ret_status != EXECUTED))
        return true;
    if (*ret_signal == 0)
        (void)snprintf(text, sizeof(text), "out: executed");
    else
        (void)snprintf(text, sizeof(text), "killed %d", *ret_signal);
    Cloister__TurnDelta delta = CLOISTER__TURN_DELTA__INIT;
    delta.turn = turn;
    delta.text = text;
    Cloister__Message message = MSG_OF(TURN_DELTA, turn_delta, &delta);
    uint8_t data[512];
    ssize_t len = msg_encode(&message, data, sizeof(data));
    if (len > 0)
        (void)!sp_send(supervisor, data, (size_t)len);
    return true;
}

/* ---- as the zygote ---- */

static const struct zygote *zygote_here;

int __wrap_zygote_serve(struct zygote *zygote) {
    zygote_here = zygote;
    return __real_zygote_serve(zygote);
}

/* The file of walls says what to try, since nobody speaks to a zygote; the log says what came of
 * it. */
static void as_zygote(const struct zygote *zygote) {
    char id[64], props[1024], told[TOLD_MAX];
    if (wall_line("zygote", id, sizeof(id))[0] == '\0')
        return;
    const struct scene scene = {.agent_fd = -1,
                                .supervisor_fd = ZYGOTE_SUPERVISOR_FD,
                                .keys_fd = zygote->keys_fd,
                                .egress_fd = zygote->egress_fd,
                                .kept_fd = -1,
                                .props = wall_line("props", props, sizeof(props))};
    attempt_tell(id, &scene, told, sizeof(told));
    log_info("hostile zygote %s: %s", id, told);
}

int __wrap_seq_recv_fds(int fd, struct msg_peer *peer, Cloister__Message **ret,
                        int ret_fds[static SEQ_FDS_MAX], size_t *ret_n) {
    int r = __real_seq_recv_fds(fd, peer, ret, ret_fds, ret_n);
    if (r == 0 && zygote_here != NULL && fd == ZYGOTE_SUPERVISOR_FD)
        as_zygote(zygote_here);
    return r;
}

/* ---- as the idle agent ---- */

int __wrap_sp_dial(int dir_fd, const char *name, struct sp **ret) {
    zygote_here = NULL; /* an agent is born */
    int r = wall_peer(true);
    if (r == 0)
        r = __real_sp_dial(dir_fd, name, ret);
    if (r == 0)
        supervisor = *ret;
    if (r == 0)
        r = wall_peer(false);
    return r;
}

/* How long an attempt may take. */
static int patience(const char *id) {
    static const char *const watched[] = {"processor", "processes", "fork_bomb_agent",
                                          "hold_egress"};
    for (size_t i = 0; i < COUNT_OF(watched); i++)
        if (strcmp(id, watched[i]) == 0)
            return WATCHED_AT_MOST_MS;
    return strcmp(id, SILENT) == 0 ? -1 : PROBER_MS;
}

static void wait_prober(int pidfd, int from, const char *id, char *told, size_t len) {
    bool computes = strcmp(id, FLOOD) == 0;
    struct pollfd wait = {pidfd, POLLIN, 0};
    bool late = true;
    if (!computes)
        late = poll(&wait, 1, patience(id)) == 0;
    for (uint64_t began = clock_ms(); computes && late && clock_ms() - began < PROBER_MS;)
        late = poll(&wait, 1, 0) == 0;
    if (late)
        (void)raw_call(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    siginfo_t info = {0};
    (void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
    ssize_t n = recv(from, told, len - 1, MSG_DONTWAIT);
    told[n > 0 ? n : 0] = '\0';
    if (late)
        (void)snprintf(told, len, "stopped: no end of it");
    else if (info.si_code != CLD_EXITED)
        (void)snprintf(told, len, "killed %d", info.si_status);
    else if (info.si_status == EXECUTED)
        (void)snprintf(told, len, "out: executed");
}

/* In a child of the agent: it has all that the agent has. */
static void as_agent(const struct agent_setup *setup, const Cloister__TurnStart *start,
                     const char *id, const char *props, char *told, size_t len) {
    int ends[2];
    (void)snprintf(told, len, "no prober");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    SCOPE_FD int from = ends[0], to = ends[1];
    SCOPE_FD int pidfd = -1;
    pid_t pid = (pid_t)raw_call(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0); /* as a turn */
    if (pid == 0) {
        const struct scene scene = {.agent_fd = -1,
                                    .supervisor_fd = sp_fd(supervisor),
                                    .keys_fd = setup->keys_fd,
                                    .egress_fd = setup->egress_fd,
                                    .kept_fd = kept_fd,
                                    .start = start,
                                    .props = props};
        attempt_tell(id, &scene, told, len);
        (void)!send(to, told, strlen(told), MSG_NOSIGNAL);
        _exit(0);
    }
    if (pidfd >= 0)
        wait_prober(pidfd, from, id, told, len);
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)close(take_fd(fd));
}

/* What the last turn handed over, if it was told to. */
static void take_kept(void) {
    char byte, room[CMSG_SPACE(sizeof(int))];
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    if (handing[0] < 0 || recvmsg(handing[0], &message, MSG_DONTWAIT) < 0)
        return;
    const struct cmsghdr *along = CMSG_FIRSTHDR(&message);
    if (along != NULL && along->cmsg_type == SCM_RIGHTS)
        memcpy(&kept_fd, CMSG_DATA(along), sizeof(kept_fd));
}

/* Whatever earlier attempts have left to the agent: each would count against its limit. */
static void reap_orphans(void) {
    siginfo_t info;
    do
        info = (siginfo_t){0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0);
}

static void keep_or_drop(const char *id) {
    reap_orphans(); /* no turn runs now */
    take_kept();
    close_fd(&handing[0]);
    close_fd(&handing[1]);
    if (strcmp(id, USE) != 0)
        close_fd(&kept_fd);
    if (strcmp(id, KEEP) == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, handing) < 0)
        handing[0] = handing[1] = -1;
}

/* A turn of a hostile agent need not close what the agent wants it to have. */
size_t wall_kept(int ret[static 2]) {
    size_t n = 0;
    if (kept_fd >= 0)
        ret[n++] = kept_fd;
    if (handing[1] >= 0)
        ret[n++] = handing[1];
    return n;
}

int __wrap_runner_start(struct runner *runner, const struct agent_setup *setup,
                        const Cloister__TurnStart *start) {
    char id[64] = "", told[TOLD_MAX], message[TOLD_MAX + 32];
    const char *props = "";
    if (order(start->message, "turn", id, &props) || order(start->message, "agent", id, &props))
        keep_or_drop(id);
    Cloister__TurnStart changed = *start;
    if (wall_off("turn-deadline"))
        changed.deadline_ms = LONG_MS;
    if (!order(start->message, "agent", id, &props))
        return __real_runner_start(runner, setup, &changed);
    as_agent(setup, start, id, props, told, sizeof(told));
    (void)snprintf(message, sizeof(message), WORD "told agent %s", told);
    changed.message = message;
    return __real_runner_start(runner, setup, &changed);
}
