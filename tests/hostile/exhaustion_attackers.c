/* What goes on attacking for as long as it is let ("seconds" in props), beside neighbours whose
 * answers are timed (exhaustion_neighbour.py). No rows of the table. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/hostile/data_turns.h"

#define MIB (UINT64_C(1) << 20)

static bool over(const struct scene *scene, uint64_t began) {
    return clock_ms() - began >= (uint64_t)prop_number(scene, "seconds") * 1000;
}
ATTEMPT(help, burn, TURN, "", "computing without end") {
    for (uint64_t began = clock_ms(); !over(scene, began);)
        for (volatile unsigned i = 0; i < 1000000; i++)
            ;
    return 0;
}
ATTEMPT(help, churn, TURN, "", "all the memory it may have, again and again") {
    for (uint64_t began = clock_ms(); !over(scene, began);) {
        size_t size = 64 * MIB;
        char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
            return -errno;
        for (size_t i = 0; i < size; i += 4096)
            at[i] = 1;
        (void)munmap(at, size);
    }
    return 0;
}
ATTEMPT(help, log_flood, TURN, "", "lines to the log") {
    static const char line[] = "cloister-turn: error: a hostile line of the flood\n";
    unsigned long lines = 0;
    for (uint64_t began = clock_ms(); !over(scene, began); lines++)
        (void)!write(STDERR_FILENO, line, sizeof(line) - 1);
    note("%lu lines", lines);
    return 0;
}
ATTEMPT(help, dial_flood, TURN, "", "dials") {
    struct msg_peer peer = {ROLE_EGRESS, ROLE_TURN, PHASE_READY, {0}};
    unsigned asked = 0, refused = 0;
    for (uint64_t began = clock_ms(); !over(scene, began); asked++) {
        Cloister__Dial body = CLOISTER__DIAL__INIT;
        body.host = (char *)(uintptr_t) "localhost";
        body.port = 1;
        Cloister__Message message = MSG_OF(DIAL, dial, &body);
        SCOPE_MSG Cloister__Message *answer = NULL;
        SCOPE_FD int fd = -1;
        int r = seq_send(scene->egress_fd, &message, -1);
        if (r == 0)
            r = seq_recv_wait(scene->egress_fd, &peer, 2000, &answer, &fd);
        if (r < 0) {
            note("%u dials, %u refused for their number, then the channel was closed", asked,
                 refused);
            while (!over(scene, began)) /* that was all it could do */
                (void)poll(NULL, 0, 10);
            return r;
        }
        refused += answer->dial_result->error == EDQUOT || answer->dial_result->error == EAGAIN;
    }
    note("%u dials, %u refused for their number", asked, refused);
    return 0;
}
/* An agent's own: as many processes as it may have, again and again. */
ATTEMPT(help, fork_flood, AGENT, "", "processes, again and again") {
    unsigned long made = 0;
    for (uint64_t began = clock_ms(); !over(scene, began);) {
        int pidfd = -1;
        siginfo_t info;
        long child = raw_call(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
        if (child == 0) {
            for (uint64_t born = clock_ms(); clock_ms() - born < 5;)
                ;
            _exit(0);
        }
        made += child > 0;
        if (pidfd >= 0)
            (void)close(pidfd);
        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid > 0)
            info.si_pid = 0;
    }
    note("%lu processes", made);
    return 0;
}
