/* A PAIR0 endpoint over ipc:// for a libevent loop, without nng and its threads: for programs whose
 * every message would otherwise wake three of them. The wire format is that of sp.h, so the other
 * side may be nng (nng_end.h) or this. Everything runs on the loop's thread; messages that are sent
 * in one turn of the loop leave in one write.
 *
 * Greetings must come within a second; a malformed one or a malformed frame, or a length over
 * MESSAGE_MAX, ends the connection. Used by gateways and cloister-business. */
#ifndef CLOISTER_IPC_SP_END_H
#define CLOISTER_IPC_SP_END_H

#include <event2/event.h>
#include <sys/types.h>

#include "ipc/base.h"

struct sp_end;

struct sp_end_ops {
    /* A peer connected and greeted; its kernel-verified identity. Return false to drop it. */
    bool (*up)(void *ctx, pid_t pid, uid_t uid);
    /* One whole message; `data` is wiped after the call. May call sp_end_close. */
    void (*message)(void *ctx, const uint8_t *data, size_t len);
    /* The peer of the last `up` is gone (also after sp_end_drop). Never from inside a call here. */
    void (*down)(void *ctx);
};

/* Listens at `path` with `mode` (replacing a stale socket), for one peer of the user `only` at a
 * time: anybody else is turned away before `up`, however often they connect. 0 or -errno. */
int sp_end_listen_for(struct event_base *base, const char *path, mode_t mode, uid_t only,
                      const struct sp_end_ops *ops, void *ctx, struct sp_end **ret) MUST_CHECK;
/* Dials `path` and keeps redialling with back-off (50 ms to 1 s) until closed. */
int sp_end_dial(struct event_base *base, const char *path, const struct sp_end_ops *ops, void *ctx,
                struct sp_end **ret) MUST_CHECK;
/* Queues one message, in order. -ENOBUFS when more than SP_END_QUEUE bytes wait, -ENOTCONN when no
 * peer is there, -ENOMEM. Never blocks, calls nothing back. The copy is wiped once sent. */
#define SP_END_QUEUE (4u << 20)
int sp_end_send(struct sp_end *end, const uint8_t *data, size_t len) MUST_CHECK;
/* Drops the current peer, keeps listening or dialling. */
void sp_end_drop(struct sp_end *end);
/* Nothing is called back any more; what waits to be sent is lost. NULL is fine. */
void sp_end_close(struct sp_end *end);

#endif
