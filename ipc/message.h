/* Messages between processes: decode the whole message, check who may send it (messages.def), then
 * act. One `struct msg_peer` per channel end keeps the phase and what was already sent once.
 *
 * Memory of decoded messages is wiped when freed. Single-threaded use per channel. */
#ifndef CLOISTER_IPC_MESSAGE_H
#define CLOISTER_IPC_MESSAGE_H

#include "ipc/base.h"
#include "ipc/messages.pb-c.h"

#define PROTOCOL_VERSION 1u
#define MESSAGE_MAX      196608u /* the largest cap in messages.def */

enum msg_role {
    ROLE_SUPERVISOR = 1 << 0,
    ROLE_ZYGOTE = 1 << 1,
    ROLE_AGENT = 1 << 2,
    ROLE_TURN = 1 << 3,
    ROLE_KEYS = 1 << 4,
    ROLE_EGRESS = 1 << 5,
    ROLE_GATEWAY = 1 << 6,
    ROLE_CTL = 1 << 7,
    ROLE_BUSINESS = 1 << 8,
    ROLE_NOTIFY = 1 << 9,
};

enum msg_phase { PHASE_START = 1 << 0, PHASE_READY = 1 << 1, PHASE_TURN = 1 << 2 };

/* One end's view of its peer. The owner of the channel moves `phase`. */
struct msg_peer {
    uint32_t from;  /* roles the peer may speak as */
    uint32_t to;    /* the role it speaks to: this process (an agent relaying: ROLE_SUPERVISOR) */
    uint32_t phase; /* current phase, one bit */
    uint64_t once[4];
};

/* Decodes `len` bytes with `nfds` descriptors beside them and checks the rules. On success *ret is
 * a message to free with msg_free. -EPROTO: not a message or another protocol version; -EPERM: not
 * allowed from this peer now; -EMSGSIZE: over its cap; -EBADMSG: wrong number of descriptors (one
 * row that lists a descriptor may come without it when it reports an error). -ENOMEM. Fields that
 * messages.proto does not have are dropped. */
int msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
               Cloister__Message **ret) MUST_CHECK;
void msg_free(Cloister__Message *message);
static inline void scope_msg_fn(Cloister__Message **m) {
    msg_free(*m);
}
#define SCOPE_MSG __attribute__((cleanup(scope_msg_fn)))

/* Encodes into `out`, stamping the protocol version. Returns the length, or -EMSGSIZE when it is
 * over `cap` or over the message's own cap. */
ssize_t msg_encode(Cloister__Message *message, uint8_t *out, size_t cap) MUST_CHECK;
/* The same into memory of its own, which msg_bytes_free wipes and frees. 0, -EMSGSIZE, -ENOMEM. */
int msg_encode_new(Cloister__Message *message, uint8_t **ret, size_t *ret_len) MUST_CHECK;
void msg_bytes_free(uint8_t *data);
static inline void scope_msg_bytes_fn(uint8_t **data) {
    msg_bytes_free(*data);
}
#define SCOPE_MSG_BYTES __attribute__((cleanup(scope_msg_bytes_fn)))
/* A deep copy to free with msg_free, through the wire's form: held against the rules as if `peer`
 * had sent it, in memory that is wiped. Fails as msg_encode_new and msg_decode do. */
int msg_copy(struct msg_peer *peer, Cloister__Message *message, Cloister__Message **ret) MUST_CHECK;

/* "turn_start"; "unknown" for a number without a row. */
const char *msg_name(Cloister__Message__BodyCase body);
/* Prints messages.def as a table. */
void msg_print_table(void);

/* ---- SOCK_SEQPACKET channels: one datagram, one message, at most one descriptor ---- */

/* Sends one message, with `pass_fd` unless it is -1 (the caller keeps its copy). Never blocks,
 * whatever the socket's own flag says. 0, -EAGAIN, -EPIPE, -EMSGSIZE or another -errno. */
int seq_send(int fd, Cloister__Message *message, int pass_fd) MUST_CHECK;
/* Waits for room up to `timeout_ms`. -ETIMEDOUT. For those who have nobody else to serve. */
int seq_send_wait(int fd, Cloister__Message *message, int pass_fd, int timeout_ms) MUST_CHECK;

/* Receives one message; never blocks. *ret_fd is a new CLOEXEC descriptor or -1. -EAGAIN: nothing
 * there; -ECONNRESET: the peer is gone; otherwise as msg_decode. A channel that gave anything but
 * -EAGAIN must be closed. Superfluous descriptors are closed. */
int seq_recv(int fd, struct msg_peer *peer, Cloister__Message **ret, int *ret_fd) MUST_CHECK;

/* The same with up to SEQ_FDS_MAX descriptors, in their order. Those received are the caller's,
 * CLOEXEC; on failure there are none. */
#define SEQ_FDS_MAX 4
int seq_send_fds(int fd, Cloister__Message *message, const int *pass_fds, size_t n) MUST_CHECK;
int seq_recv_fds(int fd, struct msg_peer *peer, Cloister__Message **ret,
                 int ret_fds[static SEQ_FDS_MAX], size_t *ret_n) MUST_CHECK;

/* Waits for readability up to `timeout_ms`, then receives. -ETIMEDOUT. */
int seq_recv_wait(int fd, struct msg_peer *peer, int timeout_ms, Cloister__Message **ret,
                  int *ret_fd) MUST_CHECK;

/* uid and pid of a connected unix socket's peer (SO_PEERCRED). 0 or -errno. */
int peer_identity(int fd, uid_t *ret_uid, pid_t *ret_pid) MUST_CHECK;

/* Listening SOCK_SEQPACKET socket at `path` with `mode`; replaces a stale one. Changes the umask
 * for a moment: before there are threads. fd or -errno. */
int seq_listen(const char *path, mode_t mode) MUST_CHECK;
/* Connected SOCK_SEQPACKET socket. fd or -errno. */
int seq_connect(const char *path) MUST_CHECK;

/* Wraps a body for sending: Cloister__Message m = MSG_OF(PING, ping, &body); */
#define MSG_OF(CASE, field, body)                                                                  \
    {                                                                                              \
        .base = PROTOBUF_C_MESSAGE_INIT(&cloister__message__descriptor),                           \
        .body_case = CLOISTER__MESSAGE__BODY_##CASE, .field = (body)                               \
    }

#endif
