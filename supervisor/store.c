#include "supervisor/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "memory/migrate.h"
#include "supervisor/store_internal.h"
#include "supervisor/store_turns.h"

#define PURGE_MS 300000

extern const struct migration store_migrations[];
extern const size_t store_migrations_count;

/* Statements end in the server a little before the pool gives them up, so that none runs on unseen.
 */
static const char setup[] = "SET search_path = cloister; SET client_min_messages = error; "
                            "SET statement_timeout = 4500; SET lock_timeout = 4000; "
                            "SET idle_in_transaction_session_timeout = 10000";

static struct migrations migrations = {.schema = "cloister", .component = "cloisterd"};

static void arm(struct store *store, uint64_t ms) {
    struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)evtimer_add(store->timer, &after);
}

static void on_migrated(void *ctx, int error, unsigned at) {
    struct store *store = ctx;
    store->migrating = false;
    if (error == 0) {
        store->migrated = true;
        store->attempts = 0;
        log_info("database ready, schema at %u", at);
        arm(store, 1000);
        return;
    }
    if (error == -EPROTO)
        log_error(
            "the database's schema (%u) is newer than this program's (%zu): install the newer "
            "version",
            at, store_migrations_count);
    else if (error == -EIO)
        log_error("the database refused migration %u", at + 1);
    arm(store, backoff_ms(store->attempts++, error == -EAGAIN ? 200 : 5000, 30000));
}

static void on_purged(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx;
    if (error != 0 && error != -EAGAIN)
        log_warn("expired rows could not be dropped");
    else if (rows != NULL && pg_int(rows, 0, 0) > 0)
        log_debug("dropped %d expired rows", (int)pg_int(rows, 0, 0));
}

/* A link, its state and its code live 10 minutes each; so does a way to Google to sign in. */
static void purge(struct store *store) {
    static const char sql[] =
        "WITH r AS (DELETE FROM requests WHERE ctid IN (SELECT ctid FROM requests"
        "  WHERE created_at < now() - interval '1 day' LIMIT 10000) RETURNING 1),"
        " l AS (DELETE FROM connect_links WHERE ctid IN (SELECT ctid FROM connect_links"
        "  WHERE created_at < now() - interval '1 hour' LIMIT 10000) RETURNING 1),"
        " i AS (DELETE FROM sign_ins WHERE ctid IN (SELECT ctid FROM sign_ins"
        "  WHERE created_at < now() - interval '1 hour' LIMIT 10000) RETURNING 1),"
        " w AS (DELETE FROM web_sessions WHERE ctid IN (SELECT ctid FROM web_sessions"
        "  WHERE used_at < now() - $1::bigint * interval '1 millisecond'"
        "   OR created_at < now() - $2::bigint * interval '1 millisecond' LIMIT 10000) RETURNING 1)"
        " SELECT (SELECT count(*) FROM r) + (SELECT count(*) FROM l) + (SELECT count(*) FROM i)"
        "  + (SELECT count(*) FROM w)";
    char idle[24], max[24];
    snprintf(idle, sizeof(idle), "%" PRIu64,
             config_u64(store->config, CONFIG_gateway_session_idle_ms));
    snprintf(max, sizeof(max), "%" PRIu64,
             config_u64(store->config, CONFIG_gateway_session_max_ms));
    struct pg_param params[] = {PG_TEXT(idle), PG_TEXT(max)};
    pg_query(store->pg, sql, params, COUNT_OF(params), on_purged, store);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    struct store *store = ctx;
    (void)fd;
    (void)what;
    if (store->migrated) {
        purge(store);
        store_turns_purge(store);
        arm(store, backoff_ms(0, PURGE_MS, PURGE_MS));
    } else if (!store->migrating) {
        store->migrating = true;
        migrate_run(store->pg, &migrations, on_migrated, store);
    }
}

static void on_news(void *ctx, enum pg_news news, const char *why) {
    struct store *store = ctx;
    switch (news) {
    case PG_UP:
        log_info("connected to the database");
        if (!store->migrated)
            arm(store, 0);
        break;
    case PG_DOWN:
        log_warn("no database: %.*s", (int)strcspn(why, "\n"), why);
        break;
    case PG_REFUSED:
        log_warn("the database refused a statement: SQLSTATE %.5s", why);
        break;
    }
}

/* ---- questions ---- */

static struct store_call *call_new(int none, void *ctx) {
    struct store_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        fatal("out of memory");
    call->none = none;
    call->ctx = ctx;
    return call;
}

/* Nothing is asked before the schema is known. */
static void put_call(struct store *store, const char *sql, const struct pg_param *params, size_t n,
                     pg_done *on_rows, struct store_call *call) {
    if (store->migrated)
        pg_query(store->pg, sql, params, n, on_rows, call);
    else
        pg_refuse(store->pg, on_rows, call);
}

static void on_run(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    if (error == 0 && call->none != 0 && pg_count(rows) == 0)
        error = call->none;
    call->done(call->ctx, error);
    free(call);
}

void store_run(struct store *store, const char *sql, const struct pg_param *params, size_t n,
               int none, store_done *done, void *ctx) {
    struct store_call *call = call_new(none, ctx);
    call->done = done;
    put_call(store, sql, params, n, on_run, call);
}

void store_ask(struct store *store, const char *sql, const struct pg_param *params, size_t n,
               pg_done *on_rows, void (*done)(void), void *ctx) {
    struct store_call *call = call_new(0, ctx);
    call->any = done;
    put_call(store, sql, params, n, on_rows, call);
}

void store_id(const struct pg_rows *rows, unsigned row, unsigned column,
              char out[static ID_LEN + 1]) {
    snprintf(out, ID_LEN + 1, "%s", pg_text(rows, row, column));
}

/* ---- the store ---- */

bool store_ready(const struct store *store) {
    return store->migrated && pg_ready(store->pg);
}

void store_free(struct store *store) {
    if (store == NULL)
        return;
    pg_free(store->pg);
    if (store->timer != NULL)
        event_free(store->timer);
    free(store);
}

int store_new(struct event_base *base, const struct config *config, struct store **ret) {
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return -ENOMEM;
    migrations.list = store_migrations;
    migrations.n = store_migrations_count;
    store->base = base;
    store->config = config;
    store->timer = evtimer_new(base, on_timer, store);
    struct pg_options options = {
        .name = "cloisterd", .setup = setup, .news = on_news, .ctx = store};
    int r = store->timer == NULL
                ? -ENOMEM
                : pg_new(base, config_str(config, CONFIG_database_url), &options, &store->pg);
    if (r < 0) {
        store_free(store);
        return r;
    }
    *ret = store;
    return 0;
}
