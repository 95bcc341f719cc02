#include "supervisor/egress/pool.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define READY_TARGET 2u
#define READY_MAX_MS 20000u /* age at which a ready socket is replaced */
#define LATELY_MS    60000u /* a destination unused for longer gets no new ones */
#define WORTH_US     1000u  /* round trip from which keeping sockets ready pays */
#define UNDER_WAY    4096u  /* connection attempts at once, for all destinations together */

struct slot;

struct ready {
    struct ready *next; /* oldest first */
    struct slot *slot;
    int fd;
    uint64_t since;
    struct event *event; /* readable: the server closed, or speaks unasked */
};

struct pool_request {
    struct pool_request *next; /* oldest first */
    struct slot *slot;
    struct attempt *attempt;
    attempt_fn done; /* NULL: for the store */
    void *ctx;
};

struct slot {
    struct pool *pool;
    const struct destination *d;
    bool worth;
    unsigned failures;
    uint64_t used, refill_from;
    struct ready *ready;
    struct pool_request *requests;
};

struct pool {
    struct event_base *base;
    struct resolver *resolver;
    struct event *tick;
    size_t under_way, count;
    struct slot slots[];
};

static void ready_drop(struct ready *ready) {
    for (struct ready **at = &ready->slot->ready; *at != NULL; at = &(*at)->next)
        if (*at == ready) {
            *at = ready->next;
            break;
        }
    event_free(ready->event);
    if (ready->fd >= 0)
        (void)close(ready->fd);
    free(ready);
}

static void on_ready_broken(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    ready_drop(ctx);
}

static void ready_add(struct slot *slot, int fd) {
    struct ready *ready = calloc(1, sizeof(*ready));
    if (ready != NULL)
        ready->event = event_new(slot->pool->base, fd, EV_READ, on_ready_broken, ready);
    if (ready == NULL || ready->event == NULL || event_add(ready->event, NULL) < 0) {
        if (ready != NULL && ready->event != NULL)
            event_free(ready->event);
        free(ready);
        (void)close(fd);
        return;
    }
    ready->slot = slot;
    ready->fd = fd;
    ready->since = clock_ms();
    struct ready **at = &slot->ready;
    while (*at != NULL)
        at = &(*at)->next;
    *at = ready;
    const struct timeval second = {1, 0};
    if (!evtimer_pending(slot->pool->tick, NULL))
        (void)evtimer_add(slot->pool->tick, &second);
}

/* The kernel measured the handshake: is a round trip worth saving? */
static void judge(struct slot *slot, int fd) {
    struct tcp_info info;
    socklen_t len = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
        slot->worth = !slot->d->speaks_first && info.tcpi_rtt >= WORTH_US;
}

static void on_attempt(void *ctx, int fd, int error) {
    struct pool_request request = *(struct pool_request *)ctx;
    struct slot *slot = request.slot;
    for (struct pool_request **at = &slot->requests; *at != NULL; at = &(*at)->next)
        if (*at == ctx) {
            *at = request.next;
            break;
        }
    free(ctx);
    slot->pool->under_way--;
    if (error == 0) {
        slot->failures = 0;
        judge(slot, fd);
    } else {
        slot->refill_from = clock_ms() + backoff_ms(slot->failures++, 500, 30000);
    }
    if (request.done != NULL)
        request.done(request.ctx, fd, error);
    else if (error == 0 && slot->worth)
        ready_add(slot, fd);
    else if (fd >= 0)
        (void)close(fd);
}

static struct pool_request *request_start(struct slot *slot, attempt_fn done, void *ctx) {
    if (slot->pool->under_way >= UNDER_WAY)
        return NULL;
    struct pool_request *request = calloc(1, sizeof(*request));
    if (request == NULL)
        return NULL;
    *request = (struct pool_request){.slot = slot, .done = done, .ctx = ctx};
    request->attempt =
        attempt_start(slot->pool->base, slot->pool->resolver, slot->d, on_attempt, request);
    if (request->attempt == NULL) {
        free(request);
        return NULL;
    }
    slot->pool->under_way++;
    struct pool_request **at = &slot->requests;
    while (*at != NULL)
        at = &(*at)->next;
    *at = request;
    return request;
}

static void refill(struct slot *slot) {
    unsigned have = 0;
    uint64_t now = clock_ms();
    if (!slot->worth || now - slot->used > LATELY_MS || now < slot->refill_from)
        return;
    for (struct ready *r = slot->ready; r != NULL; r = r->next)
        have++;
    for (struct pool_request *r = slot->requests; r != NULL; r = r->next)
        have += r->done == NULL;
    for (; have < READY_TARGET; have++)
        if (request_start(slot, NULL, NULL) == NULL)
            return;
}

static bool open_and_silent(int fd) {
    uint8_t byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

int pool_take(struct pool *pool, const struct destination *d) {
    struct slot *slot = &pool->slots[d->index];
    int fd = -1;
    slot->used = clock_ms();
    while (fd < 0 && slot->ready != NULL) {
        struct ready *first = slot->ready;
        if (open_and_silent(first->fd) && slot->used - first->since < READY_MAX_MS)
            fd = take_fd(&first->fd);
        ready_drop(first);
    }
    if (fd >= 0)
        refill(slot);
    return fd;
}

struct pool_request *pool_request_new(struct pool *pool, const struct destination *d,
                                      attempt_fn done, void *ctx) {
    struct slot *slot = &pool->slots[d->index];
    struct pool_request *request = slot->requests;
    slot->used = clock_ms();
    while (request != NULL && request->done != NULL)
        request = request->next;
    if (request == NULL) {
        request = request_start(slot, done, ctx);
    } else {
        request->done = done;
        request->ctx = ctx;
    }
    refill(slot);
    return request;
}

void pool_request_cancel(struct pool_request *request) {
    if (request != NULL)
        request->done = NULL;
}

/* Every second while sockets are ready: the old ones go, and come back where they are still wanted.
 */
static void on_tick(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct pool *pool = ctx;
    uint64_t now = clock_ms();
    bool any = false;
    for (size_t i = 0; i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];
        while (slot->ready != NULL && now - slot->ready->since >= READY_MAX_MS)
            ready_drop(slot->ready);
        refill(slot);
        any = any || slot->ready != NULL || (slot->worth && now - slot->used <= LATELY_MS);
    }
    const struct timeval second = {1, 0};
    if (any)
        (void)evtimer_add(pool->tick, &second);
}

int pool_new(struct event_base *base, struct resolver *resolver, const struct allow *allow,
             struct pool **ret) {
    const size_t count = allow_places(allow);
    struct pool *pool = calloc(1, sizeof(*pool) + count * sizeof(struct slot));
    if (pool == NULL)
        return -ENOMEM;
    pool->base = base;
    pool->resolver = resolver;
    pool->count = count;
    for (size_t i = 0; i < count; i++)
        pool->slots[i] = (struct slot){.pool = pool, .d = allow_at(allow, i)};
    pool->tick = evtimer_new(base, on_tick, pool);
    if (pool->tick == NULL) {
        free(pool);
        return -ENOMEM;
    }
    *ret = pool;
    return 0;
}

void pool_free(struct pool *pool) {
    if (pool == NULL)
        return;
    for (size_t i = 0; i < pool->count; i++) {
        struct slot *slot = &pool->slots[i];
        while (slot->ready != NULL)
            ready_drop(slot->ready);
        while (slot->requests != NULL) {
            struct pool_request *first = slot->requests;
            slot->requests = first->next;
            attempt_cancel(first->attempt);
            free(first);
        }
    }
    event_free(pool->tick);
    free(pool);
}
