/* What the parts of the store share. Used by store*.c alone. */
#ifndef CLOISTER_SUPERVISOR_STORE_INTERNAL_H
#define CLOISTER_SUPERVISOR_STORE_INTERNAL_H

#include "memory/pg.h"
#include "supervisor/store.h"

struct store {
    struct event_base *base;
    const struct config *config;
    struct pg *pg;
    struct event *timer; /* migrate again, or purge */
    bool migrated, migrating;
    unsigned attempts;
};

/* A question under way: whom to tell, behind one pointer. */
struct store_call {
    union {
        store_done *done;
        void (*any)(void); /* cast back to its own type by the operation */
    };
    void *ctx;
    int none; /* error when no row comes back */
};

/* Runs a statement that touches a row or not; without rows `done` gets `none`. Until the migrations
 * are in, the answer is -EAGAIN. */
void store_run(struct store *store, const char *sql, const struct pg_param *params, size_t n,
               int none, store_done *done, void *ctx);
/* Runs a statement whose rows `on_rows` reads; its ctx is a struct store_call to free. */
void store_ask(struct store *store, const char *sql, const struct pg_param *params, size_t n,
               pg_done *on_rows, void (*done)(void), void *ctx);

#define PARAM_HASH(hash) ((hash) != NULL ? PG_BYTES((hash), 32) : PG_NULL)
#define PARAM_BOOL(yes)  PG_TEXT((yes) ? "true" : "false")
/* Copies an id column; "" for NULL. */
void store_id(const struct pg_rows *rows, unsigned row, unsigned column,
              char out[static ID_LEN + 1]);

#endif
