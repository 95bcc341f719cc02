#include "business/together.h"

#include <errno.h>
#include <string.h>

#include "ipc/log.h"
#include "memory/pg_array.h"

#define TOGETHER_MAX 32   /* in one statement */
#define FLYING_MAX   3    /* of one kind; the pool's other connection is for others */
#define SLOW_MS      100u /* on their way for longer: what waits does not wait for them */
#define WAITING_MAX  4096
#define WAIT_MS      5000u /* then a question is given up, as the pool does */

struct together_ask {
    TAILQ_ENTRY(together_ask) next;
    uint64_t until_ms;
    bool alone;
    together_done *done;
    void *ctx;
    struct pg_param params[]; /* their bytes lie behind the array, each with a NUL */
};

struct flight {
    struct business_server *server;
    struct together *kind;
    unsigned n;
    struct together_ask *asks[TOGETHER_MAX];
};

/* One loop, one thread. */
static SLIST_HEAD(, together) kinds = SLIST_HEAD_INITIALIZER(kinds);
static struct event *pump, *slow;
static bool open; /* between start and stop; else nobody waits for others */

static void ask_end(struct together_ask *ask, int error, const struct pg_rows *rows, unsigned first,
                    unsigned n) {
    ask->done(ask->ctx, error, rows, first, n);
    free(ask);
}

static void wake(void) {
    if (open)
        event_active(pump, EV_TIMEOUT, 0);
}

static void enqueue(struct together *kind, struct together_ask *ask, bool first) {
    if (first)
        TAILQ_INSERT_HEAD(&kind->waiting, ask, next);
    else
        TAILQ_INSERT_TAIL(&kind->waiting, ask, next);
    kind->n_waiting++;
}

static struct together_ask *dequeue(struct together *kind) {
    struct together_ask *ask = TAILQ_FIRST(&kind->waiting);
    TAILQ_REMOVE(&kind->waiting, ask, next);
    kind->n_waiting--;
    return ask;
}

/* ---- coming back ---- */

static void deliver(const struct flight *flight, const struct pg_rows *rows) {
    unsigned row = 0, count = pg_count(rows);
    for (unsigned i = 0; i < flight->n; i++) {
        unsigned first = row;
        while (row < count && pg_int(rows, row, 0) == (int64_t)i + 1)
            row++;
        ask_end(flight->asks[i], 0, rows, first, row - first);
    }
}

/* Was it one of them? A statement that changes something and whose end is not known is its askers'
 * to send again: they know what a second one means. */
static bool asks_again(const struct flight *flight, int error) {
    return flight->n > 1 && open && (error != -EAGAIN || flight->kind->reads);
}

static void on_landed(void *ctx, int error, const struct pg_rows *rows) {
    struct flight *flight = ctx;
    flight->kind->flying--;
    if (error == 0) {
        deliver(flight, rows);
    } else if (asks_again(flight, error)) {
        for (unsigned i = flight->n; i-- > 0;) {
            flight->asks[i]->alone = true;
            enqueue(flight->kind, flight->asks[i], true);
        }
    } else {
        for (unsigned i = 0; i < flight->n; i++)
            ask_end(flight->asks[i], error, NULL, 0, 0);
    }
    free(flight);
    wake();
}

/* ---- leaving ---- */

struct column {
    const struct flight *flight;
    unsigned param;
};

static struct pg_param value_of(const void *ctx, unsigned i) {
    const struct column *column = ctx;
    return column->flight->asks[i]->params[column->param];
}

static enum pg_array_type type_of(char letter) {
    return letter == 'b' ? PG_ARRAY_BYTEA : letter == 'i' ? PG_ARRAY_BIGINT : PG_ARRAY_TEXT;
}

static void take_off(struct flight *flight) {
    static const struct timeval late = {0, SLOW_MS * 1000};
    struct pg_param params[TOGETHER_PARAMS];
    struct together *kind = flight->kind;
    unsigned n = 0;
    int r = 0;
    for (; kind->types[n] != '\0' && r == 0; n += r == 0)
        r = pg_array(type_of(kind->types[n]), flight->n, value_of, &(struct column){flight, n},
                     &params[n]);
    if (r == -ENOMEM)
        fatal("out of memory");
    kind->flying++;
    kind->left_ms = clock_ms();
    if (r == 0)
        business_query(flight->server, kind->sql, params, n, on_landed, flight);
    else
        pg_refuse(flight->server->pg, on_landed, flight);
    for (unsigned i = 0; i < n; i++)
        free((void *)(uintptr_t)params[i].data);
    if (open)
        (void)evtimer_add(slow, &late);
}

static bool may_leave(const struct together *kind) {
    return kind->n_waiting > 0 && (kind->flying == 0 || (kind->flying < FLYING_MAX &&
                                                         clock_ms() >= kind->left_ms + SLOW_MS));
}

static void board(struct business_server *server, struct together *kind) {
    struct flight *flight = calloc(1, sizeof(*flight));
    if (flight == NULL)
        fatal("out of memory");
    *flight = (struct flight){.server = server, .kind = kind};
    uint64_t now = clock_ms();
    while (flight->n < TOGETHER_MAX && kind->n_waiting > 0) {
        if (TAILQ_FIRST(&kind->waiting)->alone && flight->n > 0)
            break;
        struct together_ask *ask = dequeue(kind);
        if (ask->until_ms < now) {
            ask_end(ask, -EAGAIN, NULL, 0, 0);
            continue;
        }
        flight->asks[flight->n++] = ask;
        if (ask->alone)
            break;
    }
    if (flight->n > 0)
        take_off(flight);
    else
        free(flight);
}

static void on_pump(evutil_socket_t fd, short what, void *ctx) {
    struct together *kind;
    (void)fd;
    (void)what;
    SLIST_FOREACH(kind, &kinds, known)
    while (may_leave(kind))
        board(ctx, kind);
}

/* ---- asking ---- */

static struct together_ask *ask_new(const struct together *kind, const struct pg_param *params) {
    size_t n = strlen(kind->types), size = sizeof(struct together_ask) + n * sizeof(*params);
    for (size_t i = 0; i < n; i++)
        size += params[i].len + 1;
    struct together_ask *ask = calloc(1, size);
    if (ask == NULL)
        fatal("out of memory");
    uint8_t *at = (uint8_t *)&ask->params[n];
    for (size_t i = 0; i < n; i++) {
        ask->params[i] = params[i];
        if (params[i].data == NULL)
            continue;
        ask->params[i].data = at;
        at = (uint8_t *)mempcpy(at, params[i].data, params[i].len) + 1;
    }
    return ask;
}

static void list(struct together *kind) {
    if (kind->listed)
        return;
    TAILQ_INIT(&kind->waiting);
    SLIST_INSERT_HEAD(&kinds, kind, known);
    kind->listed = true;
}

void together_ask(struct business_server *server, struct together *kind,
                  const struct pg_param *params, bool alone, together_done *done, void *ctx) {
    list(kind);
    bool full = kind->n_waiting >= WAITING_MAX; /* then it ends with the pump's next turn */
    struct together_ask *ask = ask_new(kind, params);
    ask->until_ms = full ? 0 : clock_ms() + WAIT_MS;
    ask->alone = alone;
    ask->done = done;
    ask->ctx = ctx;
    enqueue(kind, ask, full);
    if (open)
        wake(); /* after what else comes in this turn of the loop */
    else
        board(server, kind);
}

/* ---- parts.def ---- */

void together_start(struct business_server *server) {
    pump = event_new(server->base, -1, 0, on_pump, server);
    slow = evtimer_new(server->base, on_pump, server);
    if (pump == NULL || slow == NULL)
        fatal("out of memory");
    open = true;
}

/* What is on its way ends with the pool. */
void together_stop(struct business_server *server) {
    struct together *kind;
    (void)server;
    open = false;
    event_free(take_ptr(pump));
    event_free(take_ptr(slow));
    SLIST_FOREACH(kind, &kinds, known)
    while (kind->n_waiting > 0)
        ask_end(dequeue(kind), -EAGAIN, NULL, 0, 0);
}
