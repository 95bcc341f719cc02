#include "ipc/nng_link.h"

#include <errno.h>
#include <nng/nng.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ipc/message.h"

/* Received bytes that may wait for the loop; beyond it nothing is read and the peer's writes wait.
 */
#define IN_QUEUE    (256u << 10)
#define GREETING_MS 1000
#define GREETING    8

static const uint8_t greeting[GREETING] = {0, 'S', 'P', 0, 0, 0x10 /* PAIR0 */, 0, 0};

STAILQ_HEAD(items, nng_item);

struct nng_link {
    struct nng_hub *hub;
    struct nng_hub_entry *entry;
    nng_stream_listener *listener;
    nng_stream_dialer *dialer;
    nng_aio *connect_aio, *recv_aio, *send_aio;
    uid_t only; /* whose connection is taken */

    pthread_mutex_t
        lock;           /* guards the rest but the receiver's; never held across a call into nng */
    nng_stream *stream; /* set once */
    struct items in, out;
    size_t in_bytes, out_bytes;
    uint64_t uid, pid;
    bool closing, came, went, sending, paused;

    bool greeting_sent; /* the sender's, used by the one operation in flight */

    /* The receiver: used by the one operation in flight. */
    bool greeted;
    uint8_t header[9];
    size_t got;
    struct nng_item *body;
};

void nng_item_free(struct nng_item *item) {
    if (item == NULL)
        return;
    explicit_bzero(item->data, item->len);
    free(item);
}

static struct nng_item *item_new(size_t len) {
    struct nng_item *item = malloc(sizeof(*item) + len);
    if (item == NULL)
        return NULL;
    item->len = len;
    item->sent = 0;
    item->header[0] = 1;
    for (unsigned i = 0; i < 8; i++)
        item->header[1 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    return item;
}

static void items_purge(struct items *items) {
    struct nng_item *item;
    while ((item = STAILQ_FIRST(items)) != NULL) {
        STAILQ_REMOVE_HEAD(items, link);
        nng_item_free(item);
    }
}

static int error_of(int rv) {
    if (rv == 0)
        return 0;
    if ((rv & NNG_ESYSERR) != 0)
        return -(rv & ~NNG_ESYSERR);
    if (rv == NNG_ENOMEM)
        return -ENOMEM;
    if (rv == NNG_EADDRINUSE)
        return -EADDRINUSE;
    if (rv == NNG_EPERM)
        return -EACCES;
    return rv == NNG_EADDRINVAL ? -EINVAL : -EIO;
}

/* ---- on nng's threads (and, to start an operation, on the loop's) ---- */

static void link_fail(struct nng_link *link) {
    (void)pthread_mutex_lock(&link->lock);
    link->went = true;
    bool closing = link->closing;
    (void)pthread_mutex_unlock(&link->lock);
    if (!closing)
        nng_hub_post(link->hub, link->entry);
}

static bool link_closing(struct nng_link *link) {
    (void)pthread_mutex_lock(&link->lock);
    bool closing = link->closing;
    (void)pthread_mutex_unlock(&link->lock);
    return closing;
}

/* Reads on where the receiver stands. */
static void read_more(struct nng_link *link) {
    nng_iov part;
    if (!link->greeted)
        part = (nng_iov){link->header + link->got, GREETING - link->got};
    else if (link->body == NULL)
        part = (nng_iov){link->header + link->got, sizeof(link->header) - link->got};
    else
        part = (nng_iov){link->body->data + link->got, link->body->len - link->got};
    (void)nng_aio_set_iov(link->recv_aio, 1, &part);
    nng_aio_set_timeout(link->recv_aio, link->greeted ? NNG_DURATION_INFINITE : GREETING_MS);
    nng_stream_recv(link->stream, link->recv_aio);
}

static bool greeting_whole(struct nng_link *link) {
    if (memcmp(link->header, greeting, GREETING) != 0)
        return false;
    link->greeted = true;
    link->got = 0;
    (void)pthread_mutex_lock(&link->lock);
    link->came = true;
    (void)pthread_mutex_unlock(&link->lock);
    nng_hub_post(link->hub, link->entry);
    return true;
}

/* The body is whole: queues it. False when the queue is full and reading pauses. */
static bool body_whole(struct nng_link *link) {
    struct nng_item *item = take_ptr(link->body);
    link->got = 0;
    (void)pthread_mutex_lock(&link->lock);
    STAILQ_INSERT_TAIL(&link->in, item, link);
    link->in_bytes += item->len + sizeof(*item);
    link->paused = link->in_bytes >= IN_QUEUE;
    bool more = !link->paused;
    (void)pthread_mutex_unlock(&link->lock);
    nng_hub_post(link->hub, link->entry);
    return more;
}

static bool header_whole(struct nng_link *link) {
    uint64_t len = 0;
    for (unsigned i = 1; i < sizeof(link->header); i++)
        len = len << 8 | link->header[i];
    if (link->header[0] != 1 || len > MESSAGE_MAX)
        return false;
    link->body = item_new((size_t)len);
    link->got = 0;
    return link->body != NULL;
}

static void received(void *ctx) {
    struct nng_link *link = ctx;
    if (nng_aio_result(link->recv_aio) != 0) {
        link_fail(link);
        return;
    }
    link->got += nng_aio_count(link->recv_aio);
    bool good = true, more = true;
    if (!link->greeted) {
        if (link->got == GREETING)
            good = greeting_whole(link);
    } else if (link->body == NULL) {
        if (link->got == sizeof(link->header))
            good = header_whole(link);
        if (good && link->body != NULL && link->body->len == 0)
            more = body_whole(link);
    } else if (link->got == link->body->len) {
        more = body_whole(link);
    }
    if (!good)
        link_fail(link);
    else if (more && !link_closing(link))
        read_more(link);
}

/* Sends what is left of the first queued message; the caller has set `sending`. */
static void send_more(struct nng_link *link) {
    (void)pthread_mutex_lock(&link->lock);
    struct nng_item *item = STAILQ_FIRST(&link->out);
    bool stop = item == NULL || link->closing;
    if (stop)
        link->sending = false;
    (void)pthread_mutex_unlock(&link->lock);
    if (stop)
        return;
    nng_iov parts[2];
    unsigned n = 0;
    size_t head = sizeof(item->header), done = item->sent;
    if (done < head)
        parts[n++] = (nng_iov){item->header + done, head - done};
    size_t body = done > head ? done - head : 0;
    if (item->len > body)
        parts[n++] = (nng_iov){item->data + body, item->len - body};
    (void)nng_aio_set_iov(link->send_aio, n, parts);
    nng_stream_send(link->stream, link->send_aio);
}

static void sent(void *ctx) {
    struct nng_link *link = ctx;
    size_t count = nng_aio_count(link->send_aio);
    /* The greeting is small and the socket empty: it goes out in one piece. */
    if (nng_aio_result(link->send_aio) != 0 || (!link->greeting_sent && count != GREETING)) {
        link_fail(link);
        return;
    }
    if (!link->greeting_sent) {
        link->greeting_sent = true;
        send_more(link);
        return;
    }
    (void)pthread_mutex_lock(&link->lock);
    struct nng_item *item = STAILQ_FIRST(&link->out);
    item->sent += count;
    bool whole = item->sent == sizeof(item->header) + item->len;
    if (whole) {
        STAILQ_REMOVE_HEAD(&link->out, link);
        link->out_bytes -= item->len + sizeof(*item);
    }
    (void)pthread_mutex_unlock(&link->lock);
    if (whole)
        nng_item_free(item);
    send_more(link);
}

static void greet(struct nng_link *link) {
    nng_iov part = {(void *)(uintptr_t)greeting, GREETING};
    (void)nng_aio_set_iov(link->send_aio, 1, &part);
    nng_stream_send(link->stream, link->send_aio);
    read_more(link);
}

static void connected(void *ctx) {
    struct nng_link *link = ctx;
    int rv = nng_aio_result(link->connect_aio);
    if (rv != 0) {
        if (link->stream == NULL)
            link_fail(link);
        return;
    }
    nng_stream *stream = nng_aio_get_output(link->connect_aio, 0);
    uint64_t uid = 0, pid = 0;
    bool known = nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
                 nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_PID, &pid) == 0;
    bool expected = link->only == NNG_LINK_ANYBODY || uid == link->only;
    (void)pthread_mutex_lock(&link->lock);
    bool first = known && expected && link->stream == NULL && !link->closing;
    bool closing = link->closing;
    if (first) {
        link->stream = stream;
        link->uid = uid;
        link->pid = pid;
        link->sending = true; /* the greeting */
    }
    (void)pthread_mutex_unlock(&link->lock);
    if (first) {
        greet(link);
    } else {
        nng_stream_close(stream);
        nng_stream_free(stream);
    }
    if (link->listener != NULL && !closing)
        nng_stream_listener_accept(link->listener, link->connect_aio); /* to turn others away */
    else if (!first)
        link_fail(link);
}

/* ---- on the loop's thread ---- */

static int link_start(struct nng_link *link, const char *path, mode_t mode) {
    char url[160];
    int n = snprintf(url, sizeof(url), "ipc://%s", path);
    if (n < 0 || (size_t)n >= sizeof(url))
        return -ENAMETOOLONG;
    int rv;
    if (mode == 0) {
        rv = nng_stream_dialer_alloc(&link->dialer, url);
        if (rv == 0)
            nng_stream_dialer_dial(link->dialer, link->connect_aio);
        return error_of(rv);
    }
    rv = nng_stream_listener_alloc(&link->listener, url);
    if (rv == 0)
        rv = nng_stream_listener_set_int(link->listener, NNG_OPT_IPC_PERMISSIONS, (int)mode);
    if (rv == 0)
        rv = nng_stream_listener_listen(link->listener);
    if (rv == 0)
        nng_stream_listener_accept(link->listener, link->connect_aio);
    return error_of(rv);
}

int nng_link_open(struct nng_hub *hub, struct nng_hub_entry *entry, const char *path, mode_t mode,
                  uid_t only, struct nng_link **ret) {
    struct nng_link *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return -ENOMEM;
    (void)pthread_mutex_init(&link->lock, NULL);
    STAILQ_INIT(&link->in);
    STAILQ_INIT(&link->out);
    link->hub = hub;
    link->entry = entry;
    link->only = only;
    int r = nng_aio_alloc(&link->connect_aio, connected, link) != 0 ||
                    nng_aio_alloc(&link->recv_aio, received, link) != 0 ||
                    nng_aio_alloc(&link->send_aio, sent, link) != 0
                ? -ENOMEM
                : 0;
    if (r == 0) {
        nng_aio_set_timeout(link->connect_aio, NNG_DURATION_INFINITE);
        nng_aio_set_timeout(link->send_aio, NNG_DURATION_INFINITE); /* bounded by the queue */
        r = link_start(link, path, mode);
    }
    if (r < 0) {
        nng_link_close(link);
        return r;
    }
    *ret = link;
    return 0;
}

static void aio_end(nng_aio **aio) {
    if (*aio == NULL)
        return;
    nng_aio_stop(*aio);
    nng_aio_free(take_ptr(*aio));
}

void nng_link_unlisten(struct nng_link *link) {
    if (link->connect_aio != NULL)
        nng_aio_stop(link->connect_aio);
    if (link->listener != NULL) {
        nng_stream_listener_close(link->listener);
        nng_stream_listener_free(take_ptr(link->listener));
    }
    if (link->dialer != NULL) {
        nng_stream_dialer_close(link->dialer);
        nng_stream_dialer_free(take_ptr(link->dialer));
    }
    aio_end(&link->connect_aio);
}

void nng_link_close(struct nng_link *link) {
    if (link == NULL)
        return;
    (void)pthread_mutex_lock(&link->lock);
    link->closing = true;
    (void)pthread_mutex_unlock(&link->lock);
    nng_link_unlisten(link);
    if (link->stream != NULL)
        nng_stream_close(link->stream);
    aio_end(&link->recv_aio);
    aio_end(&link->send_aio);
    if (link->stream != NULL)
        nng_stream_free(link->stream);
    items_purge(&link->in);
    items_purge(&link->out);
    nng_item_free(link->body);
    (void)pthread_mutex_destroy(&link->lock);
    free(link);
}

bool nng_link_came(struct nng_link *link, pid_t *ret_pid, uid_t *ret_uid) {
    (void)pthread_mutex_lock(&link->lock);
    bool came = link->came;
    link->came = false;
    *ret_pid = (pid_t)link->pid;
    *ret_uid = (uid_t)link->uid;
    (void)pthread_mutex_unlock(&link->lock);
    return came;
}

bool nng_link_went(struct nng_link *link) {
    (void)pthread_mutex_lock(&link->lock);
    bool went = link->went;
    (void)pthread_mutex_unlock(&link->lock);
    return went;
}

bool nng_link_connected(struct nng_link *link) {
    (void)pthread_mutex_lock(&link->lock);
    bool connected_once = link->stream != NULL;
    (void)pthread_mutex_unlock(&link->lock);
    return connected_once;
}

bool nng_link_empty(struct nng_link *link) {
    (void)pthread_mutex_lock(&link->lock);
    bool empty = STAILQ_EMPTY(&link->in);
    (void)pthread_mutex_unlock(&link->lock);
    return empty;
}

struct nng_item *nng_link_take(struct nng_link *link) {
    (void)pthread_mutex_lock(&link->lock);
    struct nng_item *item = STAILQ_FIRST(&link->in);
    if (item != NULL) {
        STAILQ_REMOVE_HEAD(&link->in, link);
        link->in_bytes -= item->len + sizeof(*item);
    }
    bool resume = link->paused && link->in_bytes < IN_QUEUE / 2;
    if (resume)
        link->paused = false;
    (void)pthread_mutex_unlock(&link->lock);
    if (resume)
        read_more(link);
    return item;
}

int nng_link_send(struct nng_link *link, const uint8_t *data, size_t len, size_t cap) {
    struct nng_item *item = item_new(len);
    if (item == NULL)
        return -ENOMEM;
    memcpy(item->data, data, len);
    size_t size = len + sizeof(*item);
    (void)pthread_mutex_lock(&link->lock);
    bool full = link->out_bytes + size > cap, start = !full && !link->sending;
    if (!full) {
        STAILQ_INSERT_TAIL(&link->out, item, link);
        link->out_bytes += size;
    }
    if (start)
        link->sending = true;
    (void)pthread_mutex_unlock(&link->lock);
    if (full) {
        nng_item_free(item);
        return -ENOBUFS;
    }
    if (start)
        send_more(link);
    return 0;
}
