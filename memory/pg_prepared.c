#include "memory/pg_prepared.h"

void prepareds_clear(struct pg_prepareds *all) {
    *all = (struct pg_prepareds){0};
}

static struct pg_prepared *find(struct pg_prepareds *all, const char *sql) {
    for (unsigned i = 0; i < PREPARED_MAX; i++)
        if (all->places[i].sql == sql)
            return &all->places[i];
    return NULL;
}

struct pg_prepared *prepareds_find(struct pg_prepareds *all, const char *sql) {
    struct pg_prepared *found = find(all, sql);
    if (found != NULL)
        found->used = ++all->uses;
    return found;
}

/* Those that are empty or forgotten were used at 0. */
struct pg_prepared *prepareds_place(struct pg_prepareds *all) {
    struct pg_prepared *oldest = &all->places[0];
    for (unsigned i = 1; i < PREPARED_MAX; i++)
        if (all->places[i].used < oldest->used)
            oldest = &all->places[i];
    return oldest;
}

unsigned prepareds_name(struct pg_prepareds *all) {
    return ++all->names;
}

void prepareds_planned(struct pg_prepareds *all, struct pg_prepared *place, const char *sql,
                       unsigned name) {
    *place = (struct pg_prepared){sql, name, ++all->uses};
}

void prepareds_forget(struct pg_prepareds *all, const char *sql) {
    struct pg_prepared *found = find(all, sql);
    if (found == NULL)
        return;
    found->sql = NULL;
    found->used = 0;
}
