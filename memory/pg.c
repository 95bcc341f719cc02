#include "memory/pg.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/pg_conn.h"

#define CONNECTIONS_MAX 16
#define REASONS_MOST    4 /* told of one outage */
#define REASON_MAX      160

struct pg {
    struct event_base *base;
    struct pg_options options;
    char *conninfo;
    struct pg_conn *conns[CONNECTIONS_MAX];
    struct pg_query *head, **tail; /* waiting, oldest first */
    unsigned waiting;
    struct pg_query *refused; /* to be ended by the pump */
    struct event *pump;       /* start what can start, end what cannot */
    struct event *timer;      /* the oldest has waited too long */
    unsigned reasons;         /* of this outage that were told */
    char reason[REASON_MAX];  /* the last of them */
};

void pg_query_free(struct pg_query *query) {
    free(query->script);
    free(query);
}

static void tell(const struct pg *pg, enum pg_news news, const char *why) {
    if (pg->options.news != NULL)
        pg->options.news(pg->options.ctx, news, why);
}

bool pg_ready(const struct pg *pg) {
    for (unsigned i = 0; i < pg->options.connections; i++)
        if (pg->conns[i] != NULL && pg_conn_up(pg->conns[i]))
            return true;
    return false;
}

/* ---- the queue ---- */

static void wake(struct pg *pg) {
    event_active(pg->pump, EV_TIMEOUT, 1);
}

static struct pg_query *queue_take(struct pg *pg) {
    struct pg_query *query = pg->head;
    pg->head = query->next;
    if (pg->head == NULL)
        pg->tail = &pg->head;
    pg->waiting--;
    return query;
}

static void end_query(struct pg_query *query, int error, const PGresult *result) {
    query->done(query->ctx, error, error == 0 ? (const struct pg_rows *)result : NULL);
    pg_query_free(query);
}

static struct pg_conn *find_idle(const struct pg *pg) {
    for (unsigned i = 0; i < pg->options.connections; i++)
        if (pg_conn_idle(pg->conns[i]))
            return pg->conns[i];
    return NULL;
}

static void arm_wait(struct pg *pg) {
    if (pg->head == NULL) {
        (void)evtimer_del(pg->timer);
        return;
    }
    uint64_t now = clock_ms();
    uint64_t left = pg->head->wait_until > now ? pg->head->wait_until - now : 0;
    struct timeval after = {.tv_sec = (time_t)(left / 1000),
                            .tv_usec = (suseconds_t)(left % 1000 * 1000)};
    (void)evtimer_add(pg->timer, &after);
}

static void end_list(struct pg_query *list) {
    while (list != NULL) {
        struct pg_query *query = list;
        list = query->next;
        end_query(query, -EAGAIN, NULL);
    }
}

/* Works the queue off as far as it goes. What callbacks add meanwhile is refused or waits, and
 * comes with the next call: asking again and again cannot hold the loop. */
static void on_pump(evutil_socket_t fd, short what, void *ctx) {
    struct pg *pg = ctx;
    (void)fd;
    (void)what;
    end_list(take_ptr(pg->refused));
    uint64_t now = clock_ms();
    for (unsigned left = pg->waiting; left > 0 && pg->head != NULL; left--) {
        struct pg_conn *idle = find_idle(pg);
        if (!pg_ready(pg) || now >= pg->head->wait_until)
            end_query(queue_take(pg), -EAGAIN, NULL);
        else if (idle != NULL)
            pg_conn_run(idle, queue_take(pg));
        else
            break;
    }
    arm_wait(pg);
}

static void refuse(struct pg *pg, struct pg_query *query) {
    query->next = pg->refused;
    pg->refused = query;
    wake(pg);
}

static void enqueue(struct pg *pg, struct pg_query *query) {
    query->wait_until = clock_ms() + pg->options.query_ms;
    if (!pg_ready(pg) || pg->waiting >= pg->options.queue) {
        refuse(pg, query);
        return;
    }
    *pg->tail = query;
    pg->tail = &query->next;
    pg->waiting++;
    wake(pg);
}

/* ---- what the connections tell ---- */

static void on_up(void *pool) {
    struct pg *pg = pool;
    unsigned up = 0;
    for (unsigned i = 0; i < pg->options.connections; i++)
        up += pg_conn_up(pg->conns[i]);
    if (up == 1) {
        pg->reasons = 0;
        tell(pg, PG_UP, "");
    }
    wake(pg);
}

/* That the connection was lost is the first word of many an outage; why there is no other comes
 * later. */
static void tell_down(struct pg *pg, const char *why) {
    if (pg->reasons > 0 && strncmp(pg->reason, why, sizeof(pg->reason) - 1) == 0)
        return;
    if (pg->reasons++ >= REASONS_MOST)
        return;
    (void)snprintf(pg->reason, sizeof(pg->reason), "%s", why);
    tell(pg, PG_DOWN, why);
}

static void on_down(void *pool, const char *why) {
    struct pg *pg = pool;
    if (pg_ready(pg))
        return;
    tell_down(pg, why);
    wake(pg); /* what waits now has nothing to wait for */
}

static void on_finished(void *pool, struct pg_query *query, const PGresult *result, int error) {
    struct pg *pg = pool;
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (error == -EIO && state != NULL)
        tell(pg, PG_REFUSED, state);
    wake(pg);
    if (query != NULL)
        end_query(query, error, result);
}

static const struct pg_conn_ops conn_ops = {on_up, on_down, on_finished};

/* ---- queries ---- */

static struct pg_query *query_new(const struct pg_param *params, size_t n, pg_done *done,
                                  void *ctx) {
    size_t size = sizeof(struct pg_query) + n * sizeof(struct pg_param);
    for (size_t i = 0; i < n; i++)
        size += params[i].len + 1;
    struct pg_query *query = calloc(1, size);
    if (query == NULL)
        abort(); /* a callback could not be promised */
    char *at = (char *)&query->params[n];
    for (size_t i = 0; i < n; i++) {
        query->params[i] = params[i];
        if (params[i].data == NULL)
            continue;
        memcpy(at, params[i].data, params[i].len);
        query->params[i].data = at;
        at += params[i].len + 1;
    }
    query->n = (unsigned)n;
    query->done = done;
    query->ctx = ctx;
    return query;
}

void pg_query(struct pg *pg, const char *sql, const struct pg_param *params, size_t n,
              pg_done *done, void *ctx) {
    struct pg_query *query = query_new(params, n, done, ctx);
    query->sql = sql;
    query->timeout_ms = pg->options.query_ms;
    enqueue(pg, query);
}

void pg_forget(struct pg *pg, const char *sql) {
    for (unsigned i = 0; i < pg->options.connections; i++)
        if (pg->conns[i] != NULL)
            pg_conn_forget(pg->conns[i], sql);
}

void pg_copy(struct pg *pg, const char *sql, const char *lines, size_t len, pg_done *done,
             void *ctx) {
    const struct pg_param all = {lines, len, false};
    struct pg_query *query = query_new(&all, 1, done, ctx);
    query->sql = sql;
    query->copy = true;
    query->timeout_ms = pg->options.query_ms;
    enqueue(pg, query);
}

void pg_refuse(struct pg *pg, pg_done *done, void *ctx) {
    refuse(pg, query_new(NULL, 0, done, ctx));
}

void pg_script(struct pg *pg, const char *sql, uint64_t timeout_ms, pg_done *done, void *ctx) {
    struct pg_query *query = query_new(NULL, 0, done, ctx);
    query->script = strdup(sql);
    if (query->script == NULL)
        abort();
    query->sql = query->script;
    query->timeout_ms = timeout_ms;
    enqueue(pg, query);
}

int pg_result_error(const PGresult *result) {
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    static const struct {
        const char *prefix;
        int error;
    } known[] = {
        {"23505", -EEXIST}, {"23503", -ENOENT}, {"23514", -EINVAL}, {"23502", -EINVAL},
        {"08", -EAGAIN},    {"40", -EAGAIN},    {"53", -EAGAIN},    {"57", -EAGAIN},
        {"55P03", -EAGAIN}, {"25006", -EAGAIN}, /* read-only: a standby after a failover */
    };
    for (size_t i = 0; state != NULL && i < COUNT_OF(known); i++)
        if (strncmp(state, known[i].prefix, strlen(known[i].prefix)) == 0)
            return known[i].error;
    /* Without a state libpq made the error itself: the connection broke. */
    return state == NULL ? -EAGAIN : -EIO;
}

/* ---- rows ---- */

static const PGresult *result_of(const struct pg_rows *rows) {
    return (const PGresult *)rows;
}

unsigned pg_count(const struct pg_rows *rows) {
    return (unsigned)PQntuples(result_of(rows));
}

bool pg_is_null(const struct pg_rows *rows, unsigned row, unsigned column) {
    return PQgetisnull(result_of(rows), (int)row, (int)column) != 0;
}

const char *pg_text(const struct pg_rows *rows, unsigned row, unsigned column) {
    const char *text = PQgetvalue(result_of(rows), (int)row, (int)column);
    return text != NULL ? text : "";
}

const uint8_t *pg_bytes(const struct pg_rows *rows, unsigned row, unsigned column,
                        size_t *ret_len) {
    *ret_len = (size_t)PQgetlength(result_of(rows), (int)row, (int)column);
    return (const uint8_t *)pg_text(rows, row, column);
}

bool pg_bool(const struct pg_rows *rows, unsigned row, unsigned column) {
    return pg_text(rows, row, column)[0] == 1;
}

int64_t pg_int(const struct pg_rows *rows, unsigned row, unsigned column) {
    size_t len;
    const uint8_t *bytes = pg_bytes(rows, row, column, &len);
    if (len == 0 || len > 8)
        return 0;
    uint64_t value = (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0; /* sign */
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

/* ---- the pool ---- */

static void on_wait_over(evutil_socket_t fd, short what, void *ctx) {
    on_pump(fd, what, ctx);
}

void pg_free(struct pg *pg) {
    if (pg == NULL)
        return;
    pg->options.news = NULL;
    for (unsigned i = 0; i < pg->options.connections; i++) {
        if (pg->conns[i] == NULL)
            continue;
        struct pg_query *running = pg_conn_free(take_ptr(pg->conns[i]));
        if (running != NULL)
            end_query(running, -EAGAIN, NULL);
    }
    while (pg->head != NULL)
        end_query(queue_take(pg), -EAGAIN, NULL);
    while (pg->refused != NULL)
        end_list(take_ptr(pg->refused));
    if (pg->pump != NULL)
        event_free(pg->pump);
    if (pg->timer != NULL)
        event_free(pg->timer);
    free(pg->conninfo);
    free(pg);
}

static void fill_defaults(struct pg_options *options) {
    if (options->connections == 0)
        options->connections = 2;
    if (options->connections > CONNECTIONS_MAX)
        options->connections = CONNECTIONS_MAX;
    if (options->queue == 0)
        options->queue = 1024;
    if (options->connect_ms == 0)
        options->connect_ms = 5000;
    if (options->query_ms == 0)
        options->query_ms = 5000;
}

int pg_new(struct event_base *base, const char *conninfo, const struct pg_options *options,
           struct pg **ret) {
    /* Checked here, since libpq's complaint would quote it, password and all. */
    PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);
    if (parsed == NULL)
        return -EINVAL;
    PQconninfoFree(parsed);
    struct pg *pg = calloc(1, sizeof(*pg));
    if (pg == NULL)
        return -ENOMEM;
    pg->base = base;
    pg->options = *options;
    pg->tail = &pg->head;
    fill_defaults(&pg->options);
    pg->conninfo = strdup(conninfo);
    pg->pump = event_new(base, -1, 0, on_pump, pg);
    pg->timer = evtimer_new(base, on_wait_over, pg);
    int r = pg->conninfo != NULL && pg->pump != NULL && pg->timer != NULL ? 0 : -ENOMEM;
    for (unsigned i = 0; i < pg->options.connections && r == 0; i++)
        r = pg_conn_new(base, pg->conninfo, &pg->options, &conn_ops, pg, &pg->conns[i]);
    if (r < 0) {
        pg_free(pg);
        return r;
    }
    *ret = pg;
    return 0;
}
