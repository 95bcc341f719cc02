/* Message caps: each message that an agent or a turn may send, one byte longer than
 * ipc/messages.def allows. What is said is sound; only its length is not. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/hostile/data_keys.h"
#include "tests/hostile/data_turns.h"
#include "tests/hostile/egress.h"
#include "tests/hostile/padded.h"

#define ANSWER_MS 2000

enum {
#define MESSAGE(CASE, from, to, phase, once, cap, fds) CAP_##CASE = (cap),
#include "ipc/messages.def"
#undef MESSAGE
};

/* A turn's message is a datagram, an agent's a frame. */
static int say_long(const struct scene *scene, Cloister__Message *message, size_t cap) {
    SCOPE_FREE uint8_t *data = padded(message, cap + 1);
    return data == NULL ? -EINVAL : say_bytes(scene, data, cap + 1);
}

#define LONG(CASE, field, type, ...)                                                               \
    Cloister__##type body = CLOISTER__##CASE##__INIT;                                              \
    body.turn = scene->start->turn;                                                                \
    __VA_ARGS__;                                                                                   \
    Cloister__Message message = MSG_OF(CASE, field, &body);                                        \
    int r = say_long(scene, &message, CAP_##CASE)
#define TITLE(name) "one byte more than its cap: " name

ATTEMPT(data, cap_delta, TURN, "relay RELAY_CAP", TITLE("TURN_DELTA")) {
    LONG(TURN_DELTA, turn_delta, TurnDelta, body.text = (char[]){" "});
    return live_on(scene, r);
}
ATTEMPT(data, cap_tool, TURN, "relay RELAY_CAP", TITLE("TURN_TOOL")) {
    LONG(TURN_TOOL, turn_tool, TurnTool, body.name = body.state = (char[]){"x"});
    return live_on(scene, r);
}
ATTEMPT(data, cap_host_call, TURN, "relay RELAY_CAP", TITLE("HOST_CALL")) {
    Cloister__DeletePreference forget = CLOISTER__DELETE_PREFERENCE__INIT;
    forget.id = (char *)(uintptr_t) "ffffffffffffffffffffffffffffffff";
    LONG(HOST_CALL, host_call, HostCall, body.op_case = CLOISTER__HOST_CALL__OP_DELETE_PREFERENCE;
         body.delete_preference = &forget);
    return live_on(scene, r);
}
/* The turn's last word: out when it is taken as its answer (stage.py). */
ATTEMPT(data, cap_done, TURN, "relay RELAY_CAP", TITLE("TURN_DONE")) {
    LONG(TURN_DONE, turn_done, TurnDone);
    (void)poll(NULL, 0, ANSWER_MS);
    return r;
}
/* Likewise: out when its code reaches the user (stage.py). */
ATTEMPT(data, cap_error, TURN, "relay RELAY_CAP", TITLE("TURN_ERROR")) {
    LONG(TURN_ERROR, turn_error, TurnError, body.code = (char[]){"model_refused"};
         body.detail = (char[]){"hostile"});
    (void)poll(NULL, 0, ANSWER_MS);
    return r;
}
/* The agent's word that its turn is over: the prober's channel is as before when that was taken. */
ATTEMPT(data, cap_exited, AGENT, "RELAY_CAP", TITLE("TURN_EXITED")) {
    LONG(TURN_EXITED, turn_exited, TurnExited, body.status = 77);
    (void)poll(NULL, 0, ANSWER_MS);
    return r;
}
ATTEMPT(data, cap_hello, AGENT, "RELAY_CAP RELAY_PHASE RELAY_ONCE", TITLE("AGENT_HELLO")) {
    Cloister__AgentHello body = CLOISTER__AGENT_HELLO__INIT;
    body.protocol = PROTOCOL_VERSION;
    Cloister__Message message = MSG_OF(AGENT_HELLO, agent_hello, &body);
    return live_on(scene, say_long(scene, &message, CAP_AGENT_HELLO));
}
ATTEMPT(data, cap_pong, AGENT, "RELAY_CAP RELAY_PONG", TITLE("PONG")) {
    Cloister__Pong body = CLOISTER__PONG__INIT;
    Cloister__Message message = MSG_OF(PONG, pong, &body);
    return live_on(scene, say_long(scene, &message, CAP_PONG));
}

/* ---- to cloister-keys and cloister-egress ---- */

static int send_long(int channel, Cloister__Message *message, size_t cap, int pass_fd) {
    SCOPE_FREE uint8_t *data = padded(message, cap + 1);
    char room[CMSG_SPACE(sizeof(int))] = "";
    struct iovec part = {data, cap + 1};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (data == NULL)
        return -EINVAL;
    if (pass_fd >= 0) {
        packet.msg_control = room;
        packet.msg_controllen = sizeof(room);
        struct cmsghdr *along = CMSG_FIRSTHDR(&packet);
        *along = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(along), &pass_fd, sizeof(pass_fd));
    }
    return sendmsg(channel, &packet, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int keys_answer(int channel) {
    struct msg_peer peer = {ROLE_KEYS, ROLE_SUPERVISOR | ROLE_TURN, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *answer = NULL;
    int r = seq_recv_wait(channel, &peer, ANSWER_MS, &answer, NULL);
    return r < 0 ? r == -ECONNRESET ? -EPIPE : r : OUT;
}
ATTEMPT(data, cap_key_ask, BOTH, "KEYS_CAP", TITLE("KEY_ASK")) {
    Cloister__KeyAsk body = CLOISTER__KEY_ASK__INIT;
    Cloister__Message message = MSG_OF(KEY_ASK, key_ask, &body);
    int r = send_long(scene->keys_fd, &message, CAP_KEY_ASK, -1);
    return r < 0 ? r : keys_answer(scene->keys_fd);
}
ATTEMPT(data, cap_commit, BOTH, "KEYS_CAP", TITLE("TOKEN_COMMIT")) {
    Cloister__TokenCommit body = CLOISTER__TOKEN_COMMIT__INIT;
    Cloister__Message message = MSG_OF(TOKEN_COMMIT, token_commit, &body);
    int r = send_long(scene->keys_fd, &message, CAP_TOKEN_COMMIT, -1);
    return r < 0 ? r : keys_answer(scene->keys_fd);
}

static int egress_answer(int channel) {
    struct msg_peer peer = {ROLE_EGRESS, ROLE_TURN, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *answer = NULL;
    SCOPE_FD int fd = -1;
    int r = seq_recv_wait(channel, &peer, ANSWER_MS, &answer, &fd);
    return r < 0 ? r == -ECONNRESET ? -EPIPE : r : OUT;
}
ATTEMPT(data, cap_dial, BOTH, "EGRESS_CAP", TITLE("DIAL")) {
    int channel = egress_channel(scene);
    Cloister__Dial body = CLOISTER__DIAL__INIT;
    body.host = (char *)(uintptr_t) "127.0.0.1";
    body.port = (uint32_t)prop_number(scene, "listed");
    Cloister__Message message = MSG_OF(DIAL, dial, &body);
    int r = channel < 0 ? channel : send_long(channel, &message, CAP_DIAL, -1);
    return r < 0 ? r : egress_answer(channel);
}
ATTEMPT(data, cap_egress_turn, AGENT, "EGRESS_CAP", TITLE("EGRESS_TURN")) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    SCOPE_FD int ours = pair[0], theirs = pair[1];
    Cloister__EgressTurn body = CLOISTER__EGRESS_TURN__INIT;
    Cloister__Message message = MSG_OF(EGRESS_TURN, egress_turn, &body);
    int r = send_long(scene->egress_fd, &message, CAP_EGRESS_TURN, theirs);
    (void)close(take_fd(&theirs));
    if (r < 0)
        return r;
    r = egress_dial(ours, "127.0.0.1", 9, prop_number(scene, "listed"));
    if (r < 0)
        return r == -ECONNRESET ? -EPIPE : r;
    (void)close(r);
    return OUT;
}
