#include "fake_nng.h"

#include <nng/nng.h>

#include "ipc/nng_hub.h"

struct nng_aio {
    void (*callback)(void *);
    void *ctx;
    nng_iov iov[2];
    unsigned parts;
    int result;
    size_t count;
    void *output;
};

static nng_aio *accepting, *receiving, *sending;
static bool connected;
static uint64_t peer_uid;
static int stream_object, listener_object; /* stand for nng's own */
static uint8_t out[1 << 16];
static size_t out_len;

static void finish(nng_aio **slot, int result, size_t count) {
    nng_aio *aio = *slot;
    *slot = NULL;
    aio->result = result;
    aio->count = count;
    aio->callback(aio->ctx);
}

/* A send ends at once, from its own callback on: taken one after another, not nested. */
static void flush(void) {
    while (sending != NULL) {
        size_t count = 0;
        for (unsigned i = 0; i < sending->parts; i++) {
            const nng_iov *part = &sending->iov[i];
            MUST(out_len + part->iov_len <= sizeof(out));
            memcpy(out + out_len, part->iov_buf, part->iov_len);
            out_len += part->iov_len;
            count += part->iov_len;
        }
        finish(&sending, 0, count);
    }
}

void fake_nng_connect(uint64_t uid) {
    peer_uid = uid;
    connected = true;
    if (accepting == NULL)
        return;
    accepting->output = &stream_object;
    finish(&accepting, 0, 0);
    flush();
}

size_t fake_nng_give(const uint8_t *data, size_t len) {
    if (receiving == NULL || len == 0)
        return 0;
    MUST(receiving->parts == 1 && receiving->iov[0].iov_len > 0);
    size_t n = len < receiving->iov[0].iov_len ? len : receiving->iov[0].iov_len;
    memcpy(receiving->iov[0].iov_buf, data, n);
    finish(&receiving, 0, n);
    flush();
    return n;
}

void fake_nng_hang_up(void) {
    if (receiving != NULL)
        finish(&receiving, NNG_ECONNSHUT, 0);
}

bool fake_nng_reading(void) {
    return receiving != NULL;
}

const uint8_t *fake_nng_sent(size_t *ret_len) {
    flush();
    *ret_len = out_len;
    return out;
}

void fake_nng_reset(void) {
    out_len = 0;
}

/* ---- what nng_link.c calls ---- */

void nng_hub_post(struct nng_hub *hub, struct nng_hub_entry *entry) {
    (void)hub;
    (void)entry;
}

int nng_aio_alloc(nng_aio **ret, void (*callback)(void *), void *ctx) {
    *ret = calloc(1, sizeof(**ret));
    MUST(*ret != NULL);
    **ret = (nng_aio){.callback = callback, .ctx = ctx};
    return 0;
}
void nng_aio_stop(nng_aio *aio) {
    nng_aio **slots[] = {&accepting, &receiving, &sending};
    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
        if (*slots[i] == aio)
            *slots[i] = NULL;
}
void nng_aio_free(nng_aio *aio) {
    free(aio);
}
int nng_aio_set_iov(nng_aio *aio, unsigned n, const nng_iov *parts) {
    MUST(n <= 2);
    memcpy(aio->iov, parts, n * sizeof(*parts));
    aio->parts = n;
    return 0;
}
void nng_aio_set_timeout(nng_aio *aio, nng_duration ms) {
    (void)aio;
    (void)ms;
}
int nng_aio_result(nng_aio *aio) {
    return aio->result;
}
size_t nng_aio_count(nng_aio *aio) {
    return aio->count;
}
void *nng_aio_get_output(nng_aio *aio, unsigned index) {
    MUST(index == 0);
    return aio->output;
}

void nng_stream_recv(nng_stream *stream, nng_aio *aio) {
    MUST(stream == (void *)&stream_object && receiving == NULL);
    receiving = aio;
}
void nng_stream_send(nng_stream *stream, nng_aio *aio) {
    MUST(stream == (void *)&stream_object && sending == NULL);
    sending = aio;
}
void nng_stream_close(nng_stream *stream) {
    (void)stream;
    connected = false;
}
void nng_stream_free(nng_stream *stream) {
    (void)stream;
}
int nng_stream_get_uint64(nng_stream *stream, const char *name, uint64_t *ret) {
    (void)stream;
    *ret = strcmp(name, NNG_OPT_IPC_PEER_UID) == 0 ? peer_uid : 1;
    return 0;
}

int nng_stream_listener_alloc(nng_stream_listener **ret, const char *url) {
    (void)url;
    *ret = (void *)&listener_object;
    return 0;
}
int nng_stream_listener_set_int(nng_stream_listener *listener, const char *name, int value) {
    (void)listener;
    (void)name;
    (void)value;
    return 0;
}
int nng_stream_listener_listen(nng_stream_listener *listener) {
    (void)listener;
    return 0;
}
void nng_stream_listener_accept(nng_stream_listener *listener, nng_aio *aio) {
    (void)listener;
    MUST(accepting == NULL);
    accepting = aio;
}
void nng_stream_listener_close(nng_stream_listener *listener) {
    (void)listener;
}
void nng_stream_listener_free(nng_stream_listener *listener) {
    (void)listener;
}
int nng_stream_dialer_alloc(nng_stream_dialer **ret, const char *url) {
    (void)ret;
    (void)url;
    return NNG_EADDRINVAL;
}
void nng_stream_dialer_dial(nng_stream_dialer *dialer, nng_aio *aio) {
    (void)dialer;
    (void)aio;
}
void nng_stream_dialer_close(nng_stream_dialer *dialer) {
    (void)dialer;
}
void nng_stream_dialer_free(nng_stream_dialer *dialer) {
    (void)dialer;
}
