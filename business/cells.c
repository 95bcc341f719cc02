#include "business/cells.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "ipc/log.h"

#define WAITING_MAX 1024
#define MARGIN_MS   250 /* cloisterd gives up a little before we do, and says why */

struct waiting {
    TAILQ_ENTRY(waiting) link;
    struct cells *cells;
    struct event *timer;
    uint64_t number;
    bool sent, writes;
    cell_done *done;
    void *ctx;
};

struct cells {
    struct event_base *base;
    cells_send *send;
    void *ctx;
    bool up;
    uint64_t last;
    unsigned n;
    TAILQ_HEAD(, waiting) waiting;
};

static void waiting_free(struct waiting *waiting) {
    TAILQ_REMOVE(&waiting->cells->waiting, waiting, link);
    waiting->cells->n--;
    event_free(waiting->timer);
    free(waiting);
}

/* The question is gone before the callback runs, which may ask anew. */
static void end(struct waiting *waiting, const Cloister__CellResult *result) {
    cell_done *done = waiting->done;
    void *ctx = waiting->ctx;
    waiting_free(waiting);
    done(ctx, result);
}

static void end_unanswered(struct waiting *waiting) {
    Cloister__CellResult result = CLOISTER__CELL_RESULT__INIT;
    result.request = waiting->number;
    result.code = waiting->sent ? "no_answer" : "business_unavailable";
    result.detail = waiting->sent ? "The calendar did not answer in time."
                                  : "The calendar cannot be reached at the moment.";
    result.retryable = true;
    result.unknown_writes = waiting->sent && waiting->writes;
    end(waiting, &result);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    end_unanswered(ctx);
}

static struct waiting *waiting_new(struct cells *cells, uint64_t timeout_ms, bool writes,
                                   cell_done *done, void *ctx) {
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL)
        fatal("out of memory");
    waiting->cells = cells;
    waiting->number = ++cells->last;
    waiting->writes = writes;
    waiting->done = done;
    waiting->ctx = ctx;
    waiting->timer = evtimer_new(cells->base, on_timer, waiting);
    struct timeval after = {(time_t)(timeout_ms / 1000), (suseconds_t)(timeout_ms % 1000 * 1000)};
    if (waiting->timer == NULL || event_add(waiting->timer, &after) < 0)
        fatal("out of memory");
    TAILQ_INSERT_TAIL(&cells->waiting, waiting, link);
    cells->n++;
    return waiting;
}

/* What cannot be sent ends at the next turn of the loop. */
static uint64_t ask(struct cells *cells, Cloister__CellCall *call, bool writes, cell_done *done,
                    void *ctx) {
    uint64_t timeout_ms = call->timeout_ms;
    bool room = cells->up && cells->n < WAITING_MAX;
    struct waiting *waiting = waiting_new(cells, timeout_ms, writes, done, ctx);
    Cloister__Message message = MSG_OF(CELL_CALL, cell_call, call);
    call->request = waiting->number;
    call->timeout_ms = timeout_ms > 2 * MARGIN_MS ? timeout_ms - MARGIN_MS : timeout_ms;
    waiting->sent = room && cells->send(cells->ctx, &message) == 0;
    if (!waiting->sent)
        event_active(waiting->timer, EV_TIMEOUT, 1);
    return waiting->number;
}

static bool step_writes(Cloister__FrontKind kind) {
    switch (kind) {
    case CLOISTER__FRONT_KIND__FRONT_BOOK:
    case CLOISTER__FRONT_KIND__FRONT_MOVE:
    case CLOISTER__FRONT_KIND__FRONT_REMOVE:
        return true;
    case CLOISTER__FRONT_KIND__FRONT_BUSY:
    case CLOISTER__FRONT_KIND__FRONT_LOOK:
    case _CLOISTER__FRONT_KIND_IS_INT_SIZE:
        break;
    }
    return false;
}

uint64_t cells_step(struct cells *cells, const char *user, const Cloister__FrontStep *step,
                    uint64_t timeout_ms, cell_done *done, void *ctx) {
    Cloister__CellCall call = CLOISTER__CELL_CALL__INIT;
    call.user = (char *)user;
    call.step = (Cloister__FrontStep *)step;
    call.timeout_ms = timeout_ms;
    return ask(cells, &call, step_writes(step->kind), done, ctx);
}

uint64_t cells_answer(struct cells *cells, const char *user, const Cloister__CellAnswer *answer,
                      uint64_t timeout_ms, cell_done *done, void *ctx) {
    Cloister__CellCall call = CLOISTER__CELL_CALL__INIT;
    call.user = (char *)user;
    call.answer = (Cloister__CellAnswer *)answer;
    call.timeout_ms = timeout_ms;
    return ask(cells, &call, false, done, ctx);
}

static struct waiting *find(struct cells *cells, uint64_t number) {
    struct waiting *waiting;
    TAILQ_FOREACH(waiting, &cells->waiting, link)
    if (waiting->number == number)
        return waiting;
    return NULL;
}

bool cells_up(const struct cells *cells) {
    return cells->up;
}

void cells_result(struct cells *cells, const Cloister__CellResult *result) {
    struct waiting *waiting = find(cells, result->request);
    if (waiting != NULL) /* else it came too late */
        end(waiting, result);
}

void cells_link_up(struct cells *cells) {
    cells->up = true;
}

/* Only those that wait now: callbacks may ask anew. */
void cells_link_down(struct cells *cells) {
    cells->up = false;
    for (unsigned left = cells->n; left > 0 && !TAILQ_EMPTY(&cells->waiting); left--)
        end_unanswered(TAILQ_FIRST(&cells->waiting));
}

int cells_new(struct event_base *base, cells_send *send, void *ctx, struct cells **ret) {
    struct cells *cells = calloc(1, sizeof(*cells));
    if (cells == NULL)
        return -ENOMEM;
    cells->base = base;
    cells->send = send;
    cells->ctx = ctx;
    TAILQ_INIT(&cells->waiting);
    *ret = cells;
    return 0;
}

void cells_free(struct cells *cells) {
    if (cells == NULL)
        return;
    cells_link_down(cells);
    while (!TAILQ_EMPTY(&cells->waiting)) /* asked by callbacks just now, and not again */
        end_unanswered(TAILQ_FIRST(&cells->waiting));
    free(cells);
}
