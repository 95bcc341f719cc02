/* Which statements a session of the server has planned, by their constant text: so many at most;
 * another takes the place of the one that was longest unused. Used by pg_conn.c alone. */
#ifndef CLOISTER_MEMORY_PG_PREPARED_H
#define CLOISTER_MEMORY_PG_PREPARED_H

#include "ipc/base.h"

#define PREPARED_MAX 96

struct pg_prepared {
    const char *sql; /* NULL: nobody asks for it any more */
    unsigned name;   /* "s<name>" at the server; 0: it has none there */
    uint64_t used;   /* when, counted in uses */
};
struct pg_prepareds {
    struct pg_prepared places[PREPARED_MAX];
    unsigned names;
    uint64_t uses;
};

/* The session is gone. */
void prepareds_clear(struct pg_prepareds *all);
/* NULL: it is not planned. Else it counts as used. */
struct pg_prepared *prepareds_find(struct pg_prepareds *all, const char *sql);
/* A place for another; what the server has under its name (not 0) must go first. */
struct pg_prepared *prepareds_place(struct pg_prepareds *all);
/* A name that no statement of this session ever had. */
unsigned prepareds_name(struct pg_prepareds *all);
void prepareds_planned(struct pg_prepareds *all, struct pg_prepared *place, const char *sql,
                       unsigned name);
/* The text is about to be freed: another may come to lie where it was. */
void prepareds_forget(struct pg_prepareds *all, const char *sql);

#endif
