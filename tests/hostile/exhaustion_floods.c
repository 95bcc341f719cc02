/* Exhaustion: what is counted or timed rather than refused. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/hostile/data_turns.h"
#include "tests/hostile/egress.h"

#define FLOOD_MS  1500
#define FULL_MS   1100 /* its budget has been filled up by then */
#define COMPUTE_S 12   /* a turn may compute for ten */
#define MANY      80   /* refusals; a turn is given 64 */
#define ANSWER_MS 2000
#define HELD_MS   10000 /* nobody is kept waiting for that long by chance */

/* How many lines are kept is for the log to tell (stage.py). */
ATTEMPT(exhaustion, flood_log, TURN, "LOG_BUDGET", "lines to the log without end") {
    static const char line[] = "cloister-turn: error: a hostile line of the flood\n";
    (void)poll(NULL, 0, FULL_MS);
    for (uint64_t began = clock_ms(); clock_ms() - began < FLOOD_MS;)
        (void)!write(STDERR_FILENO, line, sizeof(line) - 1);
    return 0;
}

ATTEMPT(exhaustion, compute, TURN, "limits", "computing without end: RLIMIT_CPU") {
    struct timespec used = {0};
    while (used.tv_sec < COMPUTE_S) {
        for (volatile unsigned i = 0; i < 10000000; i++)
            ;
        if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
            return -errno;
    }
    return OUT;
}

/* Beside its turn, an agent of ours has no process and computes next to nothing: cloisterd looks
 * (supervisor/watch.h). Out when it has computed for more than it may, and is let go on for longer
 * than looking takes, however little of the machine it is given. */
#define MUCH_MS 1000
ATTEMPT(exhaustion, processor, AGENT, "WATCH_COMPUTING", "an agent that computes") {
    struct timespec used = {0};
    uint64_t since = 0;
    while (since == 0 || clock_ms() - since < WATCHED_MS) {
        for (volatile unsigned i = 0; i < 1000000; i++)
            ;
        if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
            return -errno;
        if (since == 0 && (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000 > MUCH_MS)
            since = clock_ms();
    }
    return OUT;
}
ATTEMPT(exhaustion, processes, AGENT, "WATCH_PROCESSES limits",
        "a process beside the turn, which waits") {
    int ends[2], pidfd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    for (int i = 0; i < 3; i++) { /* one more than there is room for */
        long pid = raw_call(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
        if (pid == 0) {
            char none;
            (void)raw_call(SYS_close, ends[1]);
            (void)raw_call(SYS_read, ends[0], &none, 1);
            (void)raw_call(SYS_exit_group, 0);
        }
        if (pid < 0)
            return (int)pid;
    }
    (void)poll(NULL, 0, WATCHED_MS);
    return OUT;
}

/* cloisterd would have to find room for it, and wait. */
ATTEMPT(exhaustion, gibibyte, AGENT, "FRAME_LENGTH", "a length field of a gibibyte") {
    static const uint8_t head[] = {1, 0, 0, 0, 0, 0x40, 0, 0, 0, 8, 1};
    if (send(scene->supervisor_fd, head, sizeof(head), MSG_NOSIGNAL) < 0)
        return -errno;
    return live_on(scene, 0);
}

ATTEMPT(exhaustion, huge_length, AGENT, "FRAME_LENGTH", "a length field of 2^63") {
    static const uint8_t head[] = {1, 0x80, 0, 0, 0, 0, 0, 0, 0, 8, 1};
    if (send(scene->supervisor_fd, head, sizeof(head), MSG_NOSIGNAL) < 0)
        return -errno;
    return live_on(scene, 0);
}

/* Its agent says no more either (prisoner.c), so whoever waits for the other half waits for good:
 * exhaustion_held.py. */
ATTEMPT(help, half_message, AGENT, "", "half a message, and nothing after it") {
    static const uint8_t half[] = {1, 0, 0, 0, 0, 0, 0, 0, 100, 8, 1};
    if (send(scene->supervisor_fd, half, sizeof(half), MSG_NOSIGNAL) < 0)
        return -errno;
    (void)poll(NULL, 0, -1);
    return 0;
}

ATTEMPT(exhaustion, refusals, TURN, "EGRESS_REFUSALS", "egress: asking only to be refused") {
    for (int i = 0; i < MANY; i++) {
        int fd = egress_dial(scene->egress_fd, "not.listed.test", 15, 443);
        if (fd != -EACCES && fd != -EDQUOT) {
            note("after %d", i);
            return fd < 0 ? fd : -EPROTO;
        }
    }
    return OUT;
}

/* The end that egress answers on has the agent too: it is filled, and told to wait for room. */
static int fill_own_end(int theirs) {
    while (send(theirs, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
        ;
    int flags = fcntl(theirs, F_GETFL);
    return fcntl(theirs, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}
static int ask_unlisted(int channel) {
    Cloister__Dial body = CLOISTER__DIAL__INIT;
    body.host = (char *)(uintptr_t) "not.listed.test";
    body.port = 443;
    Cloister__Message message = MSG_OF(DIAL, dial, &body);
    return seq_send(channel, &message, -1);
}
ATTEMPT(exhaustion, hold_egress, AGENT, "EGRESS_WAITS",
        "egress: answers that there is no room for, on an end that waits") {
    struct msg_peer egress = {ROLE_EGRESS, ROLE_TURN, PHASE_READY, {0}};
    int ends[2], neighbour = egress_channel(scene);
    if (neighbour < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return egress_failed(neighbour);
    Cloister__EgressTurn body = CLOISTER__EGRESS_TURN__INIT;
    Cloister__Message announced = MSG_OF(EGRESS_TURN, egress_turn, &body);
    int r = seq_send(scene->egress_fd, &announced, ends[1]);
    if (r == 0) /* answered: from here on egress changes nothing about that end */
        r = egress_dial(ends[0], "not.listed.test", 15, 443) == -EACCES ? 0 : -EPROTO;
    if (r == 0)
        r = fill_own_end(ends[1]);
    if (r == 0)
        r = ask_unlisted(ends[0]);
    for (int i = 0; r == 0 && i < 2; i++) { /* the first may come before it is held */
        SCOPE_MSG Cloister__Message *answer = NULL;
        r = ask_unlisted(neighbour);
        if (r == 0)
            r = seq_recv_wait(neighbour, &egress, HELD_MS, &answer, NULL);
    }
    return r == -ETIMEDOUT ? OUT : r;
}
