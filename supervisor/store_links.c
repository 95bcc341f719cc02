/* Connect links: from the link to the redeemed code. Each step is one statement, so that of two
 * requests at once one wins and a crash leaves nothing half done. */
#include <errno.h>
#include <string.h>

#include "supervisor/store_connect.h"
#include "supervisor/store_internal.h"

/* Of the user's links that nobody opened, all but the newest few. */
#define CROWDED_OUT                                                                                \
    "DELETE FROM connect_links WHERE link_hash IN (SELECT o.link_hash FROM connect_links o, l"     \
    " WHERE o.frontend = l.frontend AND o.user_name = l.user_name AND o.opened_at IS NULL"         \
    " ORDER BY o.created_at DESC OFFSET 15)"

void store_link_create(struct store *store, const struct store_link *link, store_done *done,
                       void *ctx) {
    static const char sql[] =
        "WITH l AS (SELECT $2::text AS frontend, $3::text AS user_name),"
        " crowded AS (" CROWDED_OUT ")"
        " INSERT INTO connect_links (link_hash, frontend, user_name, features, return_to,"
        "  switch_account, expires_at)"
        " SELECT $1::bytea, frontend, user_name, string_to_array($4::text, ' '), $5::text,"
        "  $6::bool, now() + interval '10 minutes' FROM l RETURNING 1";
    struct pg_param params[] = {PARAM_HASH(link->hash),   PG_TEXT(link->frontend),
                                PG_TEXT(link->user_name), PG_TEXT(link->features),
                                PG_TEXT(link->return_to), PARAM_BOOL(link->switch_account)};
    store_run(store, sql, params, COUNT_OF(params), -EIO, done, ctx);
}

void store_link_renew(struct store *store, const char *user, const uint8_t *link_hash,
                      store_done *done, void *ctx) {
    static const char sql[] =
        "WITH l AS (SELECT u.frontend, u.name AS user_name, c.features, c.return_to"
        "  FROM users u JOIN connections c ON c.user_id = u.id"
        "  WHERE u.id = $1 AND c.state IN ('active', 'broken')),"
        " crowded AS (" CROWDED_OUT ")"
        " INSERT INTO connect_links (link_hash, frontend, user_name, features, return_to, "
        "expires_at)"
        " SELECT $2::bytea, frontend, user_name, features, return_to,"
        "  now() + interval '10 minutes' FROM l RETURNING 1";
    struct pg_param params[] = {PG_TEXT(user), PARAM_HASH(link_hash)};
    store_run(store, sql, params, COUNT_OF(params), -ENOENT, done, ctx);
}

/* The first three columns of the next two statements: used, expired, another browser's. */
static int verdict(const struct pg_rows *rows) {
    if (pg_count(rows) == 0)
        return -ENOENT;
    if (pg_bool(rows, 0, 2))
        return -EACCES;
    if (pg_bool(rows, 0, 0))
        return -ENOENT;
    return pg_bool(rows, 0, 1) ? -ETIME : 0;
}

static void on_prepared(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_opening_done *done = (store_opening_done *)call->any;
    struct store_opening opening = {0};
    if (error == 0)
        error = verdict(rows);
    /* No connection: two came at once, or an old one is just being dropped. */
    if (error == 0 && pg_is_null(rows, 0, 3))
        error = -EAGAIN;
    if (error == 0) {
        store_id(rows, 0, 3, opening.connection);
        opening.features = pg_text(rows, 0, 4);
    }
    done(call->ctx, error, error == 0 ? &opening : NULL);
    free(call);
}

void store_link_prepare(struct store *store, const uint8_t *link_hash, const uint8_t *cookie_hash,
                        const char *new_connection, store_opening_done *done, void *ctx) {
    static const char sql[] =
        "WITH l AS (SELECT * FROM connect_links WHERE link_hash = $1 FOR UPDATE),"
        " fine AS (SELECT * FROM l WHERE used_at IS NULL AND expires_at > now()"
        "  AND (cookie_hash IS NULL OR cookie_hash = $2::bytea)),"
        " made AS (INSERT INTO connections (id, frontend, features, return_to)"
        "  SELECT $3, frontend, features, return_to FROM fine WHERE connection_id IS NULL "
        "RETURNING id),"
        " kept AS (UPDATE connections c SET changed_at = now() FROM fine"
        "  WHERE c.id = fine.connection_id AND c.state = 'pending' RETURNING c.id),"
        " linked AS (UPDATE connect_links k SET connection_id = made.id FROM made"
        "  WHERE k.link_hash = $1)"
        " SELECT used_at IS NOT NULL, expires_at <= now(),"
        "  cookie_hash IS NOT NULL AND cookie_hash IS DISTINCT FROM $2::bytea,"
        "  coalesce((SELECT id FROM made), (SELECT id FROM kept))::text,"
        "  array_to_string(features, ' ') FROM l";
    struct pg_param params[] = {PARAM_HASH(link_hash), PARAM_HASH(cookie_hash),
                                PG_TEXT(new_connection)};
    store_ask(store, sql, params, COUNT_OF(params), on_prepared, (void (*)(void))done, ctx);
}

void store_link_open(struct store *store, const uint8_t *link_hash, const uint8_t *old_cookie_hash,
                     const uint8_t *cookie_hash, const uint8_t *state_hash, store_done *done,
                     void *ctx) {
    static const char sql[] =
        "UPDATE connect_links SET cookie_hash = $3::bytea, state_hash = $4::bytea,"
        "  opened_at = coalesce(opened_at, now()),"
        "  state_expires_at = now() + interval '10 minutes'"
        " WHERE link_hash = $1 AND used_at IS NULL"
        "  AND (cookie_hash IS NULL OR cookie_hash = $2::bytea) RETURNING 1";
    struct pg_param params[] = {PARAM_HASH(link_hash), PARAM_HASH(old_cookie_hash),
                                PARAM_HASH(cookie_hash), PARAM_HASH(state_hash)};
    store_run(store, sql, params, COUNT_OF(params), -EACCES, done, ctx);
}

static void on_returned(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_return_done *done = (store_return_done *)call->any;
    struct store_return back = {0};
    if (error == 0)
        error = verdict(rows);
    if (error == 0 && !pg_bool(rows, 0, 3))
        error = -ENOENT;
    if (error == 0) {
        store_id(rows, 0, 4, back.connection);
        back.return_to = pg_text(rows, 0, 5);
    }
    done(call->ctx, error, error == 0 ? &back : NULL);
    free(call);
}

void store_link_return(struct store *store, const uint8_t *state_hash, const uint8_t *cookie_hash,
                       store_return_done *done, void *ctx) {
    static const char sql[] =
        "WITH l AS (SELECT * FROM connect_links WHERE state_hash = $1 FOR UPDATE),"
        " used AS (UPDATE connect_links k SET used_at = now() FROM l"
        "  WHERE k.link_hash = l.link_hash AND l.used_at IS NULL AND l.state_expires_at > now()"
        "  AND l.cookie_hash = $2::bytea RETURNING 1)"
        " SELECT used_at IS NOT NULL, state_expires_at <= now(),"
        "  cookie_hash IS DISTINCT FROM $2::bytea, EXISTS (SELECT 1 FROM used),"
        "  connection_id::text, return_to FROM l";
    struct pg_param params[] = {PARAM_HASH(state_hash), PARAM_HASH(cookie_hash)};
    store_ask(store, sql, params, COUNT_OF(params), on_returned, (void (*)(void))done, ctx);
}

void store_code_mint(struct store *store, const char *connection, const uint8_t *code_hash,
                     store_done *done, void *ctx) {
    static const char sql[] =
        "WITH c AS (UPDATE connections SET changed_at = now() WHERE id = $1 AND state = 'pending'"
        "  AND sealed_refresh IS NOT NULL RETURNING id)"
        " UPDATE connect_links k SET code_hash = $2::bytea,"
        "  code_expires_at = now() + interval '10 minutes' FROM c"
        " WHERE k.connection_id = c.id AND k.used_at IS NOT NULL AND k.code_hash IS NULL RETURNING "
        "1";
    struct pg_param params[] = {PG_TEXT(connection), PARAM_HASH(code_hash)};
    store_run(store, sql, params, COUNT_OF(params), -ENOENT, done, ctx);
}

/* ---- redeeming ---- */

static void on_redeem(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_redeem_done *done = (store_redeem_done *)call->any;
    struct store_redeem redeem = {0};
    if (error == 0 && pg_count(rows) == 0)
        error = -ENOENT;
    if (error == 0) {
        store_id(rows, 0, 0, redeem.user);
        store_id(rows, 0, 1, redeem.connection);
        redeem.scopes = pg_text(rows, 0, 2);
    }
    done(call->ctx, error, error == 0 ? &redeem : NULL);
    free(call);
}

void store_redeem_begin(struct store *store, const uint8_t *code_hash, const char *frontend,
                        const char *name, const char *new_user, store_redeem_done *done,
                        void *ctx) {
    static const char sql[] =
        "WITH l AS (SELECT c.id, c.scopes FROM connect_links k JOIN connections c"
        "   ON c.id = k.connection_id AND c.state = 'pending'"
        "  WHERE k.code_hash = $1 AND k.frontend = $2 AND k.user_name = $3"
        "   AND k.redeemed_at IS NULL AND k.code_expires_at > now()),"
        " u AS (INSERT INTO users (id, frontend, name) SELECT $4, $2, $3 FROM l"
        "  ON CONFLICT (frontend, name) DO UPDATE SET name = excluded.name RETURNING id)"
        " SELECT u.id::text, l.id::text, array_to_string(l.scopes, ' ') FROM l, u";
    struct pg_param params[] = {PARAM_HASH(code_hash), PG_TEXT(frontend), PG_TEXT(name),
                                PG_TEXT(new_user)};
    store_ask(store, sql, params, COUNT_OF(params), on_redeem, (void (*)(void))done, ctx);
}

void store_redeem_commit(struct store *store, const uint8_t *code_hash, const char *user,
                         const char *connection, store_done *done, void *ctx) {
    /* `fresh` reads `old`, so that the earlier connection has made room for the new one. */
    static const char sql[] =
        "WITH l AS (UPDATE connect_links SET redeemed_at = now() WHERE code_hash = $1"
        "  AND redeemed_at IS NULL AND connection_id = $3 RETURNING 1),"
        " old AS (UPDATE connections SET state = 'discarded', sealed_refresh = NULL, changed_at = "
        "now()"
        "  WHERE user_id = $2 AND id <> $3 AND state IN ('active', 'broken')"
        "  AND EXISTS (SELECT 1 FROM l) RETURNING 1),"
        " fresh AS (UPDATE connections SET state = 'active', user_id = $2, connected_at = now(),"
        "  changed_at = now() WHERE id = $3 AND state = 'pending' AND EXISTS (SELECT 1 FROM l)"
        "  AND (SELECT count(*) FROM old) >= 0 RETURNING 1)"
        " SELECT 1 FROM fresh";
    struct pg_param params[] = {PARAM_HASH(code_hash), PG_TEXT(user), PG_TEXT(connection)};
    store_run(store, sql, params, COUNT_OF(params), -ENOENT, done, ctx);
}
