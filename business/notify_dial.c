#include <errno.h>

#include "business/notify_deliver.h"
#include "ipc/message.h"

int notify_dial(const char *egress, const char *host, uint16_t port, uint64_t deadline, int *ret_fd,
                int *ret_channel) {
    struct msg_peer peer = {.from = ROLE_EGRESS, .to = ROLE_NOTIFY, .phase = PHASE_READY};
    SCOPE_MSG Cloister__Message *answer = NULL;
    SCOPE_FD int channel = seq_connect(egress);
    SCOPE_FD int fd = -1;
    if (channel < 0)
        return channel;
    Cloister__Dial dial = CLOISTER__DIAL__INIT;
    dial.call = 1;
    dial.host = (char *)(uintptr_t)host;
    dial.port = port;
    Cloister__Message message = MSG_OF(DIAL, dial, &dial);
    int r = seq_send(channel, &message, -1);
    uint64_t now = clock_ms();
    if (r == 0)
        r = now >= deadline ? -ETIMEDOUT
                            : seq_recv_wait(channel, &peer, (int)(deadline - now), &answer, &fd);
    if (r < 0 || answer == NULL)
        return r < 0 ? r : -EPROTO;
    if (answer->dial_result->error != 0 || fd < 0)
        return answer->dial_result->error > 0 ? -answer->dial_result->error : -EIO;
    r = fd_nonblock(fd);
    if (r < 0)
        return r;
    *ret_fd = take_fd(&fd);
    *ret_channel = take_fd(&channel);
    return 0;
}
