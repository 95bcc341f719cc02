#include "memory/migrate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIGRATION_MS 60000

struct run {
    struct pg *pg;
    const struct migrations *migrations;
    migrate_done *done;
    void *ctx;
    unsigned at;    /* highest number in the table */
    unsigned tried; /* the one that was sent last */
    int error;      /* how that ended */
};

static void read_number(struct run *run);

static void finish(struct run *run, int error) {
    run->done(run->ctx, error, run->at);
    free(run);
}

/* Another program may have applied it meanwhile; its row, not this answer, tells. */
static void on_applied(void *ctx, int error, const struct pg_rows *rows) {
    struct run *run = ctx;
    (void)rows;
    run->error = error;
    if (error == -EAGAIN)
        finish(run, error);
    else
        read_number(run);
}

/* A script is one transaction. The row comes first, so that a migration applied by another program
 * ends this one before it does anything. */
static void apply(struct run *run, const struct migration *migration) {
    static const char frame[] =
        "SET LOCAL statement_timeout = %d;\n"
        "SET LOCAL search_path = %s;\n"
        "SELECT pg_advisory_xact_lock(hashtextextended('cloister migrations', 0));\n"
        "INSERT INTO schema_migrations (component, number) VALUES ('%s', %u);\n"
        "%s\n";
    SCOPE_FREE char *sql = NULL;
    if (asprintf(&sql, frame, MIGRATION_MS, run->migrations->schema, run->migrations->component,
                 migration->number, migration->sql) < 0) {
        sql = NULL;
        finish(run, -EAGAIN);
        return;
    }
    run->tried = migration->number;
    pg_script(run->pg, sql, MIGRATION_MS + 1000, on_applied, run);
}

static void on_number(void *ctx, int error, const struct pg_rows *rows) {
    struct run *run = ctx;
    if (error != 0) {
        finish(run, error == -EAGAIN ? -EAGAIN : -EIO);
        return;
    }
    run->at = (unsigned)pg_int(rows, 0, 0);
    if (run->at > run->migrations->n)
        finish(run, -EPROTO);
    else if (run->at == run->migrations->n)
        finish(run, 0);
    else if (run->error != 0 && run->tried == run->at + 1)
        finish(run, -EIO);
    else
        apply(run, &run->migrations->list[run->at]);
}

static void read_number(struct run *run) {
    struct pg_param component = PG_TEXT(run->migrations->component);
    pg_query(run->pg, "SELECT coalesce(max(number), 0) FROM schema_migrations WHERE component = $1",
             &component, 1, on_number, run);
}

static void on_table(void *ctx, int error, const struct pg_rows *rows) {
    struct run *run = ctx;
    (void)rows;
    if (error != 0)
        finish(run, error == -EAGAIN ? -EAGAIN : -EIO);
    else
        read_number(run);
}

/* CREATE … IF NOT EXISTS asks for the right to create even when nothing is to be created. */
static void make_table(struct run *run) {
    static const char frame[] =
        "SELECT pg_advisory_xact_lock(hashtextextended('cloister migrations', 0));\n"
        "DO $$ BEGIN\n"
        "  IF to_regnamespace('%1$s') IS NULL THEN CREATE SCHEMA %1$s; END IF;\n"
        "  IF to_regclass('%1$s.schema_migrations') IS NULL THEN\n"
        "    CREATE TABLE %1$s.schema_migrations (\n"
        "      component text NOT NULL, number integer NOT NULL CHECK (number > 0),\n"
        "      applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (component, number));\n"
        "  END IF;\n"
        "END $$;\n";
    SCOPE_FREE char *sql = NULL;
    if (asprintf(&sql, frame, run->migrations->schema) < 0) {
        sql = NULL;
        finish(run, -EAGAIN);
        return;
    }
    pg_script(run->pg, sql, MIGRATION_MS, on_table, run);
}

void migrate_run(struct pg *pg, const struct migrations *migrations, migrate_done *done,
                 void *ctx) {
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        done(ctx, -EAGAIN, 0);
        return;
    }
    *run = (struct run){.pg = pg, .migrations = migrations, .done = done, .ctx = ctx};
    make_table(run);
}
