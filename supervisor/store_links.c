/* Connect links: from the link to the way back from Google. Each step is one statement, so that of
 * two requests at once one wins and a crash leaves nothing half done. */
#include <errno.h>
#include <string.h>

#include "supervisor/rules.h"
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
        error = pg_bool(rows, 0, 5) ? -EBUSY : -EAGAIN;
    if (error == 0) {
        store_id(rows, 0, 3, opening.connection);
        opening.features = pg_text(rows, 0, 4);
    }
    done(call->ctx, error, error == 0 ? &opening : NULL);
    free(call);
}

/* Anybody with a Google account is a user of the web pages, and each connection that is begun has a
 * key of its own: a user has so many unfinished ones, and no more until those have gone. */
#define UNFINISHED                                                                                 \
    "SELECT count(*) >= 32 AS many FROM l JOIN connect_links o"                                    \
    "  ON o.frontend = l.frontend AND o.user_name = l.user_name"                                   \
    " JOIN connections c ON c.id = o.connection_id AND c.state IN ('pending', 'discarded')"

void store_link_prepare(struct store *store, const uint8_t *link_hash, const uint8_t *cookie_hash,
                        const char *new_connection, store_opening_done *done, void *ctx) {
    static const char sql[] =
        "WITH l AS (SELECT * FROM connect_links WHERE link_hash = $1 FOR UPDATE),"
        " unfinished AS (" UNFINISHED "),"
        " fine AS (SELECT * FROM l WHERE used_at IS NULL AND expires_at > now()"
        "  AND (cookie_hash IS NULL OR cookie_hash = $2::bytea OR NOT $4::bool)),"
        " made AS (INSERT INTO connections (id, frontend, features, return_to)"
        "  SELECT $3, frontend, features, return_to FROM fine, unfinished"
        "  WHERE connection_id IS NULL AND NOT many RETURNING id),"
        " kept AS (UPDATE connections c SET changed_at = now() FROM fine"
        "  WHERE c.id = fine.connection_id AND c.state = 'pending' RETURNING c.id),"
        " linked AS (UPDATE connect_links k SET connection_id = made.id FROM made"
        "  WHERE k.link_hash = $1)"
        " SELECT used_at IS NOT NULL, expires_at <= now(),"
        "  cookie_hash IS NOT NULL AND cookie_hash IS DISTINCT FROM $2::bytea AND $4::bool,"
        "  coalesce((SELECT id FROM made), (SELECT id FROM kept))::text,"
        "  array_to_string(features, ' '), connection_id IS NULL AND many FROM l, unfinished";
    struct pg_param params[] = {PARAM_HASH(link_hash), PARAM_HASH(cookie_hash),
                                PG_TEXT(new_connection), PARAM_BOOL(rule_holds(RULE_LINK_BROWSER))};
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
        "  AND (cookie_hash IS NULL OR cookie_hash = $2::bytea OR NOT $5::bool) RETURNING 1";
    struct pg_param params[] = {PARAM_HASH(link_hash), PARAM_HASH(old_cookie_hash),
                                PARAM_HASH(cookie_hash), PARAM_HASH(state_hash),
                                PARAM_BOOL(rule_holds(RULE_LINK_BROWSER))};
    store_run(store, sql, params, COUNT_OF(params), -EACCES, done, ctx);
}

static void on_returned(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_return_done *done = (store_return_done *)call->any;
    struct store_return back = {0};
    bool known = error == 0 && pg_count(rows) > 0;
    if (error == 0)
        error = verdict(rows);
    if (error == 0 && !pg_bool(rows, 0, 3))
        error = -ENOENT; /* two came at once */
    if (error == -ENOENT && known)
        error = -EALREADY;
    if (error == 0) {
        store_id(rows, 0, 4, back.connection);
        back.return_to = pg_text(rows, 0, 5);
        back.frontend = pg_text(rows, 0, 6);
        back.user_name = pg_text(rows, 0, 7);
        back.features = pg_text(rows, 0, 8);
    }
    done(call->ctx, error, error == 0 ? &back : NULL);
    free(call);
}

void store_link_return(struct store *store, const uint8_t *state_hash, const uint8_t *cookie_hash,
                       store_return_done *done, void *ctx) {
    static const char sql[] =
        "WITH l AS (SELECT * FROM connect_links WHERE state_hash = $1 FOR UPDATE),"
        " used AS (UPDATE connect_links k SET used_at = now() FROM l"
        "  WHERE k.link_hash = l.link_hash AND (l.used_at IS NULL OR NOT $3::bool)"
        "  AND l.state_expires_at > now() AND (l.cookie_hash = $2::bytea OR NOT $4::bool)"
        "  RETURNING 1)"
        " SELECT used_at IS NOT NULL AND $3::bool, state_expires_at <= now(),"
        "  cookie_hash IS DISTINCT FROM $2::bytea AND $4::bool, EXISTS (SELECT 1 FROM used),"
        "  connection_id::text, return_to, frontend, user_name, array_to_string(features, ' ')"
        " FROM l";
    struct pg_param params[] = {PARAM_HASH(state_hash), PARAM_HASH(cookie_hash),
                                PARAM_BOOL(rule_holds(RULE_STATE_ONCE)),
                                PARAM_BOOL(rule_holds(RULE_STATE_BROWSER))};
    store_ask(store, sql, params, COUNT_OF(params), on_returned, (void (*)(void))done, ctx);
}
