/* What the parts of cloister-business share. One process, one loop, one thread; every part is
 * reached from here. Process code: parts log, never a customer's or an owner's words. */
#ifndef CLOISTER_BUSINESS_BUSINESS_H
#define CLOISTER_BUSINESS_BUSINESS_H

#include <event2/event.h>

#include "ipc/config.h"
#include "memory/pg.h"

#define BUSINESS_SECRET_LEN 32

#define SLUG_MAX 64 /* a-z, 0-9, single hyphens inside */

struct business_server {
    struct event_base *base;
    const struct config *config;
    struct pg *pg; /* schema business is its search_path; ask by business_query */
    struct cells *cells;
    struct cache *cache;
    struct limits *limits;
    struct oplog *oplog;
    struct changes *changes;
    struct business_links *links;
    struct metrics *metrics; /* its numbers for operators; never NULL */
    struct event *timer;     /* migrations */
    unsigned attempts;
    bool migrated, migrating, started;
    void (*on_begun)(void *ctx); /* once, when the schema is known and all parts run; or NULL */
    void *on_begun_ctx;
    /* [business] secret_file: what bookings' secrets, cursors and fingerprints of people are made
     * with. Never in a log, a row or a message. */
    uint8_t secret[BUSINESS_SECRET_LEN];
};

/* The database is there and of this version. */
bool business_ready(const struct business_server *server);
/* pg_query once the schema is known, else it ends with -EAGAIN. `sql` is constant text. */
void business_query(struct business_server *server, const char *sql, const struct pg_param *params,
                    size_t n, pg_done *done, void *ctx);
/* The same for pg_copy. */
void business_copy(struct business_server *server, const char *sql, const char *lines, size_t len,
                   pg_done *done, void *ctx);

/* "<public_pages_url><path>" into `out`. 0 or -ENAMETOOLONG. */
int business_url(const struct business_server *server, const char *path, char *out,
                 size_t cap) MUST_CHECK;

/* HMAC-SHA-256 under the program's secret over purpose, a NUL and `data`. */
#define BUSINESS_MAC_LEN 32
void business_mac(const struct business_server *server, const char *purpose, const void *data,
                  size_t len, uint8_t out[static BUSINESS_MAC_LEN]);

/* Parts that do something by themselves (a reconciler, say) have a row in parts.def: PART(name).
 * NAME_start is called once, when the schema is known for the first time; NAME_stop before the
 * database goes, also when NAME_start never ran. */
#define PART(name)                                                                                 \
    void name##_start(struct business_server *server);                                             \
    void name##_stop(struct business_server *server);
#include "business/parts.def"
#undef PART

#endif
