/* A PAIR0 endpoint over ipc:// for a libevent loop. nng's threads only queue and wake the loop
 * through one eventfd; every callback below runs on the loop's thread. Never link this into a
 * process that forks: nng is not fork safe (nng src/core/platform.h). Used by cloisterd and the
 * gateway. */
#ifndef CLOISTER_IPC_NNG_END_H
#define CLOISTER_IPC_NNG_END_H

#include <event2/event.h>
#include <sys/types.h>

#include "ipc/base.h"
#include "ipc/message.h"

struct nng_end;

struct nng_end_ops {
    /* A peer connected; its kernel-verified identity. Return false to drop it. */
    bool (*up)(void *ctx, pid_t pid, uid_t uid);
    /* One whole message; `data` is wiped after the call. May call nng_end_close. */
    void (*message)(void *ctx, const uint8_t *data, size_t len);
    /* The peer of the last `up` is gone (also after nng_end_drop); queued messages are forgotten.
     */
    void (*down)(void *ctx);
};

/* Listens at `path` with `mode` (replacing a stale socket), for one peer at a time. With
 * `unlink_after` the name is removed as soon as a peer is connected, and that peer is the only one
 * ever. 0 or -errno. */
int nng_end_listen(struct event_base *base, const char *path, mode_t mode, bool unlink_after,
                   const struct nng_end_ops *ops, void *ctx, struct nng_end **ret) MUST_CHECK;
/* The same, for peers of the user `only`: anybody else is turned away before `up`, however often
 * they connect, and cannot take the peer's place. */
int nng_end_listen_for(struct event_base *base, const char *path, mode_t mode, bool unlink_after,
                       uid_t only, const struct nng_end_ops *ops, void *ctx,
                       struct nng_end **ret) MUST_CHECK;
/* Dials `path` and keeps redialling with back-off (50 ms to 1 s) until closed. */
int nng_end_dial(struct event_base *base, const char *path, const struct nng_end_ops *ops,
                 void *ctx, struct nng_end **ret) MUST_CHECK;
/* Queues one message, in order. -ENOBUFS when more than `NNG_END_QUEUE` bytes wait, -ENOTCONN when
 * no peer is there. Never blocks. The copy is wiped once sent. */
#define NNG_END_QUEUE (4u << 20)
int nng_end_send(struct nng_end *end, const uint8_t *data, size_t len) MUST_CHECK;
/* Encodes the message and queues it: as nng_end_send and msg_encode_new. */
int nng_end_send_message(struct nng_end *end, Cloister__Message *message) MUST_CHECK;
/* Drops the current peer, keeps listening or dialling. */
void nng_end_drop(struct nng_end *end);
void nng_end_close(struct nng_end *end);

#endif
