#include "tests/canary/places_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define WAITING (4u << 20) /* bytes of a socket that are looked at */

const char *process_name(pid_t pid) {
    static char text[64];
    static pid_t last;
    char path[64], comm[17] = "?";
    if (pid == last)
        return text;
    last = pid;
    (void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, comm, sizeof(comm) - 1) : 0;
    if (n > 0)
        comm[n - 1] = '\0';
    (void)snprintf(text, sizeof(text), "%d %s", (int)pid, comm);
    return text;
}

/* ---- descriptors ---- */

static void scan_socket(struct scan *scan, const char *place, int fd) {
    static uint8_t buffer[WAITING];
    ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_PEEK | MSG_DONTWAIT);
    scan->sockets++;
    if (n > 0)
        scan_bytes(scan, place, buffer, (size_t)n);
}

/* tee copies what a pipe holds and takes nothing out. Only the reading end says what waits; both
 * ends are the same pipe, which opening it again through /proc reaches. */
static void scan_pipe(struct scan *scan, const char *place, const char *link) {
    static uint8_t buffer[1 << 16];
    int copy[2];
    SCOPE_FD int fd = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || pipe2(copy, O_NONBLOCK | O_CLOEXEC) < 0)
        return;
    scan->pipes++;
    if (tee(fd, copy[1], sizeof(buffer), SPLICE_F_NONBLOCK) > 0) {
        ssize_t n = read(copy[0], buffer, sizeof(buffer));
        if (n > 0)
            scan_bytes(scan, place, buffer, (size_t)n);
    }
    (void)close(copy[0]);
    (void)close(copy[1]);
}

static void scan_descriptor(struct scan *scan, pid_t pid, int pidfd, int number) {
    char link[64], target[256] = "", place[PLACE_MAX];
    (void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, number);
    if (readlink(link, target, sizeof(target) - 1) < 0)
        return;
    (void)snprintf(place, sizeof(place), "%s of %s", target, process_name(pid));
    if (strncmp(target, "socket:", 7) == 0) {
        SCOPE_FD int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
        if (fd >= 0)
            scan_socket(scan, place, fd);
    } else if (strncmp(target, "pipe:", 5) == 0) {
        scan_pipe(scan, place, link);
    } else if (target[0] == '/' && strstr(target, " (deleted)") != NULL) {
        struct stat st;
        SCOPE_FD int fd = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
            scan_fd(scan, place, fd);
    }
}

void scan_descriptors(struct scan *scan, pid_t pid) {
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    SCOPE_FD int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    DIR *dir = opendir(path);
    for (struct dirent *e; pidfd >= 0 && dir != NULL && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            scan_descriptor(scan, pid, pidfd, atoi(e->d_name));
    if (dir != NULL)
        (void)closedir(dir);
}

/* ---- the whole ---- */

static void scan_part(struct scan *scan, pid_t pid, const char *part) {
    char path[300], place[PLACE_MAX];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, part);
    (void)snprintf(place, sizeof(place), "%s of %s", part, process_name(pid));
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        scan_fd(scan, place, fd);
}

static void scan_threads(struct scan *scan, pid_t pid) {
    char path[64], part[300];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.') {
            (void)snprintf(part, sizeof(part), "task/%s/comm", e->d_name);
            scan_part(scan, pid, part);
        }
    if (dir != NULL)
        (void)closedir(dir);
}

void scan_process(struct scan *scan, pid_t pid) {
    static const char *const parts[] = {"environ", "cmdline", "auxv"};
    scan->processes++;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        scan_part(scan, pid, parts[i]);
    scan_threads(scan, pid);
    scan_memory(scan, pid);
    scan_descriptors(scan, pid);
}

/* ---- the tree ---- */

static pid_t parent_of(pid_t pid) {
    char path[64], text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    const char *behind = strrchr(text, ')'); /* a name may hold anything */
    int parent = 0;
    char state = 'Z';
    if (behind == NULL || sscanf(behind, ") %c %d", &state, &parent) != 2 || state == 'Z')
        return 0;
    return (pid_t)parent;
}

size_t process_tree(pid_t pid, pid_t *out, size_t room) {
    static struct { pid_t pid, parent; } all[8192];
    size_t n = 0, count = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL && n < COUNT_OF(all);)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9') {
            all[n].pid = (pid_t)atoi(e->d_name);
            all[n].parent = parent_of(all[n].pid);
            n++;
        }
    if (dir != NULL)
        (void)closedir(dir);
    if (room > 0)
        out[count++] = pid;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < n && count < room; k++)
            if (all[k].parent == out[i])
                out[count++] = all[k].pid;
    return count;
}
