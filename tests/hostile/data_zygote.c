/* A zygote that was taken over: it holds no secret, but the channels on which agents are born. What
 * it is for it can do, as any program could in its place (README.md); what is tried is the rest.
 * Its channels: supervisor_fd, keys_fd, egress_fd. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/hostile/data_keys.h"
#include "tests/hostile/egress.h"
#include "tests/hostile/padded.h"

#define LIVES_MS    400
#define MANY        300
#define CAP_SPAWNED 64
#define CAP_BIND    512
#define CAP_EGRESS  64
#define CAP_HELLO   4096

/* Who breaks the rules is ended, or its channel is. */
static int lives(int channel, int r) {
    struct pollfd wait = {channel, 0, 0};
    if (r < 0)
        return r;
    return poll(&wait, 1, LIVES_MS) == 0 ? OUT : -EPIPE;
}

ATTEMPT(data, zygote_hello, ZYGOTE, "ZYGOTE_SENDER", "zygote: ZYGOTE_HELLO a second time") {
    Cloister__ZygoteHello body = CLOISTER__ZYGOTE_HELLO__INIT;
    body.protocol = PROTOCOL_VERSION;
    Cloister__Message message = MSG_OF(ZYGOTE_HELLO, zygote_hello, &body);
    return lives(scene->supervisor_fd, seq_send(scene->supervisor_fd, &message, -1));
}
static Cloister__Spawned refused(void) {
    Cloister__Spawned body = CLOISTER__SPAWNED__INIT;
    body.spawn = UINT64_C(1) << 40;
    body.error = EAGAIN;
    return body;
}
ATTEMPT(exhaustion, zygote_answers, ZYGOTE, "ZYGOTE_OWES",
        "zygote: SPAWNED without end, to nothing that was asked") {
    Cloister__Spawned body = refused();
    Cloister__Message message = MSG_OF(SPAWNED, spawned, &body);
    int r = 0;
    for (unsigned i = 0; i < MANY && r == 0; i++)
        r = seq_send_wait(scene->supervisor_fd, &message, -1, LIVES_MS);
    return lives(scene->supervisor_fd, r);
}
ATTEMPT(data, zygote_grant, ZYGOTE, "KEYS_ZYGOTE",
        "zygote: GRANT_MINT on its channel to keys, as cloisterd") {
    char theirs[64];
    Cloister__GrantMint body = CLOISTER__GRANT_MINT__INIT;
    body.user = (char *)(uintptr_t)prop_text(scene, "theirs", theirs, sizeof(theirs));
    body.frontend = (char *)(uintptr_t) "quickstart";
    Cloister__Message message = MSG_OF(GRANT_MINT, grant_mint, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}

/* ---- one byte more than allowed ---- */

static int send_long(int channel, Cloister__Message *message, size_t cap, int pass_fd) {
    SCOPE_FREE uint8_t *data = padded(message, cap + 1);
    char room[CMSG_SPACE(sizeof(int))] = "";
    struct iovec part = {data, cap + 1};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = pass_fd >= 0 ? room : NULL,
                            .msg_controllen = pass_fd >= 0 ? sizeof(room) : 0};
    if (data == NULL)
        return -EINVAL;
    if (pass_fd >= 0) {
        struct cmsghdr *along = CMSG_FIRSTHDR(&packet);
        *along = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(along), &pass_fd, sizeof(pass_fd));
    }
    return sendmsg(channel, &packet, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
ATTEMPT(data, zygote_cap_spawned, ZYGOTE, "RELAY_CAP", "one byte more than its cap: SPAWNED") {
    Cloister__Spawned body = refused();
    Cloister__Message message = MSG_OF(SPAWNED, spawned, &body);
    return lives(scene->supervisor_fd, send_long(scene->supervisor_fd, &message, CAP_SPAWNED, -1));
}
ATTEMPT(data, zygote_cap_hello, ZYGOTE, "RELAY_CAP ZYGOTE_SENDER",
        "one byte more than its cap: ZYGOTE_HELLO") {
    Cloister__ZygoteHello body = CLOISTER__ZYGOTE_HELLO__INIT;
    body.protocol = PROTOCOL_VERSION;
    Cloister__Message message = MSG_OF(ZYGOTE_HELLO, zygote_hello, &body);
    return lives(scene->supervisor_fd, send_long(scene->supervisor_fd, &message, CAP_HELLO, -1));
}
ATTEMPT(data, zygote_cap_bind, ZYGOTE, "KEYS_CAP", "one byte more than its cap: KEYS_BIND") {
    int pair[2];
    char user[64];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    SCOPE_FD int ours = pair[0], theirs = pair[1];
    Cloister__KeysBind body = CLOISTER__KEYS_BIND__INIT;
    body.user = (char *)(uintptr_t)prop_text(scene, "mine", user, sizeof(user));
    body.origin = (char *)(uintptr_t) "owner";
    Cloister__Message message = MSG_OF(KEYS_BIND, keys_bind, &body);
    int r = send_long(scene->keys_fd, &message, CAP_BIND, theirs);
    (void)close(take_fd(&theirs));
    return lives(ours, r);
}
ATTEMPT(data, zygote_cap_egress, ZYGOTE, "EGRESS_CAP", "one byte more than its cap: EGRESS_BIND") {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    SCOPE_FD int ours = pair[0], theirs = pair[1];
    Cloister__EgressBind body = CLOISTER__EGRESS_BIND__INIT;
    body.origin = (char *)(uintptr_t) "owner";
    Cloister__Message message = MSG_OF(EGRESS_BIND, egress_bind, &body);
    int r = send_long(scene->egress_fd, &message, CAP_EGRESS, theirs);
    (void)close(take_fd(&theirs));
    return lives(ours, r);
}
