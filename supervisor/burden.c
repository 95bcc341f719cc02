#include "supervisor/burden.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int burden_cpu(pid_t pid, uint64_t *ret_us) {
    /* As clock_getcpuclockid(3) has it, without the further call that it makes. */
    const clockid_t clock = (clockid_t)(~(unsigned)pid << 3 | 2u);
    struct timespec used;
    if (pid <= 0 || clock_gettime(clock, &used) < 0)
        return pid <= 0 || errno == EINVAL ? -ESRCH : -errno;
    *ret_us = (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
    return 0;
}

bool burden_yields(pid_t pid) {
    return sched_getscheduler(pid) == SCHED_IDLE;
}

int burden_children(int proc_fd, pid_t pid, pid_t out[static BURDEN_CHILDREN]) {
    char path[64], text[BURDEN_CHILDREN * 12 + 1];
    (void)snprintf(path, sizeof(path), "%d/task/%d/children", (int)pid, (int)pid);
    SCOPE_FD int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    if (len < 0)
        return -errno;
    text[len] = '\0';
    int n = 0;
    for (char *at = text, *end; n < BURDEN_CHILDREN; at = end) {
        long child = strtol(at, &end, 10);
        if (end == at)
            break;
        out[n++] = (pid_t)child;
    }
    return n;
}

bool burden_waited(int fd, uint64_t *ret_us) {
    char text[256];
    ssize_t len = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
    if (len <= 0)
        return false;
    text[len] = '\0';
    const char *total = strstr(text, "total="); /* of the first line, "some" */
    return total != NULL && number_read(total + strlen("total="), ret_us) != NULL;
}
