#include "tests/hostile/egress.h"

#include <string.h>
#include <sys/socket.h>

#define ANSWER_MS 2500
#define NUL_MARK  '\x01'

int egress_channel(const struct scene *scene) {
    if (scene->turn)
        return scene->egress_fd;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    Cloister__EgressTurn body = CLOISTER__EGRESS_TURN__INIT;
    Cloister__Message message = MSG_OF(EGRESS_TURN, egress_turn, &body);
    int r = seq_send(scene->egress_fd, &message, pair[1]);
    (void)close(pair[1]);
    return r < 0 ? r : pair[0];
}

int egress_dial(int channel, const char *host, size_t len, long port) {
    char text[300];
    uint8_t data[512];
    if (channel < 0 || len >= sizeof(text))
        return channel < 0 ? channel : -EINVAL;
    for (size_t i = 0; i < len; i++)
        text[i] = host[i] == '\0' ? NUL_MARK : host[i];
    text[len] = '\0';
    Cloister__Dial dial = CLOISTER__DIAL__INIT;
    dial.host = text;
    dial.port = (uint32_t)port;
    Cloister__Message message = MSG_OF(DIAL, dial, &dial);
    ssize_t n = msg_encode(&message, data, sizeof(data));
    uint8_t *sent = n < 0 ? NULL : memmem(data, (size_t)n, text, len);
    if (sent != NULL) /* the encoder would end the text at a NUL */
        memcpy(sent, host, len);
    if (n < 0 || send(channel, data, (size_t)n, MSG_NOSIGNAL) < 0)
        return n < 0 ? (int)n : -errno;
    struct msg_peer egress = {ROLE_EGRESS, ROLE_TURN, PHASE_READY, {0}};
    Cloister__Message *reply = NULL;
    int fd = -1;
    int r = seq_recv_wait(channel, &egress, ANSWER_MS, &reply, &fd);
    if (r < 0)
        return r;
    r = reply->dial_result->error;
    msg_free(reply);
    return r != 0 ? -r : fd;
}

int egress_listed(const struct scene *scene) {
    return egress_dial(egress_channel(scene), "127.0.0.1", 9, prop_number(scene, "listed"));
}

int egress_failed(int error) {
    note("not even a listed host: %d", error);
    return -ENOTSUP;
}
