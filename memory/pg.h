/* PostgreSQL on a libevent loop: a small pool of libpq connections that never block it.
 *
 * A query waits in one queue, runs on the first free connection, and ends exactly once through its
 * callback, never from inside pg_query. Nothing is sent twice: when a connection is lost under a
 * statement its outcome is unknown and it ends with -EAGAIN. While no connection is up every query
 * ends with -EAGAIN at the next turn of the loop.
 *
 * libpq keeps its last parameters and rows in memory that nobody wipes: pass only ids, hashes and
 * sealed bytes, or set `words`. Statements are constant text; errors of the server are reduced to
 * their SQLSTATE here, since their text quotes values. The host in `conninfo` should be a unix
 * socket directory or `hostaddr`: looking a name up blocks. Loop thread only; logs nothing. */
#ifndef CLOISTER_MEMORY_PG_H
#define CLOISTER_MEMORY_PG_H

#include <event2/event.h>

#include "ipc/base.h"

struct pg;
struct pg_rows; /* the rows of one answer, valid during the callback */

enum pg_news {
    PG_UP,      /* the first connection is usable */
    PG_DOWN,    /* the last one is gone, or could not be made; told once an outage, and again a few
                 * times when why is another */
    PG_REFUSED, /* the server refused a statement for no reason that its caller is told: -EIO */
};

struct pg_options {
    unsigned connections; /* 0: 2 */
    unsigned queue;       /* queries that may wait; 0: 1024 */
    uint64_t connect_ms;  /* for one attempt to connect; 0: 5000 */
    uint64_t query_ms;    /* waiting, and running, each; then the connection is dropped; 0: 5000 */
    const char *name;     /* application_name */
    const char *setup;    /* statements for each new connection; NULL: none. Constant text */
    bool words; /* people's: what libpq keeps is written over when a connection has nothing to do */
    /* For the log; NULL: nobody listens. `why` is a SQLSTATE, or libpq's words about a failed
     * connection; it never holds a value of a statement. */
    void (*news)(void *ctx, enum pg_news news, const char *why);
    /* What NOTIFY told on a channel that `setup` listens to; NULL: nobody listens. */
    void (*heard)(void *ctx, const char *channel, const char *payload);
    void *ctx;
};

/* Starts connecting; a connection that fails is tried again with back-off (100 ms to 5 s) and
 * jitter. `conninfo` and `options` are copied, but not the constant text. 0, -ENOMEM, -EINVAL
 * (`conninfo` cannot be read). */
int pg_new(struct event_base *base, const char *conninfo, const struct pg_options *options,
           struct pg **ret) MUST_CHECK;
/* Ends what waits or runs with -EAGAIN first. Not from inside a callback. NULL is fine. */
void pg_free(struct pg *pg);
/* A connection is up. */
bool pg_ready(const struct pg *pg);

/* A parameter: text (a number in its decimal digits), bytes, or NULL. Copied. */
struct pg_param {
    const void *data;
    size_t len;
    bool binary;
};
#define PG_TEXT(text)       ((struct pg_param){.data = (text), .len = strlen(text)})
#define PG_BYTES(data, len) ((struct pg_param){(data), (len), true})
#define PG_NULL             ((struct pg_param){NULL, 0, false})

/* `error`: 0; -EAGAIN (no database, too many waiting, too slow, connection lost: the statement may
 * or may not have been carried out; or the server asks to try again); -EEXIST (unique), -ENOENT
 * (foreign key), -EINVAL (check or not-null), -EIO (anything else). `rows` is NULL unless it is 0.
 */
typedef void pg_done(void *ctx, int error, const struct pg_rows *rows);

/* Runs one statement. `sql` must live on (constant text, or until pg_forget). */
void pg_query(struct pg *pg, const char *sql, const struct pg_param *params, size_t n,
              pg_done *done, void *ctx);
/* Runs "COPY … FROM STDIN" (constant text) with these lines, which are copied. All of them are
 * written, or none. */
void pg_copy(struct pg *pg, const char *sql, const char *lines, size_t len, pg_done *done,
             void *ctx);
/* No query of this text waits or runs, and it is about to be freed. */
void pg_forget(struct pg *pg, const char *sql);
/* Ends a query that is not to be sent as if there were no database. */
void pg_refuse(struct pg *pg, pg_done *done, void *ctx);
/* Runs several statements as one transaction, all or nothing, within `timeout_ms`. `sql` is copied.
 */
void pg_script(struct pg *pg, const char *sql, uint64_t timeout_ms, pg_done *done, void *ctx);

/* Rows come in binary form. The column must have the type asked for: text, bytea, bool or an
 * integer. For NULL they give "", an empty range, false and 0. */
unsigned pg_count(const struct pg_rows *rows);
bool pg_is_null(const struct pg_rows *rows, unsigned row, unsigned column);
const char *pg_text(const struct pg_rows *rows, unsigned row, unsigned column);
const uint8_t *pg_bytes(const struct pg_rows *rows, unsigned row, unsigned column, size_t *ret_len);
bool pg_bool(const struct pg_rows *rows, unsigned row, unsigned column);
int64_t pg_int(const struct pg_rows *rows, unsigned row, unsigned column);

#endif
