#include "memory/pg_conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/pg_prepared.h"

#define PARAMS_MAX 48
/* How long a connection has nothing to do before its buffers are written over; what messages have
 * in them beside the words that they carry. */
#define COVER_MS   100
#define COVER_MORE 512
#define SHORT      8

enum state {
    STATE_WAITING,    /* for the back-off to pass; no PGconn */
    STATE_CONNECTING, /* PQconnectPoll */
    STATE_SETUP,      /* runs options.setup */
    STATE_IDLE,       /* listens for the server hanging up */
    STATE_BUSY,       /* runs `query` */
    STATE_COVERING,   /* writes over what is left in libpq's buffers */
};

/* What of a query is under way. */
enum stage {
    STAGE_RUN,
    STAGE_DROP, /* another's plan makes room for its own */
    STAGE_PLAN,
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
    size_t words;     /* that went through libpq's buffers since they were written over, at most */
    struct pg_prepareds prepareds;
    enum stage stage;
    struct pg_prepared *place; /* where the query's statement is, or will be, planned */
    unsigned name;             /* as what, in STAGE_PLAN */
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
    prepareds_clear(&conn->prepareds);
    conn->stage = STAGE_RUN;
    conn->ops->down(conn->pool, why);
    PQclear(take_ptr(conn->result));
    if (conn->pq != NULL)
        PQfinish(take_ptr(conn->pq));
    conn->words = 0;
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
    if (conn->words > 0)
        arm_timer(conn, COVER_MS);
    else
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

/* libpq reads to the beginning of one buffer and sends from that of another, and frees neither:
 * what is as long as the longest that they held, there and back, is then in its place. */
static void cover(struct pg_conn *conn) {
    size_t len = conn->words + COVER_MORE;
    SCOPE_FREE char *blanks = malloc(len + 1);
    if (blanks == NULL)
        return; /* with the next statement */
    memset(blanks, ' ', len);
    blanks[len] = '\0';
    const char *values[] = {blanks};
    conn->state = STATE_COVERING;
    arm_timer(conn, conn->options->query_ms);
    if (PQsendQueryParams(conn->pq, "SELECT $1::text", 1, NULL, values, NULL, NULL, 1) == 0 ||
        !flush_start(conn))
        lose(conn, "cannot send");
}

static void covered(struct pg_conn *conn) {
    conn->words = 0;
    become_idle(conn);
    conn->ops->finished(conn->pool, NULL, NULL, 0);
}

/* Numbers and the like are no words. */
static void count_words(struct pg_conn *conn, const struct pg_query *query,
                        const PGresult *result) {
    size_t sent = strlen(query->sql);
    size_t came = PQntuples(result) > 0 ? PQresultMemorySize(result) : 0;
    bool any = came > 0;
    for (unsigned i = 0; i < query->n; i++) {
        sent += query->params[i].len + 16;
        any = any || query->params[i].len > SHORT;
    }
    if (!conn->options->words || !any)
        return;
    conn->words = sent > conn->words ? sent : conn->words;
    conn->words = came > conn->words ? came : conn->words;
}

static int send_query(struct pg_conn *conn);

static void send_next(struct pg_conn *conn) {
    if (send_query(conn) == 0 || !flush_start(conn))
        lose(conn, "cannot send");
}

/* The step before the query itself is done: the next one. False: the query is over with it. */
static bool stage_next(struct pg_conn *conn, bool good) {
    switch (conn->stage) {
    case STAGE_RUN:
        return false;
    case STAGE_DROP:
        *conn->place = (struct pg_prepared){0};
        conn->stage = STAGE_PLAN;
        break;
    case STAGE_PLAN:
        conn->stage = STAGE_RUN;
        if (good)
            prepareds_planned(&conn->prepareds, conn->place, conn->query->sql, conn->name);
        break;
    }
    if (!good)
        conn->stage = STAGE_RUN;
    return good;
}

static void statement_over(struct pg_conn *conn) {
    PGresult *result = take_ptr(conn->result);
    bool good = result != NULL && result_good(result);
    if (stage_next(conn, good)) {
        PQclear(result);
        send_next(conn);
        return;
    }
    if (conn->state == STATE_SETUP) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (good)
            become_ready(conn);
        else
            lose(conn, state != NULL ? state : "setup failed");
        PQclear(result);
        return;
    }
    if (conn->state == STATE_COVERING) {
        PQclear(result);
        covered(conn);
        return;
    }
    struct pg_query *query = take_ptr(conn->query);
    count_words(conn, query, result);
    become_idle(conn);
    conn->ops->finished(conn->pool, query, result, good ? 0 : pg_result_error(result));
    PQclear(result);
}

/* Passes on what NOTIFY told. */
static void hear(struct pg_conn *conn) {
    for (PGnotify *told; (told = PQnotifies(conn->pq)) != NULL; PQfreemem(told))
        if (conn->options->heard != NULL)
            conn->options->heard(conn->options->ctx, told->relname, told->extra);
}

/* Reads what came and sends what is left. False when the connection is lost. */
static bool transfer(struct pg_conn *conn, short what) {
    if ((what & EV_READ) != 0 && PQconsumeInput(conn->pq) == 0)
        return false;
    hear(conn);
    int left = PQflush(conn->pq);
    if (left == 0 && (event_get_events(conn->io) & EV_WRITE) != 0)
        return watch(conn, EV_READ);
    return left >= 0;
}

/* The server waits for them. */
static bool copy_lines(struct pg_conn *conn) {
    const struct pg_query *query = conn->query;
    return query != NULL && query->copy &&
           PQputCopyData(conn->pq, query->params[0].data, (int)query->params[0].len) == 1 &&
           PQputCopyEnd(conn->pq, NULL) == 1 && flush_start(conn);
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
        if (PQresultStatus(result) != PGRES_COPY_IN) {
            keep_result(conn, result);
            continue;
        }
        PQclear(result);
        if (!copy_lines(conn)) {
            lose(conn, "cannot send");
            return;
        }
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
    case STATE_COVERING:
        statement_step(conn, what);
        break;
    case STATE_IDLE:
        if (PQconsumeInput(conn->pq) == 0 || PQstatus(conn->pq) == CONNECTION_BAD)
            lose(conn, "connection lost");
        else
            hear(conn);
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
    case STATE_COVERING:
        lose(conn, "statement timed out");
        break;
    case STATE_IDLE:
        cover(conn);
        break;
    }
}

static int send_run(struct pg_conn *conn, const char *name) {
    const struct pg_query *query = conn->query;
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX], formats[PARAMS_MAX];
    if (query->n > PARAMS_MAX)
        return 0;
    for (unsigned i = 0; i < query->n; i++) {
        values[i] = query->params[i].data;
        lengths[i] = (int)query->params[i].len;
        formats[i] = query->params[i].binary;
    }
    return PQsendQueryPrepared(conn->pq, name, (int)query->n, values, lengths, formats, 1);
}

/* A statement is planned once a session: planning takes longer than most of ours run. */
static int send_query(struct pg_conn *conn) {
    char text[32];
    switch (conn->stage) {
    case STAGE_RUN:
        (void)snprintf(text, sizeof(text), "s%u", conn->place->name);
        return send_run(conn, text);
    case STAGE_DROP:
        (void)snprintf(text, sizeof(text), "DEALLOCATE s%u", conn->place->name);
        return PQsendQuery(conn->pq, text);
    case STAGE_PLAN:
        conn->name = prepareds_name(&conn->prepareds);
        (void)snprintf(text, sizeof(text), "s%u", conn->name);
        return PQsendPrepare(conn->pq, text, conn->query->sql, 0, NULL);
    }
    return 0;
}

/* What is first to be done for a query. */
static void stage_first(struct pg_conn *conn) {
    conn->place = prepareds_find(&conn->prepareds, conn->query->sql);
    conn->stage = STAGE_RUN;
    if (conn->place != NULL)
        return;
    conn->place = prepareds_place(&conn->prepareds);
    conn->stage = conn->place->name != 0 ? STAGE_DROP : STAGE_PLAN;
}

void pg_conn_run(struct pg_conn *conn, struct pg_query *query) {
    conn->query = query;
    conn->state = STATE_BUSY;
    arm_timer(conn, query->timeout_ms);
    if (query->script == NULL && !query->copy) {
        stage_first(conn);
        send_next(conn);
    } else if (PQsendQuery(conn->pq, query->sql) == 0 || !flush_start(conn)) {
        lose(conn, "cannot send");
    }
}

void pg_conn_forget(struct pg_conn *conn, const char *sql) {
    prepareds_forget(&conn->prepareds, sql);
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
    return conn->state == STATE_IDLE || conn->state == STATE_BUSY || conn->state == STATE_COVERING;
}

bool pg_conn_idle(const struct pg_conn *conn) {
    return conn->state == STATE_IDLE;
}
