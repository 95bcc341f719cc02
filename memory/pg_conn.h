/* One connection of the pool: connects, sets itself up, runs one query at a time, comes back when
 * it is lost. Used by pg.c alone. */
#ifndef CLOISTER_MEMORY_PG_CONN_H
#define CLOISTER_MEMORY_PG_CONN_H

#include <libpq-fe.h>

#include "memory/pg.h"

struct pg_query {
    struct pg_query *next;
    const char *sql; /* constant text, or `script` */
    char *script;    /* several statements without parameters; NULL: one statement */
    bool copy;       /* "COPY … FROM STDIN", whose lines are the only parameter */
    uint64_t timeout_ms;
    uint64_t wait_until; /* clock_ms() by which it must have started */
    pg_done *done;
    void *ctx;
    unsigned n;
    struct pg_param params[]; /* their bytes lie behind the array, each with a NUL */
};
void pg_query_free(struct pg_query *query);

/* What the pool gives to and hears from its connections. */
struct pg_conn_ops {
    void (*up)(void *pool);                    /* connected and set up */
    void (*down)(void *pool, const char *why); /* lost, or an attempt failed */
    /* `query` is over; frees it. The connection is idle again unless it was lost. NULL: it was busy
     * with itself. */
    void (*finished)(void *pool, struct pg_query *query, const PGresult *result, int error);
};

struct pg_conn;
int pg_conn_new(struct event_base *base, const char *conninfo, const struct pg_options *options,
                const struct pg_conn_ops *ops, void *pool, struct pg_conn **ret) MUST_CHECK;
/* Gives back a running query, unfinished (NULL: none), for the pool to end. */
struct pg_query *pg_conn_free(struct pg_conn *conn);
bool pg_conn_up(const struct pg_conn *conn);
bool pg_conn_idle(const struct pg_conn *conn);
/* Only on an idle connection; `finished` is called later, or at once when sending fails. */
void pg_conn_run(struct pg_conn *conn, struct pg_query *query);

/* See pg_forget. */
void pg_conn_forget(struct pg_conn *conn, const char *sql);

/* Negative errno for an answer of the server. */
int pg_result_error(const PGresult *result);

#endif
