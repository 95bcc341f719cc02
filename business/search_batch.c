/* Questions to the database that go together: what comes while others are on their way waits, and
 * goes as rows of one statement. Each round trip, and beginning and ending a statement, costs more
 * than most searches do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "business/search_parts.h"
#include "ipc/log.h"
#include "memory/pg_array.h"

#define FLIGHTS_MAX 3    /* statements on their way; the pool's other connection is for bookings */
#define FAST_US     2000 /* faster ones wait for each other: together they take less */
#define BATCH_MAX   32
#define BATCH_US    20000 /* what one statement may take: slow questions go alone */
#define WAIT_MS     5000  /* then a question is given up, as the pool does */

struct search_ask {
    TAILQ_ENTRY(search_ask) next;
    struct search_query query;
    unsigned limit;
    uint64_t until_ms;
    bool alone; /* what it went with was refused: it may not have been its fault */
    search_rows *done;
    void *ctx;
};

struct flight {
    struct business_server *server;
    struct search_statement *statement;
    uint64_t began_us;
    unsigned n;
    struct search_ask *asks[BATCH_MAX];
};

/* One loop, one thread. */
static TAILQ_HEAD(, search_statement) due = TAILQ_HEAD_INITIALIZER(due);
static unsigned flights;
static struct event *pump;

static void ask_end(struct search_ask *ask, int error, const struct pg_rows *rows, unsigned first,
                    unsigned n) {
    ask->done(ask->ctx, error, rows, first, n);
    search_query_done(&ask->query);
    free(ask);
}

static void enqueue(struct search_ask *ask, bool first) {
    struct search_statement *statement = ask->query.statement;
    if (first)
        TAILQ_INSERT_HEAD(&statement->waiting, ask, next);
    else
        TAILQ_INSERT_TAIL(&statement->waiting, ask, next);
    if (!statement->queued)
        TAILQ_INSERT_TAIL(&due, statement, due);
    statement->queued = true;
}

/* ---- sending ---- */

struct column {
    const struct flight *flight;
    size_t param;
};

static struct pg_param text_of(const void *ctx, unsigned i) {
    const struct column *column = ctx;
    return PG_TEXT(column->flight->asks[i]->query.texts[column->param]);
}

static struct pg_param number_of(const void *ctx, unsigned i) {
    const struct flight *flight = ctx;
    size_t each = flight->asks[0]->query.n_numbers;
    return PG_BYTES(&flight->asks[i / each]->query.numbers[i % each], sizeof(double));
}

static struct pg_param box_of_question(const void *ctx, unsigned i) {
    const struct flight *flight = ctx;
    size_t each = flight->asks[0]->query.n_boxes;
    const double *box = flight->asks[i / each]->query.boxes[i % each];
    return PG_BYTES(box, sizeof(flight->asks[0]->query.boxes[0]));
}

static struct pg_param array_of(enum pg_array_type type, size_t n, pg_array_value *value,
                                const void *ctx) {
    struct pg_param array;
    if (pg_array(type, (unsigned)n, value, ctx, &array) < 0)
        fatal("out of memory");
    return array;
}

/* What its questions say, behind limit and number; the arrays are the caller's. */
static size_t arrays_of(const struct flight *flight, struct pg_param *params) {
    const struct search_query *query = &flight->asks[0]->query;
    size_t n = 0;
    for (size_t i = 0; i < query->n; i++)
        params[n++] = array_of(PG_ARRAY_TEXT, flight->n, text_of, &(struct column){flight, i});
    if (query->n_numbers > 0)
        params[n++] = array_of(PG_ARRAY_FLOAT8, flight->n * query->n_numbers, number_of, flight);
    if (query->n_boxes > 0)
        params[n++] = array_of(PG_ARRAY_BOX, flight->n * query->n_boxes, box_of_question, flight);
    return n;
}

static void wake(void) {
    event_active(pump, EV_TIMEOUT, 0);
}

/* About how long one takes: a running mean, so that one slow moment does not last. */
static void learn(struct flight *flight) {
    uint64_t each = (clock_us() - flight->began_us) / flight->n;
    struct search_statement *statement = flight->statement;
    statement->each_us = statement->each_us == 0 ? each : (statement->each_us * 7 + each) / 8;
}

/* The rows of a question follow each other. */
static void deliver(const struct flight *flight, const struct pg_rows *rows) {
    unsigned row = 0, count = pg_count(rows);
    for (unsigned i = 0; i < flight->n; i++) {
        unsigned first = row;
        while (row < count && pg_int(rows, row, COLUMN_QUESTION) == (int64_t)i + 1)
            row++;
        ask_end(flight->asks[i], 0, rows, first, row - first);
    }
}

static void on_landed(void *ctx, int error, const struct pg_rows *rows) {
    struct flight *flight = ctx;
    flights--;
    flight->statement->flying--;
    if (error == 0) {
        learn(flight);
        deliver(flight, rows);
    } else if (flight->n > 1 && pump != NULL) {
        /* Perhaps for one of them: one that is slow makes all too slow. */
        for (unsigned i = flight->n; i-- > 0;) {
            flight->asks[i]->alone = true;
            enqueue(flight->asks[i], true);
        }
    } else {
        for (unsigned i = 0; i < flight->n; i++)
            ask_end(flight->asks[i], error, NULL, 0, 0);
    }
    struct business_server *server = flight->server;
    free(flight);
    if (pump == NULL)
        return;
    search_statements_trim(server);
    wake();
}

static void take_off(struct flight *flight) {
    struct pg_param params[SEARCH_PARAMS_MAX + 4];
    unsigned limit = 0;
    char most[16], number[16];
    for (unsigned i = 0; i < flight->n; i++)
        if (flight->asks[i]->limit > limit)
            limit = flight->asks[i]->limit;
    (void)snprintf(most, sizeof(most), "%u", limit);
    (void)snprintf(number, sizeof(number), "%u", flight->n);
    params[0] = PG_TEXT(most);
    params[1] = PG_TEXT(number);
    size_t n = arrays_of(flight, params + 2);
    flight->began_us = clock_us();
    flights++;
    flight->statement->flying++;
    business_query(flight->server, flight->statement->sql, params, n + 2, on_landed, flight);
    for (size_t i = 2; i < n + 2; i++)
        free((void *)(uintptr_t)params[i].data);
}

static unsigned most_of(const struct search_statement *statement) {
    uint64_t most = BATCH_US / (statement->each_us + 1);
    return most < 1 ? 1 : most > BATCH_MAX ? BATCH_MAX : (unsigned)most;
}

/* The statement that waits longest; NULL: those that wait should wait. */
static struct search_statement *next_due(void) {
    struct search_statement *statement;
    TAILQ_FOREACH(statement, &due, due)
    if (statement->flying == 0 || statement->each_us >= FAST_US)
        return statement;
    return NULL;
}

/* With as many of its questions as are good for it. */
static void board(struct business_server *server, struct search_statement *statement) {
    unsigned most = most_of(statement);
    struct flight *flight = calloc(1, sizeof(*flight));
    struct search_ask *ask;
    if (flight == NULL)
        fatal("out of memory");
    TAILQ_REMOVE(&due, statement, due);
    flight->server = server;
    flight->statement = statement;
    while (flight->n < most && (ask = TAILQ_FIRST(&statement->waiting)) != NULL) {
        if (ask->alone && flight->n > 0)
            break;
        TAILQ_REMOVE(&statement->waiting, ask, next);
        if (ask->until_ms < clock_ms()) {
            ask_end(ask, -EAGAIN, NULL, 0, 0);
            continue;
        }
        flight->asks[flight->n++] = ask;
        if (ask->alone)
            break;
    }
    statement->queued = !TAILQ_EMPTY(&statement->waiting);
    if (statement->queued)
        TAILQ_INSERT_TAIL(&due, statement, due);
    if (flight->n > 0)
        take_off(flight);
    else
        free(flight);
}

static void on_pump(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    struct search_statement *statement;
    while (flights < FLIGHTS_MAX && (statement = next_due()) != NULL)
        board(ctx, statement);
}

void search_batch_ask(struct business_server *server, struct search_query *query, unsigned limit,
                      search_rows *done, void *ctx) {
    struct search_ask *ask = calloc(1, sizeof(*ask));
    if (pump == NULL)
        pump = event_new(server->base, -1, 0, on_pump, server);
    if (ask == NULL || pump == NULL)
        fatal("out of memory");
    *ask = (struct search_ask){.query = *query,
                               .limit = limit,
                               .until_ms = clock_ms() + WAIT_MS,
                               .done = done,
                               .ctx = ctx};
    query->n = 0; /* its texts are the question's now */
    enqueue(ask, false);
    if (flights < FLIGHTS_MAX)
        wake(); /* after what else comes in this turn of the loop */
}

/* ---- parts.def ---- */

void search_batch_start(struct business_server *server) {
    (void)server;
}

void search_batch_stop(struct business_server *server) {
    struct search_statement *statement;
    struct search_ask *ask;
    (void)server;
    if (pump != NULL)
        event_free(take_ptr(pump));
    while ((statement = TAILQ_FIRST(&due)) != NULL) {
        TAILQ_REMOVE(&due, statement, due);
        statement->queued = false;
        while ((ask = TAILQ_FIRST(&statement->waiting)) != NULL) {
            TAILQ_REMOVE(&statement->waiting, ask, next);
            ask_end(ask, -EAGAIN, NULL, 0, 0);
        }
    }
}
