#include "providers/dial.h"

#include <errno.h>

#include "ipc/message.h"

struct pending {
    struct pending *next;
    uint64_t call;
    dial_done_fn done; /* NULL: cancelled, the result is closed */
    void *ctx;
};

struct dialer {
    int channel;
    bool gone;
    uint64_t last_call;
    struct msg_peer peer;
    struct pending *pending;
};

int dialer_new(int channel, struct dialer **ret) {
    struct dialer *dialer = calloc(1, sizeof(*dialer));
    if (dialer == NULL)
        return -ENOMEM;
    dialer->channel = channel;
    dialer->peer = (struct msg_peer){.from = ROLE_EGRESS, .to = ROLE_TURN, .phase = PHASE_READY};
    *ret = dialer;
    return 0;
}

void dialer_free(struct dialer *dialer) {
    if (dialer == NULL)
        return;
    while (dialer->pending != NULL) {
        struct pending *next = dialer->pending->next;
        free(dialer->pending);
        dialer->pending = next;
    }
    free(dialer);
}

int dialer_start(struct dialer *dialer, const char *host, uint16_t port, dial_done_fn done,
                 void *ctx, uint64_t *ret_call) {
    if (dialer->gone)
        return -EPIPE;
    SCOPE_FREE struct pending *pending = calloc(1, sizeof(*pending));
    if (pending == NULL)
        return -ENOMEM;
    *pending = (struct pending){dialer->pending, ++dialer->last_call, done, ctx};
    Cloister__Dial dial = CLOISTER__DIAL__INIT;
    dial.call = pending->call;
    dial.host = (char *)host;
    dial.port = port;
    Cloister__Message message = MSG_OF(DIAL, dial, &dial);
    int r = seq_send(dialer->channel, &message, -1);
    if (r < 0) {
        dialer->gone = r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN;
        return dialer->gone ? -EPIPE : r;
    }
    *ret_call = pending->call;
    dialer->pending = take_ptr(pending);
    return 0;
}

void dialer_cancel(struct dialer *dialer, uint64_t call) {
    for (struct pending *p = dialer->pending; p != NULL; p = p->next)
        if (p->call == call)
            p->done = NULL;
}

static struct pending *pending_take(struct dialer *dialer, uint64_t call) {
    for (struct pending **at = &dialer->pending; *at != NULL; at = &(*at)->next)
        if ((*at)->call == call) {
            struct pending *found = *at;
            *at = found->next;
            return found;
        }
    return NULL;
}

static void pending_end(struct pending *pending, int fd, int error) {
    SCOPE_FD int owned = fd;
    if (pending->done != NULL)
        pending->done(pending->ctx, take_fd(&owned), error);
    free(pending);
}

static void fail_all(struct dialer *dialer) {
    dialer->gone = true;
    while (dialer->pending != NULL) {
        struct pending *first = dialer->pending;
        dialer->pending = first->next;
        pending_end(first, -1, EPIPE);
    }
}

void dialer_process(struct dialer *dialer) {
    while (!dialer->gone && dialer->pending != NULL) {
        SCOPE_MSG Cloister__Message *message = NULL;
        SCOPE_FD int fd = -1;
        int r = seq_recv(dialer->channel, &dialer->peer, &message, &fd);
        if (r == -EAGAIN)
            return;
        if (r < 0) {
            fail_all(dialer);
            return;
        }
        const Cloister__DialResult *result = message->dial_result;
        struct pending *pending = pending_take(dialer, result->call);
        if (pending != NULL)
            pending_end(pending, take_fd(&fd), result->error);
    }
}

int dialer_poll_fd(const struct dialer *dialer) {
    return dialer->gone || dialer->pending == NULL ? -1 : dialer->channel;
}
