#include "business/pause.h"

#include "ipc/log.h"

static struct pause *waiting;
static bool stopped;

static void leave(struct pause *pause) {
    if (pause->previous == NULL)
        return;
    *pause->previous = pause->next;
    if (pause->next != NULL)
        pause->next->previous = pause->previous;
    pause->previous = NULL;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    struct pause *pause = ctx;
    (void)fd;
    (void)what;
    leave(pause);
    pause->over(pause->ctx);
}

void pause_init(struct pause *pause, struct event_base *base, void (*over)(void *ctx), void *ctx) {
    *pause = (struct pause){.over = over, .ctx = ctx};
    pause->timer = evtimer_new(base, on_timer, pause);
    if (pause->timer == NULL)
        fatal("out of memory");
}

void pause_end(struct pause *pause) {
    leave(pause);
    event_free(take_ptr(pause->timer));
}

bool pause_begin(struct pause *pause, uint64_t ms) {
    struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    if (stopped || evtimer_add(pause->timer, &wait) < 0)
        return false;
    pause->next = waiting;
    pause->previous = &waiting;
    if (waiting != NULL)
        waiting->previous = &pause->next;
    waiting = pause;
    return true;
}

void pauses_stop(void) {
    stopped = true;
    while (waiting != NULL) {
        struct pause *pause = waiting;
        leave(pause);
        (void)evtimer_del(pause->timer);
        pause->over(pause->ctx);
    }
}

void pauses_start(void) {
    stopped = false;
}
