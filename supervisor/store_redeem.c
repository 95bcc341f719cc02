/* From a pending connection's token to the user's connection. Each step is one statement, so that
 * of two requests at once one wins and a crash leaves nothing half done. */
#include <errno.h>
#include <string.h>

#include "supervisor/rules.h"
#include "supervisor/store_connect.h"
#include "supervisor/store_internal.h"

/* The first two columns: it was done; it was not, for another Google account. */
static void on_account(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_done *done = (store_done *)call->any;
    if (error == 0 && !pg_bool(rows, 0, 0))
        error = pg_bool(rows, 0, 1) ? -EACCES : -ENOENT;
    done(call->ctx, error);
    free(call);
}

void store_code_mint(struct store *store, const char *connection, const uint8_t *code_hash,
                     store_done *done, void *ctx) {
    static const char sql[] =
        "WITH k AS (SELECT link_hash, frontend, user_name, switch_account FROM connect_links"
        "  WHERE connection_id = $1 AND used_at IS NOT NULL"
        "   AND (code_hash IS NULL OR NOT $3::bool) FOR UPDATE),"
        " c AS (SELECT subject_tag FROM connections WHERE id = $1 AND state = 'pending'"
        "   AND sealed_refresh IS NOT NULL FOR UPDATE),"
        " other AS (SELECT 1 FROM k, c, users u WHERE u.frontend = k.frontend"
        "   AND u.name = k.user_name AND u.subject_tag IS NOT NULL"
        "   AND u.subject_tag IS DISTINCT FROM c.subject_tag"
        "   AND NOT k.switch_account AND $4::bool),"
        " minted AS (UPDATE connect_links l SET code_hash = $2::bytea,"
        "   code_expires_at = now() + interval '10 minutes' FROM k, c"
        "  WHERE l.link_hash = k.link_hash AND NOT EXISTS (SELECT 1 FROM other) RETURNING 1),"
        " kept AS (UPDATE connections SET changed_at = now() WHERE id = $1"
        "  AND EXISTS (SELECT 1 FROM minted))"
        " SELECT EXISTS (SELECT 1 FROM minted), EXISTS (SELECT 1 FROM other)";
    struct pg_param params[] = {PG_TEXT(connection), PARAM_HASH(code_hash),
                                PARAM_BOOL(rule_holds(RULE_STATE_ONCE)),
                                PARAM_BOOL(rule_holds(RULE_SUBJECT_PINNED))};
    store_ask(store, sql, params, COUNT_OF(params), on_account, (void (*)(void))done, ctx);
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
        "   ON c.id = k.connection_id AND (c.state = 'pending' OR NOT $5::bool)"
        "  WHERE k.code_hash = $1 AND ((k.frontend = $2 AND k.user_name = $3) OR NOT $6::bool)"
        "   AND (k.redeemed_at IS NULL OR NOT $5::bool) AND k.code_expires_at > now()),"
        " u AS (INSERT INTO users (id, frontend, name) SELECT $4, $2, $3 FROM l"
        "  ON CONFLICT (frontend, name) DO UPDATE SET name = excluded.name RETURNING id)"
        " SELECT u.id::text, l.id::text, array_to_string(l.scopes, ' ') FROM l, u";
    struct pg_param params[] = {PARAM_HASH(code_hash),
                                PG_TEXT(frontend),
                                PG_TEXT(name),
                                PG_TEXT(new_user),
                                PARAM_BOOL(rule_holds(RULE_CODE_ONCE)),
                                PARAM_BOOL(rule_holds(RULE_CODE_OWNER))};
    store_ask(store, sql, params, COUNT_OF(params), on_redeem, (void (*)(void))done, ctx);
}

void store_redeem_commit(struct store *store, const uint8_t *code_hash, const char *user,
                         const char *connection, store_done *done, void *ctx) {
    /* Locking the user's row makes two at once compare one after the other. A user of before
     * accounts were pinned has none: then the first to come is taken. `fresh` reads `old`, so that
     * the earlier connection has made room for the new one. */
    static const char sql[] =
        "WITH k AS (SELECT switch_account FROM connect_links WHERE code_hash = $1"
        "   AND connection_id = $3 AND (redeemed_at IS NULL OR NOT $5::bool) FOR UPDATE),"
        " c AS (SELECT subject_tag FROM connections WHERE id = $3"
        "   AND (state = 'pending' OR NOT $5::bool) AND EXISTS (SELECT 1 FROM k) FOR UPDATE),"
        " u AS (SELECT subject_tag FROM users WHERE id = $2 AND EXISTS (SELECT 1 FROM c)"
        "   FOR UPDATE),"
        " fine AS (SELECT c.subject_tag AS tag,"
        "   coalesce(u.subject_tag IS DISTINCT FROM c.subject_tag"
        "    AND u.subject_tag IS NOT NULL, false) AS other"
        "  FROM k, c, u WHERE u.subject_tag IS NULL OR u.subject_tag = c.subject_tag"
        "   OR k.switch_account OR NOT $4::bool),"
        " pinned AS (UPDATE users SET subject_tag = fine.tag FROM fine WHERE id = $2),"
        " used AS (UPDATE connect_links SET redeemed_at = now() FROM fine WHERE code_hash = $1),"
        " old AS (UPDATE connections SET changed_at = now(),"
        "   state = CASE WHEN other THEN 'disconnecting' ELSE 'discarded' END,"
        "   sealed_refresh = CASE WHEN other THEN sealed_refresh END FROM fine"
        "  WHERE user_id = $2 AND id <> $3 AND state IN ('active', 'broken') RETURNING 1),"
        " fresh AS (UPDATE connections SET state = 'active', user_id = $2, connected_at = now(),"
        "  changed_at = now() FROM fine WHERE id = $3 AND (SELECT count(*) FROM old) >= 0"
        "  RETURNING 1)"
        " SELECT EXISTS (SELECT 1 FROM fresh),"
        "  EXISTS (SELECT 1 FROM u) AND NOT EXISTS (SELECT 1 FROM fine)";
    struct pg_param params[] = {PARAM_HASH(code_hash), PG_TEXT(user), PG_TEXT(connection),
                                PARAM_BOOL(rule_holds(RULE_SUBJECT_PINNED)),
                                PARAM_BOOL(rule_holds(RULE_CODE_ONCE))};
    store_ask(store, sql, params, COUNT_OF(params), on_account, (void (*)(void))done, ctx);
}
