#include "deploy/launcher/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "deploy/launcher/program.h"
#include "ipc/log.h"

#define TEXT_MAX 4096
#define FDS_MAX  FDSTORE_MAX

/* In the abstract namespace: whoever it is for may reach it, whatever their user, and nothing is
 * left over. Its name cannot be guessed, but that is no wall: senders are known by their pid. */
int notify_open(char address[static NOTIFY_ADDRESS_MAX]) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char id[ID_LEN + 1];
    int on = 1;
    id_random(id);
    (void)snprintf(address, NOTIFY_ADDRESS_MAX, "@cloister-launch/%s", id);
    memcpy(at.sun_path + 1, address + 1, strlen(address) - 1);
    SCOPE_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&at,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address))) < 0)
        return -errno;
    return take_fd(&fd);
}

struct notice {
    pid_t from;
    int fds[FDS_MAX];
    size_t n;
    bool ready, stopping, store, remove;
    char name[FDSTORE_NAME_MAX + 1];
};

static void read_line(struct notice *notice, const char *line) {
    if (strcmp(line, "READY=1") == 0)
        notice->ready = true;
    else if (strcmp(line, "STOPPING=1") == 0)
        notice->stopping = true;
    else if (strcmp(line, "FDSTORE=1") == 0)
        notice->store = true;
    else if (strcmp(line, "FDSTOREREMOVE=1") == 0)
        notice->remove = true;
    else if (strncmp(line, "FDNAME=", 7) == 0 && strlen(line + 7) <= FDSTORE_NAME_MAX)
        strcpy(notice->name, line + 7);
}

static void read_lines(struct notice *notice, char *text) {
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        read_line(notice, line);
}

static void read_ancillary(struct notice *notice, struct msghdr *message) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(c), sizeof(who));
            notice->from = who.pid;
        } else if (c->cmsg_type == SCM_RIGHTS) {
            size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < n && notice->n < FDS_MAX; i++)
                memcpy(&notice->fds[notice->n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        }
    }
}

static void act(struct notice *notice) {
    struct program *program = program_of(notice->from);
    if (program == NULL)
        return;
    if (notice->ready && program->state == PROGRAM_STARTING)
        program->state = PROGRAM_READY;
    if (notice->remove)
        fdstore_remove(&program->store, notice->name);
    for (size_t i = 0; notice->store && i < notice->n; i++) {
        int r = fdstore_put(&program->store, notice->fds[i], notice->name);
        notice->fds[i] = -1;
        if (r < 0)
            log_warn("%s: a descriptor is not kept: %s", program->name, strerror(-r));
    }
}

static bool read_one(int fd) {
    static char text[TEXT_MAX + 1];
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * FDS_MAX)];
    } ancillary;
    struct iovec data = {text, TEXT_MAX};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &ancillary,
                             .msg_controllen = sizeof(ancillary)};
    struct notice notice = {.name = "stored"};
    ssize_t len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (len < 0)
        return errno == EINTR;
    text[len] = '\0';
    read_ancillary(&notice, &message);
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
        read_lines(&notice, text);
        act(&notice);
    }
    for (size_t i = 0; i < notice.n; i++) /* BARRIER=1 waits for just that */
        if (notice.fds[i] >= 0)
            (void)close(notice.fds[i]);
    return true;
}

void notify_read(int fd) {
    while (read_one(fd))
        ;
}
