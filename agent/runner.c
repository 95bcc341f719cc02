#include "agent/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "ipc/log.h"

#define DEADLINE_GRACE_MS 1000 /* a turn that still says what went wrong is worth a second */
#define TURN_LONGEST_MS   3600000
#define TURN_COMPUTES_MS  100 /* an ordinary one: 5 */
#define LOOK_MS           50
#define RUNS_MS           20 /* one that has computed for longer: so long on, so long off */
#define STANDS_MS         60

static int pair_new(int ret[static 2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

/* Egress gets the other end of this turn's channel. */
static int egress_announce(int egress_fd, int turn_end, const struct about *about) {
    Cloister__EgressTurn body = CLOISTER__EGRESS_TURN__INIT;
    body.request = (char *)(uintptr_t)about->request;
    Cloister__Message message = MSG_OF(EGRESS_TURN, egress_turn, &body);
    return seq_send(egress_fd, &message, turn_end);
}

static void NORETURN turn_process(const struct agent_setup *setup, const struct turn_setup *turn) {
    log_open("cloister-turn");
    int keep[] = {turn->agent_fd, turn->keys_fd, turn->egress_fd};
    if (fds_close_except(keep, COUNT_OF(keep)) < 0)
        _exit(101);
    int r = walls_turn(setup->walls);
    if (r < 0) {
        log_error("a turn's walls are missing: %s", strerror(-r));
        _exit(102);
    }
    /* Turns of different agents have equal pids in namespaces of their own, so OpenSSL cannot tell
     * that it was forked: its generators are reseeded here. */
    if (RAND_poll() != 1)
        _exit(103);
    _exit(turn_run(turn));
}

/* With its pidfd in one go: an agent that could open pidfds could open its neighbours'.
 * Single-threaded, and what libraries would do at a fork is done in turn_process, so the bare call
 * is enough. */
static pid_t turn_fork(int *ret_pidfd) {
    long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, ret_pidfd, 0, 0);
    return pid < 0 ? -errno : (pid_t)pid;
}

int runner_start(struct runner *runner, const struct agent_setup *setup,
                 const Cloister__TurnStart *start) {
    if (runner_runs(runner))
        return -EBUSY;
    if (start->turn[0] == '\0' || strlen(start->turn) >= sizeof(runner->id))
        return -EINVAL;
    int channel[2], egress[2];
    (void)about_read(start->about, &runner->about);
    LOG_ABOUT(.request = runner->about.request, .trace = runner->about.trace);
    int r = pair_new(channel);
    if (r < 0)
        return r;
    SCOPE_FD int ours = channel[0], theirs = channel[1];
    r = pair_new(egress);
    if (r < 0)
        return r;
    SCOPE_FD int turn_end = egress[0], egress_end = egress[1];
    r = egress_announce(setup->egress_fd, egress_end, &runner->about);
    if (r == 0)
        r = fd_nonblock(ours);
    if (r < 0)
        return r;
    uint64_t lasts = start->deadline_ms < TURN_LONGEST_MS ? start->deadline_ms : TURN_LONGEST_MS;
    runner->began = clock_ms();
    uint64_t deadline = runner->began + lasts;
    SCOPE_FD int pidfd = -1;
    pid_t pid = turn_fork(&pidfd);
    if (pid < 0)
        return pid;
    if (pid == 0) {
        const struct turn_setup turn = {.agent_fd = theirs,
                                        .keys_fd = setup->keys_fd,
                                        .egress_fd = turn_end,
                                        .start = start,
                                        .deadline = deadline,
                                        .world = setup->world,
                                        .resume = setup->resume};
        turn_process(setup, &turn);
    }
    runner->pidfd = take_fd(&pidfd);
    runner->pid = pid;
    runner->look_at = clock_ms() + LOOK_MS;
    runner->used_us = 0;
    runner->yields = false;
    runner->stands = false;
    runner->channel = take_fd(&ours);
    runner->finished = false;
    runner->kill_at = deadline + DEADLINE_GRACE_MS;
    (void)snprintf(runner->id, sizeof(runner->id), "%s", start->turn);
    return 0;
}

void runner_kill_within(struct runner *runner, uint64_t grace_ms) {
    uint64_t at = clock_ms() + grace_ms;
    if (runner->kill_at == 0 || at < runner->kill_at)
        runner->kill_at = at;
}

static void turn_signal(const struct runner *runner, int number) {
    (void)syscall(SYS_pidfd_send_signal, runner->pidfd, number, NULL, 0);
}

void runner_kill(struct runner *runner) {
    if (runner_runs(runner))
        turn_signal(runner, SIGKILL);
}

/* As clock_getcpuclockid(3) has it, without the further call that it makes: the time that all
 * threads of another process have computed (CPUCLOCK_SCHED). */
static uint64_t used_us(const struct runner *runner) {
    const clockid_t clock = (clockid_t)(~(unsigned)runner->pid << 3 | 2u);
    struct timespec used;
    if (clock_gettime(clock, &used) < 0)
        return runner->used_us; /* it has ended */
    return (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
}

static void set_behind(struct runner *runner) {
    const struct sched_param none = {0};
    const struct log_fields about = {.request = runner->about.request,
                                     .trace = runner->about.trace};
    runner->yields = true; /* said once, whether the kernel does it or not */
    if (sched_setscheduler(runner->pid, SCHED_IDLE, &none) < 0)
        log_with(LOG_LEVEL_WARN, &about,
                 "a turn that computes for long cannot be set behind others: %s", strerror(errno));
    else
        log_with(LOG_LEVEL_INFO, &about, "a turn computes for long; it is set behind others");
}

void runner_look(struct runner *runner) {
    if (!runner_runs(runner))
        return;
    uint64_t us = used_us(runner), wait = LOOK_MS;
    if (!runner->yields && us >= TURN_COMPUTES_MS * 1000u)
        set_behind(runner);
    if (runner->stands) {
        turn_signal(runner, SIGCONT);
        runner->stands = false;
        wait = RUNS_MS;
    } else if (runner->yields) {
        runner->stands = us - runner->used_us >= RUNS_MS * 1000u / 2;
        if (runner->stands)
            turn_signal(runner, SIGSTOP);
        wait = runner->stands ? STANDS_MS : RUNS_MS;
    }
    runner->used_us = us;
    runner->look_at = clock_ms() + wait;
}

bool runner_reap(struct runner *runner, int *ret_signal, int *ret_status) {
    siginfo_t info = {0};
    if (!runner_runs(runner) ||
        waitid(P_PIDFD, (id_t)runner->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
        return false;
    *ret_signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
    *ret_status = info.si_code == CLD_EXITED ? info.si_status : 0;
    (void)close(take_fd(&runner->pidfd));
    if (runner->channel >= 0)
        (void)close(take_fd(&runner->channel));
    runner->kill_at = 0;
    return true;
}
