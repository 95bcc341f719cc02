/* The network, through egress: where it may not lead, and more of it than allowed.
 *
 * Nothing here can stop a turn from speaking to a listed host with credentials that are not its
 * user's: egress sees no plaintext, and the host is the right one. A turn that is taken over could
 * carry out what it holds in that way, by writing it into a calendar of the attacker's; what it
 * holds is one user's, for one request. Nor does egress know whether an agent that announces a turn
 * has one: a taken-over agent may speak to the listed hosts between requests, without a token to
 * show. Both stand in README.md as not stopped, by design; they are no attempts. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/hostile/attempt.h"
#include "tests/hostile/egress.h"

static int dials(const struct scene *scene, const char *host, size_t len) {
    int r = egress_dial(egress_channel(scene), host, len, prop_number(scene, "port"));
    return r < 0 ? r : OUT;
}

/* One row for each spelling of where the listener outside is. */
#define DIALS(id, walls, host)                                                                     \
    ATTEMPT(network, id, BOTH, walls, "egress: " #host) {                                          \
        return dials(scene, host, sizeof(host) - 1);                                               \
    }
#define NOT_LISTED "EGRESS_LIST EGRESS_PUBLIC"
#define ODD        "EGRESS_LIST EGRESS_PUBLIC EGRESS_SPELLING"

DIALS(dial_other_port, NOT_LISTED, "127.0.0.1")
DIALS(dial_other_loopback, NOT_LISTED, "127.1.2.3")
DIALS(dial_loopback6, NOT_LISTED, "::1")
DIALS(dial_mapped, NOT_LISTED, "::ffff:127.0.0.1")
DIALS(dial_mapped_hex, NOT_LISTED, "0:0:0:0:0:ffff:7f00:1")
DIALS(dial_any, NOT_LISTED, "0.0.0.0")
DIALS(dial_any6, NOT_LISTED, "::")
DIALS(dial_name, NOT_LISTED, "localhost")
DIALS(dial_upper, NOT_LISTED, "LOCALHOST")
DIALS(dial_hosts_file, NOT_LISTED, "loop.hostile.test")
DIALS(dial_private_name, NOT_LISTED, "ten.hostile.test")
DIALS(dial_private10, NOT_LISTED, "10.213.74.1")
DIALS(dial_private172, NOT_LISTED, "172.31.213.74")
DIALS(dial_private192, NOT_LISTED, "192.168.213.74")
DIALS(dial_link_local, NOT_LISTED, "169.254.213.74")
DIALS(dial_shared, NOT_LISTED, "100.64.213.74")
DIALS(dial_benchmark, NOT_LISTED, "198.18.213.74")
DIALS(dial_unique_local, NOT_LISTED, "fd00:213:74::1")
DIALS(dial_short, ODD, "127.1")
DIALS(dial_decimal, ODD, "2130706433")
DIALS(dial_octal, ODD, "0177.0.0.1")
DIALS(dial_hex, ODD, "0x7f000001")
DIALS(dial_hex_parts, ODD, "0x7f.0x0.0x0.0x1")
DIALS(dial_trailing_dot, ODD, "127.0.0.1.")
DIALS(dial_name_dot, ODD, "localhost.")
DIALS(dial_user, ODD, "accounts.example@127.0.0.1")
DIALS(dial_brackets, ODD, "[::1]")
DIALS(dial_wide_digits, ODD, "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1")
DIALS(dial_percent, ODD, "%31%32%37.0.0.1")
DIALS(dial_blank, ODD, " 127.0.0.1")
DIALS(dial_nul, NOT_LISTED, "127.0.0.1\0.accounts.example")

/* Listed by the configuration (google.revoke_url), not by [egress] allow: such a name must not turn
 * out to be inside. */
ATTEMPT(network, dial_listed_name, BOTH, "EGRESS_PUBLIC",
        "egress: a listed name that resolves to loopback") {
    return dials(scene, "named.hostile.test", strlen("named.hostile.test"));
}

/* ---- after the turn ---- */

ATTEMPT(help, keep_connection, TURN, "", "") {
    int fd = egress_listed(scene);
    char room[CMSG_SPACE(sizeof(int))] = "";
    struct iovec data = {(char[]){"x"}, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = room,
                             .msg_controllen = CMSG_SPACE(sizeof(int))};
    struct cmsghdr *along = CMSG_FIRSTHDR(&message);
    *along = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(along), &fd, sizeof(fd));
    return fd < 0 ? egress_failed(fd) : tried(raw_call(SYS_sendmsg, scene->kept_fd, &message, 0));
}
ATTEMPT(network, use_kept, BOTH, "EGRESS_REVOKE",
        "a connection from egress after its turn: from the agent, in the next turn") {
    if (scene->kept_fd < 0)
        return egress_failed(-EBADF);
    return tried(raw_call(SYS_sendto, scene->kept_fd, "x", 1, MSG_NOSIGNAL, NULL, 0));
}

/* ---- more than allowed ---- */

#define MANY_DIALS 40
ATTEMPT(network, dial_often, BOTH, "EGRESS_SHARE",
        "egress: more connections than a turn may have") {
    int channel = egress_channel(scene);
    for (int i = 0; i < MANY_DIALS; i++) {
        int fd = egress_dial(channel, "127.0.0.1", 9, prop_number(scene, "listed"));
        if (fd < 0) {
            note("after %d", i);
            return fd;
        }
        (void)raw_call(SYS_shutdown, fd, SHUT_RDWR); /* else it would count as open */
        (void)close(fd);
    }
    return OUT;
}

#define CHUNK (1u << 20)
#define MORE  66 /* MiB; the limit is 64 */
ATTEMPT(network, send_much, BOTH, "EGRESS_BYTES", "egress: more bytes than a turn may move") {
    static char chunk[CHUNK];
    int fd = egress_listed(scene);
    if (fd < 0)
        return egress_failed(fd);
    for (size_t sent = 0; sent < (size_t)MORE * CHUNK;) {
        long n = raw_call(SYS_sendto, fd, chunk, CHUNK, MSG_NOSIGNAL, NULL, 0);
        struct pollfd room = {fd, POLLOUT, 0};
        if (n == -EAGAIN && raw_call(SYS_poll, &room, 1, 2000) == 1)
            continue;
        if (n < 0)
            return (int)n;
        sent += (size_t)n;
    }
    /* Egress looks every quarter of a second. */
    const struct timespec second = {1, 0};
    (void)raw_call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &second, NULL);
    return tried(raw_call(SYS_sendto, fd, chunk, 1, MSG_NOSIGNAL, NULL, 0));
}

#define FASTER 900
/* An agent's share comes back, so that the next to ask is not refused for this one's sake. */
static void let_refill(void) {
    const struct timespec seconds = {2, 0};
    (void)raw_call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &seconds, NULL);
}
ATTEMPT(network, dial_fast, AGENT, "EGRESS_RATE", "egress: asking faster than an agent may") {
    int channel = -1, r = -EACCES;
    for (int i = 0; i < FASTER && r == -EACCES; i++) {
        if (i % 30 == 0) {
            if (channel >= 0)
                (void)close(channel);
            channel = egress_channel(scene);
        }
        r = egress_dial(channel, "not.listed.test", 15, 443);
        note("after %d", i);
    }
    let_refill();
    return r == -EACCES ? OUT : r < 0 ? r : -EPROTO;
}

/* Of an egress that hands out a folder instead (network_taken.py): a turn may open what is there to
 * be read, and a folder would lead it out of its empty root. */
ATTEMPT(help, use_folder, TURN, "", "a folder from egress") {
    char text[16];
    int folder = egress_listed(scene);
    if (folder < 0)
        return egress_failed(folder);
    long file = raw_call(SYS_openat, folder, "theirs", O_RDONLY);
    if (file < 0)
        return (int)file;
    return tried(raw_call(SYS_read, file, text, sizeof(text)));
}
