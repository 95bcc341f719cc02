#include "ipc/nng_end.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "ipc/nng_link.h"

#define MESSAGES_PER_RUN 32
#define RETRY_MIN_MS     50
#define RETRY_MAX_MS     1000

struct nng_end {
    struct nng_hub_entry entry; /* first: end_run casts back */
    struct nng_hub *hub;
    struct event_base *base;
    struct event *retry; /* made when first needed */
    const struct nng_end_ops *ops;
    void *ctx;
    char *path;
    mode_t mode; /* 0: dials */
    uid_t only;
    bool unlink_after;

    struct nng_link *link; /* NULL: between two, or spent */
    bool up, dropped;
    bool spent; /* the only peer has come: no other follows */
    bool closed, running;
    unsigned attempt;
    uint64_t up_since;
};

static int link_open(struct nng_end *end) {
    struct stat st;
    if (end->mode != 0 && lstat(end->path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        unlink(end->path) < 0)
        return -errno;
    end->dropped = false;
    return nng_link_open(end->hub, &end->entry, end->path, end->mode, end->only, &end->link);
}

static void link_renew(struct nng_end *end);

static void retry_due(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct nng_end *end = ctx;
    if (link_open(end) < 0)
        link_renew(end);
}

/* A listener whose peer left is back at once; a dialler, or a listener that failed, waits a little.
 */
static void link_renew(struct nng_end *end) {
    bool at_once = end->mode != 0 && end->link != NULL && nng_link_connected(end->link);
    nng_link_close(take_ptr(end->link));
    if (end->spent || (at_once && link_open(end) == 0))
        return;
    if (end->up_since != 0 && clock_ms() - end->up_since > RETRY_MAX_MS)
        end->attempt = 0;
    end->up_since = 0;
    if (end->retry == NULL)
        end->retry = evtimer_new(end->base, retry_due, end);
    uint64_t delay = backoff_ms(end->attempt, RETRY_MIN_MS, RETRY_MAX_MS);
    if (end->attempt < 16)
        end->attempt++;
    struct timeval wait = {(time_t)(delay / 1000), (suseconds_t)(delay % 1000 * 1000)};
    if (end->retry != NULL)
        (void)evtimer_add(end->retry, &wait);
}

static void report_up(struct nng_end *end) {
    pid_t pid;
    uid_t uid;
    if (!nng_link_came(end->link, &pid, &uid))
        return;
    end->up = true; /* before the call: it may send */
    end->up_since = clock_ms();
    if (end->unlink_after || end->mode == 0)
        nng_link_unlisten(end->link);
    end->spent = end->unlink_after;
    bool welcome = end->ops->up(end->ctx, pid, uid);
    if (end->closed || welcome)
        return;
    end->up = false;
    link_renew(end);
}

/* Delivers at most MESSAGES_PER_RUN; true when there may be more. */
static bool report_messages(struct nng_end *end) {
    for (unsigned i = 0; i < MESSAGES_PER_RUN; i++) {
        if (end->closed || !end->up || end->dropped)
            return false;
        struct nng_item *item = nng_link_take(end->link);
        if (item == NULL)
            return false;
        end->ops->message(end->ctx, item->data, item->len);
        nng_item_free(item);
    }
    return true;
}

static void report_down(struct nng_end *end) {
    if (!end->dropped && !nng_link_went(end->link))
        return;
    if (end->up && !end->dropped && !nng_link_empty(end->link)) { /* first its last words */
        nng_hub_post(end->hub, &end->entry);
        return;
    }
    bool was_up = end->up;
    end->up = false;
    link_renew(end);
    if (was_up)
        end->ops->down(end->ctx);
}

static void end_free(struct nng_end *end) {
    if (end->retry != NULL)
        event_free(end->retry);
    if (end->hub != NULL)
        nng_hub_put(end->hub);
    free(end->path);
    free(end);
}

static void end_run(struct nng_hub_entry *entry) {
    struct nng_end *end = (struct nng_end *)entry;
    if (end->link == NULL)
        return;
    end->running = true;
    report_up(end);
    bool more = end->link != NULL && report_messages(end);
    if (!end->closed && more)
        nng_hub_post(end->hub, &end->entry);
    else if (!end->closed && end->link != NULL)
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
    end->entry.run = end_run;
    end->base = base;
    end->only = NNG_LINK_ANYBODY;
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
    int r = link_open(end);
    if (r < 0) {
        nng_end_close(end);
        return r;
    }
    *ret = end;
    return 0;
}

int nng_end_listen(struct event_base *base, const char *path, mode_t mode, bool unlink_after,
                   const struct nng_end_ops *ops, void *ctx, struct nng_end **ret) {
    return nng_end_listen_for(base, path, mode, unlink_after, NNG_LINK_ANYBODY, ops, ctx, ret);
}

int nng_end_listen_for(struct event_base *base, const char *path, mode_t mode, bool unlink_after,
                       uid_t only, const struct nng_end_ops *ops, void *ctx, struct nng_end **ret) {
    if ((mode & 07777) == 0)
        return -EINVAL;
    struct nng_end *end;
    int r = end_new(base, path, ops, ctx, &end);
    if (r < 0)
        return r;
    end->mode = mode & 07777;
    end->only = only;
    end->unlink_after = unlink_after;
    return end_start(end, ret);
}

int nng_end_dial(struct event_base *base, const char *path, const struct nng_end_ops *ops,
                 void *ctx, struct nng_end **ret) {
    struct nng_end *end;
    int r = end_new(base, path, ops, ctx, &end);
    return r < 0 ? r : end_start(end, ret);
}

int nng_end_send(struct nng_end *end, const uint8_t *data, size_t len) {
    if (!end->up || end->dropped || end->closed)
        return -ENOTCONN;
    return nng_link_send(end->link, data, len, NNG_END_QUEUE);
}

int nng_end_send_message(struct nng_end *end, Cloister__Message *message) {
    SCOPE_MSG_BYTES uint8_t *data = NULL;
    size_t len = 0;
    int r = msg_encode_new(message, &data, &len);
    return r < 0 ? r : nng_end_send(end, data, len);
}

void nng_end_drop(struct nng_end *end) {
    if (!end->up || end->dropped)
        return;
    end->dropped = true; /* ended and reported from the loop */
    nng_hub_post(end->hub, &end->entry);
}

void nng_end_close(struct nng_end *end) {
    if (end == NULL || end->closed)
        return;
    end->closed = true;
    nng_link_close(take_ptr(end->link));
    nng_hub_cancel(end->hub, &end->entry);
    if (!end->running)
        end_free(end);
}
