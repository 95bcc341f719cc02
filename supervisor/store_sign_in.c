/* Each step is one statement, so that of two requests at once one wins and a crash leaves nothing
 * half done. */
#include "supervisor/store_sign_in.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/rules.h"
#include "supervisor/store_internal.h"

/* ---- signing in ---- */

void store_sign_in_make(struct store *store, const uint8_t *state_hash, const uint8_t *cookie_hash,
                        store_done *done, void *ctx) {
    static const char sql[] =
        "WITH crowded AS (DELETE FROM sign_ins WHERE state_hash IN (SELECT state_hash FROM sign_ins"
        "  ORDER BY created_at DESC OFFSET 8191 LIMIT 64 FOR UPDATE SKIP LOCKED))"
        " INSERT INTO sign_ins (state_hash, cookie_hash) VALUES ($1, $2) RETURNING 1";
    struct pg_param params[] = {PARAM_HASH(state_hash), PARAM_HASH(cookie_hash)};
    store_run(store, sql, params, COUNT_OF(params), -EIO, done, ctx);
}

static void on_returned(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_done *done = (store_done *)call->any;
    if (error == 0 && pg_count(rows) == 0)
        error = -ENOENT;
    if (error == 0 && !pg_bool(rows, 0, 0))
        error = pg_bool(rows, 0, 1) ? -EACCES : pg_bool(rows, 0, 2) ? -ENOENT : -ETIME;
    done(call->ctx, error);
    free(call);
}

void store_sign_in_return(struct store *store, const uint8_t *state_hash,
                          const uint8_t *cookie_hash, store_done *done, void *ctx) {
    static const char sql[] =
        "WITH s AS (SELECT * FROM sign_ins WHERE state_hash = $1 FOR UPDATE),"
        " used AS (UPDATE sign_ins k SET used_at = now() FROM s WHERE k.state_hash = s.state_hash"
        "  AND (s.used_at IS NULL OR NOT $3::bool) AND (s.cookie_hash = $2::bytea OR NOT $4::bool)"
        "  AND s.created_at > now() - interval '10 minutes' RETURNING 1)"
        " SELECT EXISTS (SELECT 1 FROM used), cookie_hash <> $2::bytea AND $4::bool,"
        "  used_at IS NOT NULL AND $3::bool FROM s";
    struct pg_param params[] = {PARAM_HASH(state_hash), PARAM_HASH(cookie_hash),
                                PARAM_BOOL(rule_holds(RULE_STATE_ONCE)),
                                PARAM_BOOL(rule_holds(RULE_STATE_BROWSER))};
    store_ask(store, sql, params, COUNT_OF(params), on_returned, (void (*)(void))done, ctx);
}

static void on_user(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_web_user_done *done = (store_web_user_done *)call->any;
    char user[ID_LEN + 1] = "";
    if (error == 0 && pg_count(rows) == 0)
        error = -ENOENT;
    if (error == 0)
        store_id(rows, 0, 0, user);
    done(call->ctx, error, error == 0 ? user : NULL);
    free(call);
}

void store_web_user(struct store *store, const char *name, const uint8_t *subject_tag,
                    const char *new_user, store_web_user_done *done, void *ctx) {
    static const char sql[] =
        "INSERT INTO users AS u (id, frontend, name, subject_tag) VALUES ($1, 'web', $2, $3)"
        " ON CONFLICT (frontend, name) DO UPDATE"
        "  SET subject_tag = coalesce(u.subject_tag, excluded.subject_tag) RETURNING u.id::text";
    struct pg_param params[] = {PG_TEXT(new_user), PG_TEXT(name), PARAM_HASH(subject_tag)};
    store_ask(store, sql, params, COUNT_OF(params), on_user, (void (*)(void))done, ctx);
}

/* ---- sessions ---- */

/* Any of the three cookies that a session may have. */
#define THE_SESSION "(cookie_hash = $1 OR next_hash = $1 OR last_hash = $1)"

void store_web_session_make(struct store *store, const struct store_web_session *session,
                            const uint8_t *cookie_hash, store_done *done, void *ctx) {
    static const char sql[] =
        "WITH crowded AS (DELETE FROM web_sessions WHERE id IN (SELECT id FROM web_sessions"
        "  WHERE user_id = $2 ORDER BY used_at DESC OFFSET 31 FOR UPDATE SKIP LOCKED))"
        " INSERT INTO web_sessions (id, user_id, cookie_hash, sealed) VALUES ($1, $2, $3, $4)"
        " RETURNING 1";
    struct pg_param params[] = {PG_TEXT(session->id), PG_TEXT(session->user),
                                PARAM_HASH(cookie_hash),
                                PG_BYTES(session->sealed, session->sealed_len)};
    store_run(store, sql, params, COUNT_OF(params), -EIO, done, ctx);
}

static void fill(const struct pg_rows *rows, struct store_web_session *session) {
    store_id(rows, 0, 0, session->id);
    store_id(rows, 0, 1, session->user);
    session->sealed = pg_bytes(rows, 0, 2, &session->sealed_len);
}

static void on_shown(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_web_session_done *done = (store_web_session_done *)call->any;
    struct store_web_session session = {0};
    if (error == 0 && pg_is_null(rows, 0, 0))
        error = pg_bool(rows, 0, 6) ? -ESTALE : -ENOENT;
    if (error == 0) {
        int64_t left = pg_int(rows, 0, 4);
        fill(rows, &session);
        snprintf(session.name, sizeof(session.name), "%s", pg_text(rows, 0, 3));
        session.left_ms = left > 0 ? (uint64_t)left : 0;
        session.due = pg_bool(rows, 0, 5);
    }
    done(call->ctx, error, error == 0 ? &session : NULL);
    free(call);
}

/* After SET, w is the row as it was; after RETURNING, as it is now. */
static const char show_sql[] =
    "WITH stolen AS (DELETE FROM web_sessions WHERE last_hash = $1 AND last_until <= now()"
    "  AND $5::bool RETURNING 1),"
    " shown AS (UPDATE web_sessions w SET used_at = now(),"
    "  cookie_hash = CASE WHEN next_hash = $1 THEN next_hash ELSE cookie_hash END,"
    "  sealed = CASE WHEN next_hash = $1 THEN next_sealed ELSE sealed END,"
    "  last_hash = CASE WHEN next_hash = $1 THEN cookie_hash ELSE last_hash END,"
    "  last_sealed = CASE WHEN next_hash = $1 THEN sealed ELSE last_sealed END,"
    "  last_until = CASE WHEN next_hash = $1 THEN now() + interval '60 seconds' ELSE last_until"
    "   END,"
    "  next_sealed = CASE WHEN next_hash = $1 THEN NULL ELSE next_sealed END,"
    "  next_hash = CASE WHEN next_hash = $1 THEN NULL ELSE next_hash END"
    "  FROM users u WHERE u.id = w.user_id"
    "   AND (cookie_hash = $1 OR next_hash = $1"
    "    OR (last_hash = $1 AND (last_until > now() OR NOT $5::bool)))"
    "   AND (NOT $5::bool OR (used_at > now() - $2::bigint * interval '1 millisecond'"
    "    AND w.created_at > now() - $3::bigint * interval '1 millisecond'))"
    "  RETURNING w.id::text, w.user_id::text,"
    "   CASE WHEN cookie_hash = $1 THEN sealed ELSE last_sealed END AS opens, u.name,"
    "   $3::bigint - (extract(epoch FROM now() - w.created_at) * 1000)::bigint AS left_ms,"
    "   cookie_hash = $1 AND changed_at <= now() - $4::bigint * interval '1 millisecond' AS due)"
    " SELECT shown.*, EXISTS (SELECT 1 FROM stolen) FROM (SELECT 1) AS one LEFT JOIN shown ON true";

void store_web_session_show(struct store *store, const uint8_t *cookie_hash,
                            store_web_session_done *done, void *ctx) {
    static const enum config_key ages[] = {CONFIG_gateway_session_idle_ms,
                                           CONFIG_gateway_session_max_ms,
                                           CONFIG_gateway_session_rotate_ms};
    char texts[COUNT_OF(ages)][24];
    for (size_t i = 0; i < COUNT_OF(ages); i++)
        snprintf(texts[i], sizeof(texts[i]), "%" PRIu64, config_u64(store->config, ages[i]));
    struct pg_param params[] = {PARAM_HASH(cookie_hash), PG_TEXT(texts[0]), PG_TEXT(texts[1]),
                                PG_TEXT(texts[2]), PARAM_BOOL(rule_holds(RULE_SESSION_LIVES))};
    store_ask(store, show_sql, params, COUNT_OF(params), on_shown, (void (*)(void))done, ctx);
}

static void on_peeked(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_web_session_done *done = (store_web_session_done *)call->any;
    struct store_web_session session = {0};
    if (error == 0 && pg_count(rows) == 0)
        error = -ENOENT;
    if (error == 0)
        fill(rows, &session);
    done(call->ctx, error, error == 0 ? &session : NULL);
    free(call);
}

void store_web_session_peek(struct store *store, const uint8_t *cookie_hash,
                            store_web_session_done *done, void *ctx) {
    static const char sql[] =
        "SELECT id::text, user_id::text, CASE WHEN cookie_hash = $1 THEN sealed"
        "  WHEN next_hash = $1 THEN next_sealed ELSE last_sealed END"
        " FROM web_sessions WHERE " THE_SESSION;
    struct pg_param params[] = {PARAM_HASH(cookie_hash)};
    store_ask(store, sql, params, COUNT_OF(params), on_peeked, (void (*)(void))done, ctx);
}

/* changed_at says when a cookie was last handed out: of two pages that show the session at once one
 * gets the next cookie, and one that never arrived is made anew when it would be due again. */
void store_web_session_rotate(struct store *store, const struct store_web_session *session,
                              const uint8_t *cookie_hash, const uint8_t *next_hash,
                              store_done *done, void *ctx) {
    static const char sql[] =
        "UPDATE web_sessions SET next_hash = $3, next_sealed = $4, changed_at = now()"
        " WHERE id = $2 AND cookie_hash = $1"
        "  AND changed_at <= now() - $5::bigint * interval '1 millisecond' RETURNING 1";
    char rotate[24];
    snprintf(rotate, sizeof(rotate), "%" PRIu64,
             config_u64(store->config, CONFIG_gateway_session_rotate_ms));
    struct pg_param params[] = {PARAM_HASH(cookie_hash), PG_TEXT(session->id),
                                PARAM_HASH(next_hash),
                                PG_BYTES(session->sealed, session->sealed_len), PG_TEXT(rotate)};
    store_run(store, sql, params, COUNT_OF(params), -ENOENT, done, ctx);
}

void store_web_session_renew(struct store *store, const struct store_web_session *session,
                             const uint8_t *cookie_hash, store_done *done, void *ctx) {
    static const char sql[] =
        "UPDATE web_sessions SET sealed = CASE WHEN cookie_hash = $1 THEN $3 ELSE sealed END,"
        "  next_sealed = CASE WHEN next_hash = $1 THEN $3 ELSE next_sealed END,"
        "  last_sealed = CASE WHEN last_hash = $1 THEN $3 ELSE last_sealed END"
        " WHERE id = $2 AND " THE_SESSION " RETURNING 1";
    struct pg_param params[] = {PARAM_HASH(cookie_hash), PG_TEXT(session->id),
                                PG_BYTES(session->sealed, session->sealed_len)};
    store_run(store, sql, params, COUNT_OF(params), -ENOENT, done, ctx);
}

void store_web_session_end(struct store *store, const uint8_t *cookie_hash, store_done *done,
                           void *ctx) {
    static const char sql[] = "DELETE FROM web_sessions WHERE " THE_SESSION " AND $2::bool";
    struct pg_param params[] = {PARAM_HASH(cookie_hash),
                                PARAM_BOOL(rule_holds(RULE_SESSION_LIVES))};
    store_run(store, sql, params, COUNT_OF(params), 0, done, ctx);
}

void store_web_session_end_all(struct store *store, const uint8_t *cookie_hash,
                               store_web_user_done *done, void *ctx) {
    static const char sql[] =
        "WITH me AS (SELECT user_id FROM web_sessions WHERE " THE_SESSION "),"
        " gone AS (DELETE FROM web_sessions w USING me WHERE w.user_id = me.user_id AND $2::bool)"
        " SELECT user_id::text FROM me";
    struct pg_param params[] = {PARAM_HASH(cookie_hash),
                                PARAM_BOOL(rule_holds(RULE_SESSION_LIVES))};
    store_ask(store, sql, params, COUNT_OF(params), on_user, (void (*)(void))done, ctx);
}
