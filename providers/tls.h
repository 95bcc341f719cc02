/* TLS client over a descriptor that egress connected, driven by the caller's poll loop. First the
 * handshake, which needs no request; then a pump between a local socket (libcurl's other end) and
 * the server. Fixed buffers, backpressure both ways. Certificates and host name are always
 * verified. Single-threaded. The SSL_CTX behind `http_trust` is made before fork and shared. */
#ifndef CLOISTER_PROVIDERS_TLS_H
#define CLOISTER_PROVIDERS_TLS_H

#include "ipc/base.h"
#include "providers/http.h"

struct tls;
struct resume_session;

/* Takes `fd` (also on failure). `resume` (or NULL) is offered to the server. 0 or -ENOMEM /
 * -EINVAL.
 */
int tls_new(const struct http_trust *trust, int fd, const char *host,
            const struct resume_session *resume, struct tls **ret) MUST_CHECK;
/* Writes the session that the server gave after a whole handshake, once: how many bytes, 0: none.
 */
size_t tls_take_session(struct tls *tls, uint8_t *out, size_t cap);
/* Says close_notify when the connection is whole, shuts the socket down (egress keeps a copy of the
 * descriptor, close alone would not end the connection), wipes the buffers. */
void tls_free(struct tls *tls);

/* Goes on with the handshake. 0: done; -EAGAIN: wait for tls_interest; -EKEYREJECTED, -ECONNRESET,
 * -EPROTO: failed, see tls_why. */
int tls_handshake(struct tls *tls) MUST_CHECK;

/* Starts pumping between the server and `local`, which it takes. 0 or -ENOMEM. */
int tls_attach(struct tls *tls, int local) MUST_CHECK;
/* Poll found that there is something to do on the server's descriptor, or on the local one. Nothing
 * is read from one before this was said of it: many connections wait at once, and each read that
 * finds nothing costs as much as one that does. */
void tls_ready(struct tls *tls, bool net, bool local);
/* Moves what can be moved. When the connection ends, the local side sees the end of the stream;
 * tls_closed() or tls_error() tell how. */
void tls_pump(struct tls *tls);
/* tls_pump stopped for others' sake with more to move, of which no descriptor may tell. */
bool tls_busy(const struct tls *tls);
/* The server said close_notify: a body without a length is whole. */
bool tls_closed(const struct tls *tls);
/* True while the handshake is done and the server has neither closed nor sent anything unasked. */
bool tls_idle_alive(struct tls *tls);

/* What to poll for: events (POLLIN, POLLOUT) of the server's and the local descriptor, 0: nothing.
 */
struct tls_interest {
    int net_fd, local_fd;
    short net, local;
};
struct tls_interest tls_interest(const struct tls *tls);

/* Bytes of the local side that went to the server's socket, encrypted. */
uint64_t tls_sent(const struct tls *tls);
/* 0, or the -errno that ended the connection. */
int tls_error(const struct tls *tls);
/* Fixed sentence about the failure. */
const char *tls_why(const struct tls *tls);

/* tls_bio.c: a socket BIO whose writes raise no SIGPIPE. NULL when memory is short. */
struct bio_st *tls_bio_new(int fd);
int tls_bio_init(void) MUST_CHECK;

#endif
