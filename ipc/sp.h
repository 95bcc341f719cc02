/* The agent's end of its connection to cloisterd: PAIR0 over the SP/IPC wire format, without nng
 * and its threads. Greeting: 00 'S' 'P' 00, 16-bit protocol number, 00 00, from each side; then per
 * message one byte 01, a 64-bit big-endian length, the body.
 *
 * One descriptor to poll; nothing here waits. A malformed greeting or frame, or a length over
 * MESSAGE_MAX, is -EPROTO: close. Between messages no buffer is held. Single-threaded. */
#ifndef CLOISTER_IPC_SP_H
#define CLOISTER_IPC_SP_H

#include "ipc/base.h"

struct sp;

/* Connects to `name` in the directory `dir_fd` by a relative path (the working directory is "/"
 * afterwards) and sends the greeting. 0, -ENOENT, -ECONNREFUSED or another -errno. */
int sp_dial(int dir_fd, const char *name, struct sp **ret) MUST_CHECK;
/* Takes over a connected stream socket. The descriptor is closed on failure too. */
int sp_new(int fd, struct sp **ret) MUST_CHECK;
/* Closes, wipes, frees. NULL is fine. */
void sp_free(struct sp *sp);

int sp_fd(const struct sp *sp);

/* Queues one message behind what still waits and writes what the socket takes. 0, -ENOBUFS when
 * more than SP_QUEUE bytes would wait (nothing is queued then), -EMSGSIZE over MESSAGE_MAX,
 * -ENOMEM, or the socket's -errno. */
#define SP_QUEUE (256u << 10)
int sp_send(struct sp *sp, const uint8_t *data, size_t len) MUST_CHECK;
/* True while queued bytes wait: poll for POLLOUT and call sp_flush. */
bool sp_waiting(const struct sp *sp);
int sp_flush(struct sp *sp) MUST_CHECK;

/* The next whole message: *ret stays valid until sp_done. -EAGAIN: not here yet (poll for POLLIN);
 * -ECONNRESET: the peer is gone; -EPROTO, -ENOMEM. */
int sp_recv(struct sp *sp, const uint8_t **ret, size_t *ret_len) MUST_CHECK;
/* Wipes and frees the message that sp_recv gave. */
void sp_done(struct sp *sp);

#endif
