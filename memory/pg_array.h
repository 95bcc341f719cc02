/* Values as one array parameter, in the binary form that the server takes (array_recv in
 * src/backend/utils/adt/arrayfuncs.c: dimensions, whether one is NULL, the type of what is in it,
 * length and first index; then each with its length). Loop thread not needed: no state. */
#ifndef CLOISTER_MEMORY_PG_ARRAY_H
#define CLOISTER_MEMORY_PG_ARRAY_H

#include "memory/pg.h"

/* Object ids of types (src/include/catalog/pg_type.dat); a bigint comes as its decimal digits, a
 * float8 as a double, a box as four: x and y of its upper right corner, then of its lower left. */
enum pg_array_type {
    PG_ARRAY_BYTEA = 17,
    PG_ARRAY_BIGINT = 20,
    PG_ARRAY_TEXT = 25,
    PG_ARRAY_BOX = 603,
    PG_ARRAY_FLOAT8 = 701,
};

/* `value(ctx, i)` for each i below `n`, which is at least 1; NULL as its data: NULL. The
 * parameter's data is malloc'd, the caller frees it. -ENOMEM; -EINVAL: too long, or no number. */
typedef struct pg_param pg_array_value(const void *ctx, unsigned i);
int pg_array(enum pg_array_type type, unsigned n, pg_array_value *value, const void *ctx,
             struct pg_param *ret) MUST_CHECK;

#endif
