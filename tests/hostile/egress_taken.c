/* cloister-egress as whoever took it over would have it, for rows about what turns make of that.
 * The file "taken" beside the configuration says how, one word and the port of a listener:
 *
 *   elsewhere PORT   every connection that it hands out leads there
 *   unasked PORT     before each answer come some that nobody asked for, which lead there
 *   silent PORT      it never answers
 *   file PORT        it hands out "taken.file" beside the configuration, a file or a folder */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ipc/message.h"
#include "tests/control/switch.h"

#define UNASKED 4

static char path[PATH_MAX];

__attribute__((constructor)) static void find_file(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--config") != 0)
            continue;
        const char *name = strrchr(argv[i + 1], '/');
        int dir = name == NULL ? 0 : (int)(name - argv[i + 1]);
        (void)snprintf(path, sizeof(path), "%.*s/taken", dir, argv[i + 1]);
    }
}

static bool taken_as(const char *how, uint16_t *ret_port) {
    char text[64] = "", word[32] = "";
    unsigned port = 0;
    if (file_read(path, (uint8_t *)text, sizeof(text) - 1) <= 0 ||
        sscanf(text, "%31s %u", word, &port) != 2 || strcmp(word, how) != 0)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static int dialled(uint16_t port) {
    const struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)connect(fd, (const struct sockaddr *)&there, sizeof(there));
    return fd;
}

static int wrong_file(void) {
    char name[PATH_MAX + 8];
    (void)snprintf(name, sizeof(name), "%s.file", path);
    int fd = open(name, O_RDWR | O_CLOEXEC);
    return fd >= 0 ? fd : open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* As a socket of that open file would be written to: for as long as it takes. */
static int answer_waiting(int fd, Cloister__Message *message, int pass_fd);

int __real_seq_send(int fd, Cloister__Message *message, int pass_fd);
int __wrap_seq_send(int fd, Cloister__Message *message, int pass_fd);
int __wrap_seq_send(int fd, Cloister__Message *message, int pass_fd) {
    uint16_t port;
    if (switched_off("EGRESS_WAITS"))
        return answer_waiting(fd, message, pass_fd);
    if (message->body_case != CLOISTER__MESSAGE__BODY_DIAL_RESULT || pass_fd < 0)
        return __real_seq_send(fd, message, pass_fd);
    if (taken_as("silent", &port))
        return 0;
    if (taken_as("file", &port)) {
        SCOPE_FD int wrong = wrong_file();
        return __real_seq_send(fd, message, wrong);
    }
    if (taken_as("elsewhere", &port)) {
        SCOPE_FD int there = dialled(port);
        return __real_seq_send(fd, message, there);
    }
    if (taken_as("unasked", &port))
        for (unsigned i = 1; i <= UNASKED; i++) {
            SCOPE_FD int there = dialled(port);
            Cloister__DialResult other = *message->dial_result;
            other.call += 1000 + i;
            Cloister__Message unasked = MSG_OF(DIAL_RESULT, dial_result, &other);
            int r = __real_seq_send(fd, &unasked, there);
            if (r < 0)
                return r;
        }
    return __real_seq_send(fd, message, pass_fd);
}

static int answer_waiting(int fd, Cloister__Message *message, int pass_fd) {
    int r;
    while ((r = __real_seq_send(fd, message, pass_fd)) == -EAGAIN &&
           (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        (void)poll(&room, 1, -1);
    }
    return r;
}
