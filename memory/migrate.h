/* Numbered migrations of one program's schema. Each is applied once, in its own transaction
 * together with its row in <schema>.schema_migrations (component, number, applied_at), behind an
 * advisory lock, so that programs that start at once do not meet. A database with a number this
 * program does not know is newer than the program and is left alone. Loop thread; logs nothing. */
#ifndef CLOISTER_MEMORY_MIGRATE_H
#define CLOISTER_MEMORY_MIGRATE_H

#include "memory/pg.h"

struct migration {
    unsigned number; /* 1, 2, 3, … without a gap */
    const char
        *sql; /* statements without transaction control; the schema is first in search_path */
};

struct migrations {
    const char *schema, *component; /* lowercase letters */
    const struct migration *list;
    size_t n;
};

/* `error`: 0: the schema is at number `n`; -EAGAIN: database away, try again; -EPROTO: the database
 * is newer; -EIO: a migration was refused. `at` is the number reached. */
typedef void migrate_done(void *ctx, int error, unsigned at);
/* `migrations` must live until the end; connections must have the schema as their search_path
 * (pg_options.setup). */
void migrate_run(struct pg *pg, const struct migrations *migrations, migrate_done *done, void *ctx);

#endif
