#include "supervisor/cgroup_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROCESSES_CAP 1024 /* as many as anybody asks for, a line each */
#define EVENTS_CAP    512

static ssize_t read_file(int group, const char *file, char *text, size_t cap) {
    SCOPE_FD int fd = openat(group, file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, cap - 1);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    return n;
}

int cgroup_processes(int group, pid_t *out, size_t cap) {
    char text[PROCESSES_CAP];
    ssize_t len = read_file(group, "cgroup.procs", text, sizeof(text));
    if (len < 0)
        return (int)len;
    int n = 0;
    for (char *at = text, *end; (size_t)n < cap; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        out[n++] = (pid_t)pid;
    }
    return n;
}

/* Lines of "word number". */
int cgroup_oom_kills(int group, uint64_t *ret) {
    static const char word[] = "oom_kill ";
    char text[EVENTS_CAP], *save = NULL;
    ssize_t len = read_file(group, "memory.events", text, sizeof(text));
    if (len < 0)
        return (int)len;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        if (strncmp(line, word, strlen(word)) == 0 && number_read(line + strlen(word), ret) != NULL)
            return 0;
    return -ENODATA;
}
