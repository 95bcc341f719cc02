/* Waiting a little before something is tried again, until the program ends: then nobody waits any
 * more, and whoever did ends what it was about. One loop, one thread. */
#ifndef CLOISTER_BUSINESS_PAUSE_H
#define CLOISTER_BUSINESS_PAUSE_H

#include <event2/event.h>

#include "ipc/base.h"

struct pause {
    struct pause *next, **previous; /* of those that wait */
    struct event *timer;
    void (*over)(void *ctx);
    void *ctx;
};

/* Fatal without memory. `pause` lies in what `ctx` is; end it before that goes. */
void pause_init(struct pause *pause, struct event_base *base, void (*over)(void *ctx), void *ctx);
void pause_end(struct pause *pause);
/* `over` is called after `ms`, never from inside. False: the program ends, do not try again. */
bool pause_begin(struct pause *pause, uint64_t ms) MUST_CHECK;

/* The program ends: those who wait go on at once, and none waits from now on. */
void pauses_stop(void);
/* For a program that begins anew in this process: tests. */
void pauses_start(void);

#endif
