#include "supervisor/egress/attempt.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "supervisor/egress/address.h"

#define ADDRESS_MS 3000
#define TOTAL_MS   10000u

struct attempt {
    struct event_base *base;
    struct resolver *resolver;
    const struct destination *d;
    attempt_fn done;
    void *ctx;
    uint64_t deadline;
    struct address_list list;
    size_t next;
    int error; /* what to report when no address is left */
    int fd;
    struct event *timer, *socket;
    struct lookup *lookup;
};

void attempt_cancel(struct attempt *attempt) {
    if (attempt == NULL)
        return;
    lookup_cancel(attempt->lookup);
    if (attempt->socket != NULL)
        event_free(attempt->socket);
    if (attempt->timer != NULL)
        event_free(attempt->timer);
    if (attempt->fd >= 0)
        (void)close(attempt->fd);
    free(attempt);
}

static void attempt_end(struct attempt *attempt, int error) {
    attempt_fn done = attempt->done;
    void *ctx = attempt->ctx;
    int fd = error == 0 ? take_fd(&attempt->fd) : -1;
    attempt_cancel(attempt);
    done(ctx, fd, error);
}

static void try_next(struct attempt *attempt);

static void drop_socket(struct attempt *attempt, int error) {
    attempt->error = error;
    if (attempt->socket != NULL)
        event_free(take_ptr(attempt->socket));
    if (attempt->fd >= 0)
        (void)close(take_fd(&attempt->fd));
}

static void on_socket(evutil_socket_t fd, short what, void *ctx) {
    struct attempt *attempt = ctx;
    int error = 0;
    socklen_t len = sizeof(error);
    if ((what & EV_TIMEOUT) != 0)
        error = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0) {
        attempt_end(attempt, 0);
        return;
    }
    drop_socket(attempt, error);
    try_next(attempt);
}

/* Begins to connect to one address. 0 or a positive errno. */
static int begin(struct attempt *attempt, const union address *address) {
    union address to = *address;
    if (to.any.sa_family == AF_INET)
        to.v4.sin_port = htons(attempt->d->port);
    else
        to.v6.sin6_port = htons(attempt->d->port);
    attempt->fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (attempt->fd < 0)
        return errno;
    int on = 1;
    (void)setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(attempt->fd, &to.any, (socklen_t)address_size(&to)) < 0 && errno != EINPROGRESS)
        return errno;
    attempt->socket = event_new(attempt->base, attempt->fd, EV_WRITE, on_socket, attempt);
    const struct timeval limit = {ADDRESS_MS / 1000, ADDRESS_MS % 1000 * 1000};
    return attempt->socket == NULL || event_add(attempt->socket, &limit) < 0 ? ENOMEM : 0;
}

static void try_next(struct attempt *attempt) {
    while (attempt->next < attempt->list.n) {
        const union address *address = &attempt->list.at[attempt->next++];
        if (!attempt->d->may_private && !address_public(&address->any)) {
            attempt->error = attempt->error == 0 ? EACCES : attempt->error;
            continue;
        }
        int error = begin(attempt, address);
        if (error == 0)
            return;
        drop_socket(attempt, error);
    }
    attempt_end(attempt, attempt->error == 0 ? ENOENT : attempt->error);
}

static void set_timer(struct attempt *attempt, uint64_t ms) {
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(attempt->timer, &wait);
}

static void on_resolved(void *ctx, const struct address_list *addresses) {
    struct attempt *attempt = ctx;
    attempt->lookup = NULL;
    if (addresses != NULL)
        attempt->list = *addresses;
    try_next(attempt);
}

static void attempt_begin(struct attempt *attempt) {
    attempt->deadline = clock_ms() + TOTAL_MS;
    set_timer(attempt, TOTAL_MS);
    if (resolver_known(attempt->resolver, attempt->d, &attempt->list)) {
        try_next(attempt);
        return;
    }
    attempt->lookup = resolver_ask(attempt->resolver, attempt->d, on_resolved, attempt);
    if (attempt->lookup == NULL)
        attempt_end(attempt, ENOENT);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct attempt *attempt = ctx;
    if (attempt->deadline == 0)
        attempt_begin(attempt);
    else
        attempt_end(attempt, ETIMEDOUT);
}

struct attempt *attempt_start(struct event_base *base, struct resolver *resolver,
                              const struct destination *d, attempt_fn done, void *ctx) {
    struct attempt *attempt = calloc(1, sizeof(*attempt));
    if (attempt == NULL)
        return NULL;
    *attempt =
        (struct attempt){.base = base, .resolver = resolver, .d = d, .done = done, .ctx = ctx};
    attempt->fd = -1;
    attempt->timer = evtimer_new(base, on_timer, attempt);
    if (attempt->timer == NULL) {
        attempt_cancel(attempt);
        return NULL;
    }
    event_active(attempt->timer, EV_TIMEOUT,
                 0); /* from the loop, so that `done` never comes early */
    return attempt;
}
