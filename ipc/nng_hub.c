#include "ipc/nng_hub.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

/* Entries run per wake-up before the loop's other events get their turn. */
#define RUNS_PER_WAKE 256

struct nng_hub {
    TAILQ_ENTRY(nng_hub) link;
    TAILQ_HEAD(, nng_hub_entry) ready; /* under lock */
    pthread_mutex_t lock;
    struct event_base *base;
    struct event *event;
    unsigned refs;
    int wake_fd;
    bool running;
};

/* Loops of this process that have endpoints: one, in the programs there are. */
static TAILQ_HEAD(, nng_hub) hubs = TAILQ_HEAD_INITIALIZER(hubs);
static pthread_mutex_t hubs_lock = PTHREAD_MUTEX_INITIALIZER;

static void hub_wake(struct nng_hub *hub) {
    uint64_t one = 1;
    (void)!write(hub->wake_fd, &one, sizeof(one)); /* full counter: it is awake already */
}

static void hub_free(struct nng_hub *hub) {
    (void)pthread_mutex_lock(&hubs_lock);
    TAILQ_REMOVE(&hubs, hub, link);
    (void)pthread_mutex_unlock(&hubs_lock);
    if (hub->event != NULL)
        event_free(hub->event);
    if (hub->wake_fd >= 0)
        (void)close(hub->wake_fd);
    (void)pthread_mutex_destroy(&hub->lock);
    free(hub);
}

static struct nng_hub_entry *hub_next(struct nng_hub *hub) {
    (void)pthread_mutex_lock(&hub->lock);
    struct nng_hub_entry *entry = TAILQ_FIRST(&hub->ready);
    if (entry != NULL) {
        TAILQ_REMOVE(&hub->ready, entry, link);
        entry->queued = false;
    }
    (void)pthread_mutex_unlock(&hub->lock);
    return entry;
}

static void hub_run(evutil_socket_t fd, short what, void *ctx) {
    struct nng_hub *hub = ctx;
    (void)what;
    uint64_t count;
    (void)!read(fd, &count, sizeof(count));
    hub->running = true;
    for (unsigned i = 0; i < RUNS_PER_WAKE; i++) {
        struct nng_hub_entry *entry = hub_next(hub);
        if (entry == NULL)
            break;
        entry->run(entry);
    }
    hub->running = false;
    if (hub->refs == 0) {
        hub_free(hub);
        return;
    }
    (void)pthread_mutex_lock(&hub->lock);
    if (!TAILQ_EMPTY(&hub->ready))
        hub_wake(hub);
    (void)pthread_mutex_unlock(&hub->lock);
}

static struct nng_hub *hub_find(struct event_base *base) {
    struct nng_hub *hub;
    (void)pthread_mutex_lock(&hubs_lock);
    TAILQ_FOREACH(hub, &hubs, link)
    if (hub->base == base)
        break;
    (void)pthread_mutex_unlock(&hubs_lock);
    return hub;
}

int nng_hub_get(struct event_base *base, struct nng_hub **ret) {
    struct nng_hub *hub = hub_find(base);
    if (hub != NULL) {
        hub->refs++;
        *ret = hub;
        return 0;
    }
    hub = calloc(1, sizeof(*hub));
    if (hub == NULL)
        return -ENOMEM;
    TAILQ_INIT(&hub->ready);
    (void)pthread_mutex_init(&hub->lock, NULL);
    hub->base = base;
    hub->refs = 1;
    (void)pthread_mutex_lock(&hubs_lock);
    TAILQ_INSERT_TAIL(&hubs, hub, link);
    (void)pthread_mutex_unlock(&hubs_lock);
    hub->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = hub->wake_fd < 0 ? -errno : 0;
    if (r == 0) {
        hub->event = event_new(base, hub->wake_fd, EV_READ | EV_PERSIST, hub_run, hub);
        if (hub->event == NULL || event_add(hub->event, NULL) < 0)
            r = -ENOMEM;
    }
    if (r < 0) {
        hub_free(hub);
        return r;
    }
    *ret = hub;
    return 0;
}

void nng_hub_put(struct nng_hub *hub) {
    if (--hub->refs == 0 && !hub->running)
        hub_free(hub);
}

void nng_hub_post(struct nng_hub *hub, struct nng_hub_entry *entry) {
    (void)pthread_mutex_lock(&hub->lock);
    if (!entry->queued) {
        bool first = TAILQ_EMPTY(&hub->ready);
        TAILQ_INSERT_TAIL(&hub->ready, entry, link);
        entry->queued = true;
        if (first)
            hub_wake(hub);
    }
    (void)pthread_mutex_unlock(&hub->lock);
}

void nng_hub_cancel(struct nng_hub *hub, struct nng_hub_entry *entry) {
    (void)pthread_mutex_lock(&hub->lock);
    if (entry->queued) {
        TAILQ_REMOVE(&hub->ready, entry, link);
        entry->queued = false;
    }
    (void)pthread_mutex_unlock(&hub->lock);
}
