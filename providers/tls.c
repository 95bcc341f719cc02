#include "providers/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "providers/resume.h"
#include "providers/tls_session.h"
#include "providers/trust.h"
#include "providers/url.h"

#define PIECE      16384 /* one TLS record of plaintext */
#define ROUNDS_MAX 16    /* pieces per call, so that one connection does not starve the others */

/* Bytes on their way, from `start` to `end`. */
struct piece {
    size_t start, end;
    uint8_t bytes[PIECE];
};

struct tls {
    SSL *ssl;
    SSL_SESSION *session; /* given after a whole handshake, for a later turn; or NULL */
    int net, local;
    bool established;
    bool want_write;  /* what OpenSSL waits for on `net` besides reading */
    bool net_ready;   /* `net` may have something: said by poll, until a read finds nothing */
    bool local_ready; /* and so of `local` */
    bool closed;      /* close_notify came */
    bool local_ended; /* libcurl closed its end */
    bool local_shut;  /* the end of the stream was passed on to libcurl */
    int failed;
    const char *why;
    uint64_t sent;
    struct piece *up, *down; /* to and from the server */
};

static int tls_fail(struct tls *tls, int error, const char *why) {
    if (tls->failed == 0) {
        tls->failed = error;
        tls->why = why;
    }
    return tls->failed;
}

static int verify_names(SSL *ssl, const char *host) {
    if (url_host_is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 ? 0 : -EINVAL;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1 ? 0 : -EINVAL;
}

/* A resumed session's own ticket is left alone: what a chain of them vouches for would have no end.
 */
int tls_new_session(SSL *ssl, SSL_SESSION *session) {
    struct tls *tls = SSL_get_app_data(ssl);
    if (tls == NULL || tls->session != NULL || SSL_session_reused(ssl) == 1 ||
        SSL_version(ssl) != TLS1_3_VERSION)
        return 0;
    tls->session = session; /* ours from here on */
    return 1;
}

size_t tls_take_session(struct tls *tls, uint8_t *out, size_t cap) {
    if (tls->session == NULL)
        return 0;
    size_t len = tls_session_write(tls->session, out, cap);
    SSL_SESSION_free(take_ptr(tls->session));
    return len;
}

int tls_new(const struct http_trust *trust, int fd, const char *host,
            const struct resume_session *resume, struct tls **ret) {
    SCOPE_FD int net = fd;
    struct tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return -ENOMEM;
    tls->net = tls->local = -1;
    tls->net_ready = true;
    tls->ssl = SSL_new(trust->ctx);
    BIO *bio = tls->ssl == NULL ? NULL : tls_bio_new(net);
    if (bio == NULL) {
        tls_free(tls);
        return -ENOMEM;
    }
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_connect_state(tls->ssl);
    tls->net = take_fd(&net);
    (void)SSL_set_app_data(tls->ssl, tls);
    int r = verify_names(tls->ssl, host);
    if (r == 0 && resume != NULL)
        (void)!tls_session_use(tls->ssl, resume->bytes, resume->len);
    if (r < 0) {
        tls_free(tls);
        return r;
    }
    *ret = tls;
    return 0;
}

static void piece_free(struct piece *piece) {
    if (piece == NULL)
        return;
    explicit_bzero(piece, sizeof(*piece));
    free(piece);
}

void tls_free(struct tls *tls) {
    if (tls == NULL)
        return;
    if (tls->established && tls->failed == 0)
        (void)SSL_shutdown(tls->ssl);
    ERR_clear_error();
    SSL_SESSION_free(tls->session);
    SSL_free(tls->ssl);
    if (tls->net >= 0) {
        (void)shutdown(tls->net, SHUT_RDWR);
        (void)close(tls->net);
    }
    if (tls->local >= 0)
        (void)close(tls->local);
    piece_free(tls->up);
    piece_free(tls->down);
    free(tls);
}

static int certificate_refused(struct tls *tls, long verdict) {
    switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return tls_fail(tls, -EKEYREJECTED, "TLS certificate is for another host");
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return tls_fail(tls, -EKEYREJECTED, "TLS certificate has expired or is not valid yet");
    default: /* an int from OpenSSL, not an enum of ours */
        return tls_fail(tls, -EKEYREJECTED, "TLS certificate is not from a trusted authority");
    }
}

/* What an unsuccessful OpenSSL call means: -EAGAIN to wait, 0 after close_notify, or a failure. */
static int tls_outcome(struct tls *tls, int result) {
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        tls->net_ready = false;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        tls->want_write = true;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        tls->closed = true;
        return 0;
    case SSL_ERROR_SYSCALL:
        return tls_fail(tls, -ECONNRESET, "the connection broke");
    default:
        break;
    }
    unsigned long error = ERR_peek_error();
    ERR_clear_error();
    if (!tls->established && SSL_get_verify_result(tls->ssl) != X509_V_OK)
        return certificate_refused(tls, SSL_get_verify_result(tls->ssl));
    if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
        ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return tls_fail(tls, -ECONNRESET, "the connection ended without a TLS goodbye");
    return tls_fail(tls, -EPROTO, "the server does not speak TLS as it should");
}

int tls_handshake(struct tls *tls) {
    if (tls->failed != 0)
        return tls->failed;
    if (tls->established)
        return 0;
    if (!tls->net_ready)
        return -EAGAIN;
    ERR_clear_error();
    tls->want_write = false;
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        tls->established = true;
        return 0;
    }
    int r = tls_outcome(tls, result);
    return r == 0 ? tls_fail(tls, -ECONNRESET, "the server closed during the TLS handshake") : r;
}

int tls_attach(struct tls *tls, int local) {
    SCOPE_FD int owned = local;
    tls->up = calloc(1, sizeof(*tls->up));
    tls->down = calloc(1, sizeof(*tls->down));
    if (tls->up == NULL || tls->down == NULL)
        return -ENOMEM;
    tls->local = take_fd(&owned);
    return 0;
}

/* One step from libcurl to the server; true when something moved. */
static bool pump_up(struct tls *tls) {
    struct piece *piece = tls->up;
    if (piece->start == piece->end && tls->local_ready && !tls->local_ended) {
        ssize_t n = recv(tls->local, piece->bytes, PIECE, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            tls->local_ended = true;
        piece->start = 0;
        piece->end = n > 0 ? (size_t)n : 0;
        tls->local_ready = piece->end == PIECE; /* less was all that there was */
    }
    if (piece->start == piece->end || tls->want_write)
        return false;
    ERR_clear_error();
    int result = SSL_write(tls->ssl, piece->bytes + piece->start, (int)(piece->end - piece->start));
    if (result <= 0) {
        (void)tls_outcome(tls, result);
        return false;
    }
    tls->sent += (uint64_t)result;
    piece->start += (size_t)result;
    if (piece->start == piece->end)
        explicit_bzero(piece->bytes, piece->end);
    return piece->start != piece->end || tls->local_ready;
}

/* Hands what was decrypted to libcurl; true when something moved. */
static bool drain_down(struct tls *tls) {
    struct piece *piece = tls->down;
    if (piece->start == piece->end)
        return false;
    ssize_t n = send(tls->local, piece->bytes + piece->start, piece->end - piece->start,
                     MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        tls->local_ended =
            true; /* libcurl wants no more; the rest is dropped with the connection */
        piece->start = piece->end;
    }
    if (n <= 0)
        return false;
    piece->start += (size_t)n;
    if (piece->start == piece->end)
        explicit_bzero(piece->bytes, piece->end);
    return true;
}

/* As many records as came and fit: a streamed answer is many small ones. */
static void read_records(struct tls *tls) {
    struct piece *piece = tls->down;
    piece->start = piece->end = 0;
    while (tls->net_ready && piece->end < PIECE) {
        ERR_clear_error();
        int result = SSL_read(tls->ssl, piece->bytes + piece->end, (int)(PIECE - piece->end));
        if (result <= 0) {
            (void)tls_outcome(tls, result);
            return;
        }
        piece->end += (size_t)result;
        tls->net_ready = SSL_has_pending(tls->ssl) == 1; /* of more in the socket poll tells */
    }
}

/* One step from the server to libcurl; true when there may be more to move. */
static bool pump_down(struct tls *tls) {
    struct piece *piece = tls->down;
    (void)drain_down(tls);
    if (piece->start != piece->end || tls->closed || tls->failed != 0 || !tls->net_ready)
        return false;
    read_records(tls);
    (void)drain_down(tls);
    return piece->start == piece->end && tls->net_ready && !tls->closed;
}

void tls_ready(struct tls *tls, bool net, bool local) {
    tls->net_ready = tls->net_ready || net;
    tls->local_ready = tls->local_ready || local;
    tls->want_write = tls->want_write && !net;
}

void tls_pump(struct tls *tls) {
    if (tls->local < 0)
        return;
    bool moved = true;
    for (int round = 0; moved && round < ROUNDS_MAX; round++) {
        moved = tls->failed == 0 && pump_up(tls);
        moved = pump_down(tls) || moved; /* what arrived before a failure is still handed on */
    }
    bool drained = tls->down->start == tls->down->end;
    if ((tls->closed || tls->failed != 0) && drained && !tls->local_shut) {
        tls->local_shut = true;
        (void)shutdown(tls->local, SHUT_WR);
    }
}

bool tls_busy(const struct tls *tls) {
    if (tls->local < 0 || tls->failed != 0)
        return false;
    return (tls->net_ready && !tls->closed && tls->down->start == tls->down->end) ||
           (tls->local_ready && !tls->local_ended && tls->up->start == tls->up->end);
}

bool tls_closed(const struct tls *tls) {
    return tls->closed;
}

bool tls_idle_alive(struct tls *tls) {
    if (!tls->established || tls->failed != 0 || tls->closed || tls->local_ended)
        return false;
    uint8_t byte;
    ERR_clear_error();
    int result = SSL_peek(tls->ssl, &byte, 1); /* also takes session tickets off the line */
    return result <= 0 && tls_outcome(tls, result) == -EAGAIN;
}

struct tls_interest tls_interest(const struct tls *tls) {
    struct tls_interest want = {.net_fd = tls->net, .local_fd = tls->local};
    bool undelivered = tls->down != NULL && tls->down->start != tls->down->end && !tls->local_ended;
    if (undelivered)
        want.local |= POLLOUT;
    if (tls->failed != 0)
        return want;
    if (tls->want_write)
        want.net |= POLLOUT;
    if (tls->local < 0) {
        want.net |= POLLIN;
        return want;
    }
    if (!undelivered && !tls->closed)
        want.net |= POLLIN;
    if (tls->up->start == tls->up->end && !tls->local_ended)
        want.local |= POLLIN;
    return want;
}

uint64_t tls_sent(const struct tls *tls) {
    return tls->sent;
}

int tls_error(const struct tls *tls) {
    return tls->failed;
}

const char *tls_why(const struct tls *tls) {
    return tls->why != NULL ? tls->why : "";
}
