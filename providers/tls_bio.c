/* OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE on a connection that egress
 * shut down. This one is the same over send and recv. */
#include "providers/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <stdint.h>
#include <sys/socket.h>

static BIO_METHOD *method; /* made once, before fork */

static int bio_fd(BIO *bio) {
    return (int)(intptr_t)BIO_get_data(bio);
}

static int bio_result(BIO *bio, ssize_t n, int retry_flag) {
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int bio_write(BIO *bio, const char *data, int len) {
    return bio_result(bio, send(bio_fd(bio), data, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT),
                      BIO_FLAGS_WRITE);
}

static int bio_read(BIO *bio, char *data, int len) {
    ssize_t n = recv(bio_fd(bio), data, (size_t)len, MSG_DONTWAIT);
    if (n == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return bio_result(bio, n, BIO_FLAGS_READ);
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

int tls_bio_init(void) {
    if (method != NULL)
        return 0;
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "handed socket");
    if (made == NULL || BIO_meth_set_write(made, bio_write) != 1 ||
        BIO_meth_set_read(made, bio_read) != 1 || BIO_meth_set_ctrl(made, bio_ctrl) != 1) {
        BIO_meth_free(made);
        return -ENOMEM;
    }
    method = made;
    return 0;
}

struct bio_st *tls_bio_new(int fd) {
    BIO *bio = BIO_new(method);
    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    return bio;
}
