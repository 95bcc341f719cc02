/* What goes on attacking for as long as it is let ("seconds" in props), beside neighbours whose
 * answers are timed (exhaustion_neighbour.py). No rows of the table. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

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
        if (r < 0)
            return r;
        refused += answer->dial_result->error == EDQUOT || answer->dial_result->error == EAGAIN;
    }
    note("%u dials, %u refused for their number", asked, refused);
    return 0;
}
/* An agent's own: a message whose other half never comes. */
ATTEMPT(help, half_message, AGENT, "", "half a message, and nothing after it") {
    static const uint8_t half[] = {1, 0, 0, 0, 0, 0, 0, 0, 100, 8, 1};
    if (send(scene->supervisor_fd, half, sizeof(half), MSG_NOSIGNAL) < 0)
        return -errno;
    (void)poll(NULL, 0, -1);
    return 0;
}
ATTEMPT(help, huge_length, AGENT, "", "a message of 2^63 bytes") {
    static const uint8_t huge[] = {1, 0x80, 0, 0, 0, 0, 0, 0, 0, 8, 1};
    if (send(scene->supervisor_fd, huge, sizeof(huge), MSG_NOSIGNAL) < 0)
        return -errno;
    return live_on(scene, 0);
}
