#include "memory/pg_conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PARAMS_MAX   16
#define PREPARED_MAX 32

enum state {
    STATE_WAITING,    /* for the back-off to pass; no PGconn */
    STATE_CONNECTING, /* PQconnectPoll */
    STATE_SETUP,      /* runs options.setup */
    STATE_IDLE,       /* listens for the server hanging up */
    STATE_BUSY,       /* runs `query` */
};

struct pg_conn {
    struct event_base *base;
    const char *conninfo;
    const struct pg_options *options;
    const struct pg_conn_ops *ops;
    void *pool;
    enum state state;
    unsigned attempts;
    PGconn *pq;
    struct event *io;    /* made anew whenever the socket may have changed */
    struct event *timer; /* back-off, or the deadline of the step */
    struct pg_query *query;
    PGresult *result; /* the last good one of the query, or its first error */
    /* Statements this session has planned, by their constant text; named by their place. */
    const char *prepared[PREPARED_MAX];
    unsigned n_prepared;
    bool preparing; /* the query's statement is being planned; then it runs */
};

static void on_io(evutil_socket_t fd, short what, void *ctx);

static void arm_timer(struct pg_conn *conn, uint64_t ms) {
    struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)evtimer_add(conn->timer, &after);
}

static void drop_io(struct pg_conn *conn) {
    if (conn->io != NULL)
        event_free(conn->io);
    conn->io = NULL;
}

static bool watch(struct pg_conn *conn, short what) {
    drop_io(conn);
    conn->io = event_new(conn->base, PQsocket(conn->pq), (short)(what | EV_PERSIST), on_io, conn);
    return conn->io != NULL && event_add(conn->io, NULL) == 0;
}

/* Drops the connection and waits before the next attempt. A query on it ends with -EAGAIN: it may
 * have been carried out. */
static void lose(struct pg_conn *conn, const char *why) {
    struct pg_query *query = take_ptr(conn->query);
    drop_io(conn);
    conn->state = STATE_WAITING;
    conn->n_prepared = 0;
    conn->preparing = false;
    conn->ops->down(conn->pool, why);
    PQclear(take_ptr(conn->result));
    if (conn->pq != NULL)
        PQfinish(take_ptr(conn->pq));
    arm_timer(conn, backoff_ms(conn->attempts, 100, 5000));
    conn->attempts++;
    if (query != NULL)
        conn->ops->finished(conn->pool, query, NULL, -EAGAIN);
}

static void ignore_notice(void *ctx, const char *text) {
    (void)ctx;
    (void)text;
}

static void connect_start(struct pg_conn *conn) {
    const char *const keys[] = {"dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {conn->conninfo, conn->options->name, "UTF8", NULL};
    conn->pq = PQconnectStartParams(keys, values, 1);
    if (conn->pq == NULL || PQstatus(conn->pq) == CONNECTION_BAD) {
        lose(conn, conn->pq != NULL ? PQerrorMessage(conn->pq) : "out of memory");
        return;
    }
    (void)PQsetNoticeProcessor(conn->pq, ignore_notice, NULL); /* the default prints to stderr */
    conn->state = STATE_CONNECTING;
    arm_timer(conn, conn->options->connect_ms);
    if (!watch(conn, EV_WRITE))
        lose(conn, "no event");
}

static void become_idle(struct pg_conn *conn) {
    conn->state = STATE_IDLE;
    (void)evtimer_del(conn->timer);
}

static void become_ready(struct pg_conn *conn) {
    conn->attempts = 0;
    become_idle(conn);
    conn->ops->up(conn->pool);
}

/* Sends what a PQsend function queued; an idle connection already listens. */
static bool flush_start(struct pg_conn *conn) {
    int left = PQflush(conn->pq);
    return left == 0 || (left > 0 && watch(conn, EV_READ | EV_WRITE));
}

static void connected(struct pg_conn *conn) {
    (void)PQsetErrorVerbosity(conn->pq, PQERRORS_SQLSTATE); /* error texts quote values */
    if (PQsetnonblocking(conn->pq, 1) != 0 || !watch(conn, EV_READ)) {
        lose(conn, "cannot prepare the connection");
        return;
    }
    if (conn->options->setup == NULL) {
        become_ready(conn);
        return;
    }
    conn->state = STATE_SETUP;
    if (PQsendQuery(conn->pq, conn->options->setup) == 0 || !flush_start(conn))
        lose(conn, "cannot send");
}

static void connect_step(struct pg_conn *conn) {
    /* PQconnectPoll may close the socket and open another. */
    drop_io(conn);
    switch (PQconnectPoll(conn->pq)) {
    case PGRES_POLLING_READING:
        if (!watch(conn, EV_READ))
            lose(conn, "no event");
        break;
    case PGRES_POLLING_WRITING:
    case PGRES_POLLING_ACTIVE: /* unused by libpq */
        if (!watch(conn, EV_WRITE))
            lose(conn, "no event");
        break;
    case PGRES_POLLING_OK:
        connected(conn);
        break;
    case PGRES_POLLING_FAILED:
        lose(conn, PQerrorMessage(conn->pq));
        break;
    }
}

static bool result_good(const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* Of a script's answers: its first error, else the last. */
static void keep_result(struct pg_conn *conn, PGresult *result) {
    if (conn->result != NULL && !result_good(conn->result)) {
        PQclear(result);
        return;
    }
    PQclear(conn->result);
    conn->result = result;
}

static int send_query(struct pg_conn *conn, const struct pg_query *query);

static void send_next(struct pg_conn *conn) {
    if (send_query(conn, conn->query) == 0 || !flush_start(conn))
        lose(conn, "cannot send");
}

static void statement_over(struct pg_conn *conn) {
    PGresult *result = take_ptr(conn->result);
    bool good = result != NULL && result_good(result);
    if (conn->preparing && good) {
        conn->preparing = false;
        conn->prepared[conn->n_prepared++] = conn->query->sql;
        PQclear(result);
        send_next(conn);
        return;
    }
    conn->preparing = false;
    if (conn->state == STATE_SETUP) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (good)
            become_ready(conn);
        else
            lose(conn, state != NULL ? state : "setup failed");
        PQclear(result);
        return;
    }
    struct pg_query *query = take_ptr(conn->query);
    become_idle(conn);
    conn->ops->finished(conn->pool, query, result, good ? 0 : pg_result_error(result));
    PQclear(result);
}

/* Reads what came and sends what is left. False when the connection is lost. */
static bool transfer(struct pg_conn *conn, short what) {
    if ((what & EV_READ) != 0 && PQconsumeInput(conn->pq) == 0)
        return false;
    int left = PQflush(conn->pq);
    if (left == 0 && (event_get_events(conn->io) & EV_WRITE) != 0)
        return watch(conn, EV_READ);
    return left >= 0;
}

static void statement_step(struct pg_conn *conn, short what) {
    if (!transfer(conn, what)) {
        lose(conn, "connection lost");
        return;
    }
    while (PQisBusy(conn->pq) == 0) {
        PGresult *result = PQgetResult(conn->pq);
        if (result == NULL) {
            if (PQstatus(conn->pq) == CONNECTION_BAD)
                lose(conn, "connection lost");
            else
                statement_over(conn);
            return;
        }
        keep_result(conn, result);
    }
}

static void on_io(evutil_socket_t fd, short what, void *ctx) {
    struct pg_conn *conn = ctx;
    (void)fd;
    switch (conn->state) {
    case STATE_CONNECTING:
        connect_step(conn);
        break;
    case STATE_SETUP:
    case STATE_BUSY:
        statement_step(conn, what);
        break;
    case STATE_IDLE:
        if (PQconsumeInput(conn->pq) == 0 || PQstatus(conn->pq) == CONNECTION_BAD)
            lose(conn, "connection lost");
        break;
    case STATE_WAITING:
        break;
    }
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    struct pg_conn *conn = ctx;
    (void)fd;
    (void)what;
    switch (conn->state) {
    case STATE_WAITING:
        connect_start(conn);
        break;
    case STATE_CONNECTING:
    case STATE_SETUP:
        lose(conn, "timed out connecting");
        break;
    case STATE_BUSY:
        lose(conn, "statement timed out");
        break;
    case STATE_IDLE:
        break;
    }
}

/* The place of a planned statement, or PREPARED_MAX. */
static unsigned prepared_place(const struct pg_conn *conn, const char *sql) {
    for (unsigned i = 0; i < conn->n_prepared; i++)
        if (conn->prepared[i] == sql)
            return i;
    return PREPARED_MAX;
}

/* A statement is planned once a session: planning takes longer than most of ours run. */
static int send_query(struct pg_conn *conn, const struct pg_query *query) {
    if (query->script != NULL)
        return PQsendQuery(conn->pq, query->sql);
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX], formats[PARAMS_MAX], n = (int)query->n;
    char name[16];
    if (query->n > PARAMS_MAX)
        return 0;
    for (unsigned i = 0; i < query->n; i++) {
        values[i] = query->params[i].data;
        lengths[i] = (int)query->params[i].len;
        formats[i] = query->params[i].binary;
    }
    unsigned place = prepared_place(conn, query->sql);
    if (place == PREPARED_MAX && conn->n_prepared == PREPARED_MAX)
        return PQsendQueryParams(conn->pq, query->sql, n, NULL, values, lengths, formats, 1);
    conn->preparing = place == PREPARED_MAX;
    (void)snprintf(name, sizeof(name), "s%u", conn->preparing ? conn->n_prepared : place);
    if (conn->preparing)
        return PQsendPrepare(conn->pq, name, query->sql, 0, NULL);
    return PQsendQueryPrepared(conn->pq, name, n, values, lengths, formats, 1);
}

void pg_conn_run(struct pg_conn *conn, struct pg_query *query) {
    conn->query = query;
    conn->state = STATE_BUSY;
    arm_timer(conn, query->timeout_ms);
    send_next(conn);
}

int pg_conn_new(struct event_base *base, const char *conninfo, const struct pg_options *options,
                const struct pg_conn_ops *ops, void *pool, struct pg_conn **ret) {
    struct pg_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        return -ENOMEM;
    *conn = (struct pg_conn){
        .base = base, .conninfo = conninfo, .options = options, .ops = ops, .pool = pool};
    conn->timer = evtimer_new(base, on_timer, conn);
    if (conn->timer == NULL) {
        free(conn);
        return -ENOMEM;
    }
    arm_timer(conn, 0);
    *ret = conn;
    return 0;
}

struct pg_query *pg_conn_free(struct pg_conn *conn) {
    struct pg_query *query = conn->query;
    drop_io(conn);
    event_free(conn->timer);
    PQclear(conn->result);
    if (conn->pq != NULL)
        PQfinish(conn->pq);
    free(conn);
    return query;
}

bool pg_conn_up(const struct pg_conn *conn) {
    return conn->state == STATE_IDLE || conn->state == STATE_BUSY;
}

bool pg_conn_idle(const struct pg_conn *conn) {
    return conn->state == STATE_IDLE;
}
