/* Asks egress for connected sockets: the turn's end of a SOCK_SEQPACKET channel. Any number of
 * dials may be under way; results come in any order and are matched by number. Single-threaded. */
#ifndef CLOISTER_PROVIDERS_DIAL_H
#define CLOISTER_PROVIDERS_DIAL_H

#include "ipc/base.h"

struct dialer;

/* `done` gets the connected descriptor (then its owner) and error 0, or -1 and a positive errno. */
typedef void (*dial_done_fn)(void *ctx, int fd, int error);

/* Does not own `channel`. 0 or -ENOMEM. */
int dialer_new(int channel, struct dialer **ret) MUST_CHECK;
/* Forgets what is under way; `done` is not called any more. */
void dialer_free(struct dialer *dialer);

/* 0 and the number of the dial, -EPIPE when egress is gone, or another -errno. */
int dialer_start(struct dialer *dialer, const char *host, uint16_t port, dial_done_fn done,
                 void *ctx, uint64_t *ret_call) MUST_CHECK;
/* A result that still comes is closed. */
void dialer_cancel(struct dialer *dialer, uint64_t call);
/* Takes what has arrived and calls `done` for it. When egress is gone, every dial under way ends
 * with EPIPE. */
void dialer_process(struct dialer *dialer);
/* Descriptor to poll for reading, -1 when nothing is awaited. */
int dialer_poll_fd(const struct dialer *dialer);

#endif
