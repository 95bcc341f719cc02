/* Busy times of an owner's calendar. Who asks for the same days within a moment waits for the same
 * answer: a hundred who lost a race for one slot are told of the next free ones by one look. */
#include <stdio.h>
#include <string.h>

#include "business/cells.h"
#include "business/pause.h"
#include "business/saga.h"
#include "business/slots.h"
#include "ipc/log.h"

#define DAY_S     86400
#define SHARED_MS 1000u /* a look that began longer ago is not fresh enough for who asks now */
#define PAUSE_MS  150u
#define TRIES     6u

struct waiter {
    struct waiter *next;
    calendar_done *done;
    void *ctx;
};

struct look {
    struct look *next;
    struct business_server *server;
    char owner[ID_LEN + 1];
    int64_t from, until;
    uint64_t began_ms, deadline_ms;
    unsigned tries;
    struct pause pause;
    struct waiter *waiters;
};

static struct look *looks; /* under way; one loop, one thread */

static void look_end(struct look *look, const struct span *spans, size_t n, const char *account,
                     const char *code) {
    struct look **at = &looks;
    while (*at != look)
        at = &(*at)->next;
    *at = look->next;
    while (look->waiters != NULL) {
        struct waiter *waiter = look->waiters;
        look->waiters = waiter->next;
        waiter->done(waiter->ctx, spans, n, account, code);
        free(waiter);
    }
    pause_end(&look->pause);
    free(look);
}

static void on_busy(void *ctx, const Cloister__CellResult *result) {
    struct look *look = ctx;
    if (*result->code == '\0' && result->done != NULL) {
        size_t n = result->done->n_busy;
        SCOPE_FREE struct span *spans = calloc(n + 1, sizeof(*spans));
        for (size_t i = 0; spans != NULL && i < n; i++)
            spans[i] = (struct span){result->done->busy[i]->start, result->done->busy[i]->end};
        char account[ACCOUNT_TEXT];
        saga_account(result, account);
        saga_well(look->server, look->owner, account, false);
        look_end(look, spans, spans != NULL ? n : 0, account, spans != NULL ? "" : "internal");
        return;
    }
    uint64_t pause = backoff_ms(look->tries++, PAUSE_MS, 1000);
    bool said_no = saga_trouble(result->code) != NULL; /* to a cell that has tried more than once */
    if (result->retryable && !said_no && look->tries < TRIES &&
        clock_ms() + 2 * pause < look->deadline_ms && pause_begin(&look->pause, pause))
        return;
    look_end(look, NULL, 0, "", *result->code != '\0' ? result->code : "internal");
}

static void look_ask(struct look *look) {
    uint64_t now = clock_ms();
    Cloister__FrontEvent event = CLOISTER__FRONT_EVENT__INIT;
    event.start = look->from;
    event.end = look->until;
    Cloister__FrontStep step = CLOISTER__FRONT_STEP__INIT;
    step.kind = CLOISTER__FRONT_KIND__FRONT_BUSY;
    step.event = &event;
    (void)cells_step(look->server->cells, look->owner, &step,
                     look->deadline_ms > now ? look->deadline_ms - now : 1, on_busy, look);
}

static void on_pause_over(void *ctx) {
    look_ask(ctx);
}

static struct look *look_shared(const char *owner, int64_t from, int64_t until) {
    for (struct look *look = looks; look != NULL; look = look->next)
        if (look->from == from && look->until == until && strcmp(look->owner, owner) == 0 &&
            clock_ms() - look->began_ms < SHARED_MS)
            return look;
    return NULL;
}

static struct look *look_new(struct business_server *server, const char *owner, int64_t from,
                             int64_t until, uint64_t deadline_ms) {
    struct look *look = calloc(1, sizeof(*look));
    if (look == NULL)
        fatal("out of memory");
    *look = (struct look){.next = looks,
                          .server = server,
                          .from = from,
                          .until = until,
                          .began_ms = clock_ms(),
                          .deadline_ms = deadline_ms};
    pause_init(&look->pause, server->base, on_pause_over, look);
    (void)snprintf(look->owner, sizeof(look->owner), "%s", owner);
    looks = look;
    return look;
}

void slots_calendar(struct business_server *server, const char *owner, int64_t from, int64_t until,
                    uint64_t deadline_ms, calendar_done *done, void *ctx) {
    struct waiter *waiter = malloc(sizeof(*waiter));
    if (waiter == NULL)
        fatal("out of memory");
    /* Whole days, so that those who look for the same find each other. */
    from -= (from % DAY_S + DAY_S) % DAY_S;
    until += (DAY_S - until % DAY_S) % DAY_S;
    struct look *look = look_shared(owner, from, until);
    bool fresh = look == NULL;
    if (fresh)
        look = look_new(server, owner, from, until, deadline_ms);
    *waiter = (struct waiter){look->waiters, done, ctx};
    look->waiters = waiter;
    if (fresh)
        look_ask(look);
}
