/* One nng socket serves at most one peer: when that peer is gone the socket is closed and a new one
 * is opened ("generation"). So a message queued for one peer can never reach the next one, and no
 * event of an old peer can be taken for one of the new. */
#include "ipc/nng_end.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ipc/message.h"
#include "ipc/nng_hub.h"

/* Received bytes that may wait for the loop; beyond it nng stops reading and the peer's writes
 * wait. */
#define IN_QUEUE         (256u << 10)
#define MESSAGES_PER_RUN 32
#define REDIAL_MIN_MS    50
#define REDIAL_MAX_MS    1000

struct item {
    STAILQ_ENTRY(item) link;
    nng_msg *msg;
};
STAILQ_HEAD(items, item);

struct nng_end {
    struct nng_hub_entry entry; /* first: run() casts back */
    struct nng_hub *hub;
    const struct nng_end_ops *ops;
    void *ctx;
    char *path;
    struct event_base *base;
    struct event *retry; /* made when first needed */
    mode_t mode;
    bool dials, unlink_after;

    /* Loop thread only. */
    bool open;               /* a generation is there */
    bool up, spent, dropped; /* spent: the name is unlinked, nobody can come any more */
    bool closed, running;
    unsigned attempt;
    uint64_t up_since;

    /* One generation. The aios belong to nng's threads while they are in flight. */
    nng_socket socket;
    nng_aio *recv_aio, *send_aio;

    pthread_mutex_t lock; /* guards the rest; never held across a call into nng */
    struct items in, out;
    size_t in_bytes, out_bytes;
    nng_pipe pipe;
    uint64_t uid, pid;
    bool taken, came, went; /* a pipe was admitted; not yet reported; ended */
    bool sending, paused;
};

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
    if (rv == NNG_EADDRINVAL)
        return -EINVAL;
    return -EIO;
}

static void msg_wipe_free(nng_msg *msg) {
    if (msg == NULL)
        return;
    explicit_bzero(nng_msg_body(msg), nng_msg_len(msg));
    nng_msg_free(msg);
}

static void items_purge(struct items *items) {
    struct item *item;
    while ((item = STAILQ_FIRST(items)) != NULL) {
        STAILQ_REMOVE_HEAD(items, link);
        msg_wipe_free(item->msg);
        free(item);
    }
}

/* Takes the first message off; the caller holds the lock. */
static nng_msg *items_take(struct items *items, size_t *bytes) {
    struct item *item = STAILQ_FIRST(items);
    if (item == NULL)
        return NULL;
    STAILQ_REMOVE_HEAD(items, link);
    nng_msg *msg = item->msg;
    free(item);
    *bytes -= nng_msg_len(msg);
    return msg;
}

/* ---- on nng's threads ---- */

static void pipe_changed(nng_pipe pipe, nng_pipe_ev what, void *ctx) {
    struct nng_end *end = ctx;
    bool refuse = false, wake = false;
    if (what == NNG_PIPE_EV_ADD_PRE) {
        uint64_t uid = UINT64_MAX, pid = 0;
        bool known = nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
                     nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) == 0;
        (void)pthread_mutex_lock(&end->lock);
        refuse = end->taken || !known;
        if (!refuse) {
            end->taken = end->came = wake = true;
            end->pipe = pipe;
            end->uid = uid;
            end->pid = pid;
        }
        (void)pthread_mutex_unlock(&end->lock);
    } else if (what == NNG_PIPE_EV_REM_POST) {
        (void)pthread_mutex_lock(&end->lock);
        if (end->taken && nng_pipe_id(end->pipe) == nng_pipe_id(pipe))
            end->went = wake = true;
        (void)pthread_mutex_unlock(&end->lock);
    }
    if (refuse)
        (void)nng_pipe_close(pipe);
    if (wake)
        nng_hub_post(end->hub, &end->entry);
}

static void received(void *ctx) {
    struct nng_end *end = ctx;
    if (nng_aio_result(end->recv_aio) != 0)
        return; /* closing */
    nng_msg *msg = nng_aio_get_msg(end->recv_aio);
    nng_aio_set_msg(end->recv_aio, NULL);
    struct item *item = malloc(sizeof(*item));
    if (item == NULL) { /* a lost message would break the stream: end the peer instead */
        nng_pipe pipe = nng_msg_get_pipe(msg);
        msg_wipe_free(msg);
        (void)nng_pipe_close(pipe);
        return;
    }
    item->msg = msg;
    (void)pthread_mutex_lock(&end->lock);
    STAILQ_INSERT_TAIL(&end->in, item, link);
    end->in_bytes += nng_msg_len(msg);
    end->paused = end->in_bytes >= IN_QUEUE;
    bool more = !end->paused;
    (void)pthread_mutex_unlock(&end->lock);
    nng_hub_post(end->hub, &end->entry);
    if (more)
        nng_recv_aio(end->socket, end->recv_aio);
}

/* Sends the next queued message; the caller has set `sending`. */
static void send_next(struct nng_end *end) {
    (void)pthread_mutex_lock(&end->lock);
    nng_msg *msg = items_take(&end->out, &end->out_bytes);
    if (msg == NULL)
        end->sending = false;
    (void)pthread_mutex_unlock(&end->lock);
    if (msg != NULL) {
        nng_aio_set_msg(end->send_aio, msg);
        nng_send_aio(end->socket, end->send_aio);
    }
}

static void sent(void *ctx) {
    struct nng_end *end = ctx;
    if (nng_aio_result(end->send_aio) == 0) {
        send_next(end);
        return;
    }
    msg_wipe_free(nng_aio_get_msg(end->send_aio));
    nng_aio_set_msg(end->send_aio, NULL);
}

/* ---- on the loop's thread ---- */

static void generation_close(struct nng_end *end) {
    if (!end->open)
        return;
    end->open = false;
    (void)nng_close(end->socket); /* waits until its pipes and their callbacks are done */
    nng_aio_stop(end->recv_aio);
    nng_aio_stop(end->send_aio);
    nng_aio_free(take_ptr(end->recv_aio));
    nng_aio_free(take_ptr(end->send_aio));
    items_purge(&end->in);
    items_purge(&end->out);
    end->in_bytes = end->out_bytes = 0;
    end->taken = end->came = end->went = end->sending = end->paused = false;
    end->dropped = false;
}

static int socket_listen(struct nng_end *end, const char *url) {
    struct stat st;
    if (lstat(end->path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(end->path) < 0)
        return -errno;
    nng_listener listener;
    int rv = nng_listener_create(&listener, end->socket, url);
    if (rv == 0)
        rv = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, (int)end->mode);
    return error_of(rv != 0 ? rv : nng_listener_start(listener, 0));
}

static int socket_start(struct nng_end *end) {
    char url[160];
    int n = snprintf(url, sizeof(url), "ipc://%s", end->path);
    if (n < 0 || (size_t)n >= sizeof(url))
        return -ENAMETOOLONG;
    int rv = nng_socket_set_size(end->socket, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
    if (rv == 0)
        rv = nng_socket_set_ms(end->socket, NNG_OPT_RECONNMINT, REDIAL_MIN_MS);
    if (rv == 0)
        rv = nng_socket_set_ms(end->socket, NNG_OPT_RECONNMAXT, REDIAL_MAX_MS);
    for (int what = NNG_PIPE_EV_ADD_PRE; rv == 0 && what <= NNG_PIPE_EV_REM_POST; what++)
        rv = nng_pipe_notify(end->socket, (nng_pipe_ev)what, pipe_changed, end);
    if (rv != 0)
        return error_of(rv);
    nng_recv_aio(end->socket, end->recv_aio);
    if (!end->dials)
        return socket_listen(end, url);
    return error_of(nng_dial(end->socket, url, NULL, NNG_FLAG_NONBLOCK));
}

static int generation_open(struct nng_end *end) {
    if (nng_aio_alloc(&end->recv_aio, received, end) != 0)
        return -ENOMEM;
    if (nng_aio_alloc(&end->send_aio, sent, end) != 0) {
        nng_aio_free(take_ptr(end->recv_aio));
        return -ENOMEM;
    }
    nng_aio_set_timeout(end->recv_aio, NNG_DURATION_INFINITE);
    nng_aio_set_timeout(end->send_aio, NNG_DURATION_INFINITE); /* bounded by NNG_END_QUEUE */
    int r = error_of(nng_pair0_open(&end->socket));
    if (r < 0) {
        nng_aio_free(take_ptr(end->recv_aio));
        nng_aio_free(take_ptr(end->send_aio));
        return r;
    }
    end->open = true;
    r = socket_start(end);
    if (r < 0)
        generation_close(end);
    return r;
}

static void generation_renew(struct nng_end *end);

static void retry_due(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct nng_end *end = ctx;
    if (generation_open(end) < 0)
        generation_renew(end);
}

/* A listener is back at once; a dialler that was turned away, or a failure, waits a little. */
static void generation_renew(struct nng_end *end) {
    bool failed = !end->open;
    generation_close(end);
    if (!end->dials && !failed && generation_open(end) == 0)
        return;
    if (end->up_since != 0 && clock_ms() - end->up_since > REDIAL_MAX_MS)
        end->attempt = 0;
    if (end->retry == NULL)
        end->retry = evtimer_new(end->base, retry_due, end);
    uint64_t delay = backoff_ms(end->attempt++, REDIAL_MIN_MS, REDIAL_MAX_MS);
    struct timeval wait = {(time_t)(delay / 1000), (suseconds_t)(delay % 1000 * 1000)};
    if (end->retry != NULL)
        (void)evtimer_add(end->retry, &wait);
}

static void report_up(struct nng_end *end) {
    (void)pthread_mutex_lock(&end->lock);
    bool came = end->came;
    end->came = false;
    pid_t pid = (pid_t)end->pid;
    uid_t uid = (uid_t)end->uid;
    (void)pthread_mutex_unlock(&end->lock);
    if (!came)
        return;
    end->up = true; /* before the call: it may send */
    end->up_since = clock_ms();
    if (end->unlink_after) {
        (void)unlink(end->path);
        end->spent = true;
    }
    bool welcome = end->ops->up(end->ctx, pid, uid);
    if (end->closed || welcome)
        return;
    end->up = false;
    if (end->spent)
        generation_close(end);
    else
        generation_renew(end);
}

/* Delivers at most MESSAGES_PER_RUN; true when there may be more. */
static bool report_messages(struct nng_end *end) {
    for (unsigned i = 0; i < MESSAGES_PER_RUN; i++) {
        if (end->closed || !end->up || end->dropped)
            return false;
        (void)pthread_mutex_lock(&end->lock);
        nng_msg *msg = items_take(&end->in, &end->in_bytes);
        bool resume = end->paused && end->in_bytes < IN_QUEUE / 2;
        if (resume)
            end->paused = false;
        (void)pthread_mutex_unlock(&end->lock);
        if (resume)
            nng_recv_aio(end->socket, end->recv_aio);
        if (msg == NULL)
            return false;
        end->ops->message(end->ctx, nng_msg_body(msg), nng_msg_len(msg));
        msg_wipe_free(msg);
    }
    return true;
}

static void report_down(struct nng_end *end) {
    (void)pthread_mutex_lock(&end->lock);
    bool went = end->went;
    bool last_words = end->up && !end->dropped && !STAILQ_EMPTY(&end->in);
    (void)pthread_mutex_unlock(&end->lock);
    if (!went)
        return;
    if (last_words) { /* came in between: first what the peer said */
        nng_hub_post(end->hub, &end->entry);
        return;
    }
    bool was_up = end->up;
    end->up = false;
    if (end->spent)
        generation_close(end);
    else
        generation_renew(end);
    if (was_up)
        end->ops->down(end->ctx);
}

static void end_free(struct nng_end *end) {
    if (end->retry != NULL)
        event_free(end->retry);
    if (end->hub != NULL)
        nng_hub_put(end->hub);
    (void)pthread_mutex_destroy(&end->lock);
    free(end->path);
    free(end);
}

static void end_run(struct nng_hub_entry *entry) {
    struct nng_end *end = (struct nng_end *)entry;
    end->running = true;
    report_up(end);
    bool more = report_messages(end);
    if (!end->closed && more)
        nng_hub_post(end->hub, &end->entry);
    else if (!end->closed)
        report_down(end);
    end->running = false;
    if (end->closed)
        end_free(end);
}

static int end_new(struct event_base *base, const char *path, const struct nng_end_ops *ops,
                   void *ctx, struct nng_end **ret) {
    struct nng_end *end = calloc(1, sizeof(*end));
    if (end == NULL)
        return -ENOMEM;
    (void)pthread_mutex_init(&end->lock, NULL);
    STAILQ_INIT(&end->in);
    STAILQ_INIT(&end->out);
    end->entry.run = end_run;
    end->base = base;
    end->ops = ops;
    end->ctx = ctx;
    end->path = strdup(path);
    int r = end->path == NULL ? -ENOMEM : nng_hub_get(base, &end->hub);
    if (r < 0) {
        end_free(end);
        return r;
    }
    *ret = end;
    return 0;
}

static int end_start(struct nng_end *end, struct nng_end **ret) {
    int r = generation_open(end);
    if (r < 0) {
        nng_end_close(end);
        return r;
    }
    *ret = end;
    return 0;
}

int nng_end_listen(struct event_base *base, const char *path, mode_t mode, bool unlink_after,
                   const struct nng_end_ops *ops, void *ctx, struct nng_end **ret) {
    struct nng_end *end;
    int r = end_new(base, path, ops, ctx, &end);
    if (r < 0)
        return r;
    end->mode = mode;
    end->unlink_after = unlink_after;
    return end_start(end, ret);
}

int nng_end_dial(struct event_base *base, const char *path, const struct nng_end_ops *ops,
                 void *ctx, struct nng_end **ret) {
    struct nng_end *end;
    int r = end_new(base, path, ops, ctx, &end);
    if (r < 0)
        return r;
    end->dials = true;
    return end_start(end, ret);
}

int nng_end_send(struct nng_end *end, const uint8_t *data, size_t len) {
    if (!end->up || end->dropped || end->closed)
        return -ENOTCONN;
    if (len > NNG_END_QUEUE)
        return -ENOBUFS;
    struct item *item = malloc(sizeof(*item));
    if (item == NULL || nng_msg_alloc(&item->msg, len) != 0) {
        free(item);
        return -ENOMEM;
    }
    memcpy(nng_msg_body(item->msg), data, len);
    (void)pthread_mutex_lock(&end->lock);
    bool full = end->out_bytes + len > NNG_END_QUEUE, start = !full && !end->sending;
    if (!full) {
        STAILQ_INSERT_TAIL(&end->out, item, link);
        end->out_bytes += len;
    }
    if (start)
        end->sending = true;
    (void)pthread_mutex_unlock(&end->lock);
    if (full) {
        msg_wipe_free(item->msg);
        free(item);
        return -ENOBUFS;
    }
    if (start)
        send_next(end);
    return 0;
}

void nng_end_drop(struct nng_end *end) {
    if (!end->up || end->dropped)
        return;
    end->dropped = true;
    (void)nng_pipe_close(end->pipe); /* its end is reported through report_down */
}

void nng_end_close(struct nng_end *end) {
    if (end == NULL || end->closed)
        return;
    end->closed = true;
    bool named = end->open && !end->spent && !end->dials;
    generation_close(end);
    nng_hub_cancel(end->hub, &end->entry);
    if (named)
        (void)unlink(end->path);
    if (!end->running)
        end_free(end);
}
