/* What turns read and write: the session's rows, preferences, the broken mark. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/store_internal.h"
#include "supervisor/store_turns.h"
#include "supervisor/words.h"

#define PREFERENCES_MAX 64

static_assert(PREFERENCES_MAX == 64, "the statements below say so too");

/* A user's connection, the one that counts first: a new one may stand beside one that is being
 * ended. */
#define CURRENT_CONNECTION                                                                         \
    "SELECT id, state, sealed_refresh, token_version, scopes FROM connections"                     \
    " WHERE user_id = (SELECT id FROM u) AND state IN ('active', 'broken', 'disconnecting')"       \
    " ORDER BY state = 'disconnecting', changed_at DESC LIMIT 1"

#define TODAY                                                                                      \
    "  LEFT JOIN user_days ud ON ud.user_id = u.id AND ud.day = $4::date"                          \
    "  LEFT JOIN frontend_days fd ON fd.day = $4::date AND fd.frontend = u.frontend"               \
    "  LEFT JOIN frontend_days sd ON sd.day = $4::date AND sd.frontend = ''"

/* One row per preference, at least one. A key that was seen more than a day ago counts as new. */
static const char session_sql[] =
    "WITH u AS (SELECT id, frontend FROM users WHERE frontend = $1 AND name = $2),"
    " c AS (" CURRENT_CONNECTION "),"
    " r AS (INSERT INTO requests AS old (user_id, key_hash)"
    "  SELECT id, $3::bytea FROM u WHERE $3::bytea IS NOT NULL"
    "  ON CONFLICT (user_id, key_hash) DO UPDATE SET created_at = now()"
    "   WHERE old.created_at < now() - interval '1 day' RETURNING 1)"
    " SELECT u.id::text, c.id::text, c.state, c.sealed_refresh, c.token_version,"
    "  array_to_string(c.scopes, ' '), $3::bytea IS NOT NULL AND NOT EXISTS (SELECT 1 FROM r),"
    "  p.id::text, p.sealed, (extract(epoch FROM p.created_at) * 1000)::bigint,"
    "  ud.tokens, ud.spend, fd.tokens, fd.spend, sd.tokens, sd.spend, u.frontend, sd.turns"
    " FROM u LEFT JOIN c ON true LEFT JOIN preferences p ON p.user_id = u.id" TODAY
    " ORDER BY p.created_at, p.id";

/* The same columns. $1 to $3 as there, and not looked at, but for the id. */
static const char session_of_sql[] =
    "WITH u AS (SELECT id, frontend FROM users WHERE id = $1), c AS (" CURRENT_CONNECTION ")"
    " SELECT u.id::text, c.id::text, c.state, c.sealed_refresh, c.token_version,"
    "  array_to_string(c.scopes, ' '), $2::text IS NOT NULL AND $3::bytea IS NOT NULL,"
    "  NULL::text, NULL::bytea, NULL::bigint,"
    "  ud.tokens, ud.spend, fd.tokens, fd.spend, sd.tokens, sd.spend, u.frontend, sd.turns"
    " FROM u LEFT JOIN c ON true" TODAY;

enum {
    USER,
    CONNECTION,
    STATE,
    REFRESH,
    VERSION,
    SCOPES,
    REPEATED,
    PREF_ID,
    PREF_SEALED,
    PREF_AT,
    USER_TODAY, /* tokens, then spend */
    FRONTEND_TODAY = USER_TODAY + 2,
    SERVER_TODAY = FRONTEND_TODAY + 2,
    FRONTEND = SERVER_TODAY + 2,
    TURNS_TODAY
};

static ProtobufCBinaryData bytes_of(const struct pg_rows *rows, unsigned row, unsigned column) {
    ProtobufCBinaryData data;
    data.data = (uint8_t *)(uintptr_t)pg_bytes(rows, row, column, &data.len);
    return data;
}

struct state_space {
    Cloister__SealedItem items[PREFERENCES_MAX], *pointers[PREFERENCES_MAX];
};

/* Points into `rows`, `scopes` and `space`. */
static void fill_state(const struct pg_rows *rows, const struct words *scopes,
                       struct state_space *space, Cloister__SealedState *state) {
    state->connection = (char *)(uintptr_t)pg_text(rows, 0, CONNECTION);
    state->refresh = bytes_of(rows, 0, REFRESH);
    state->token_version = (uint64_t)pg_int(rows, 0, VERSION);
    state->n_scopes = scopes->n;
    state->scopes = (char **)(uintptr_t)scopes->list;
    state->preferences = space->pointers;
    for (unsigned i = 0; i < pg_count(rows) && state->n_preferences < PREFERENCES_MAX; i++) {
        if (pg_is_null(rows, i, PREF_ID))
            continue;
        Cloister__SealedItem *item = &space->items[state->n_preferences];
        cloister__sealed_item__init(item);
        item->id = (char *)(uintptr_t)pg_text(rows, i, PREF_ID);
        item->sealed = bytes_of(rows, i, PREF_SEALED);
        item->created_at_ms = pg_int(rows, i, PREF_AT);
        space->pointers[state->n_preferences++] = item;
    }
}

/* 0 where there is no row yet. */
static struct store_used used_of(const struct pg_rows *rows, unsigned column) {
    return (struct store_used){.tokens = (uint64_t)pg_int(rows, 0, column),
                               .spend = (uint64_t)pg_int(rows, 0, column + 1)};
}

static void on_session(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_session_done *done = (store_session_done *)call->any;
    if (error == 0 && pg_count(rows) == 0)
        error = -ENOENT;
    if (error != 0) {
        done(call->ctx, error, NULL);
        free(call);
        return;
    }
    struct state_space space;
    SCOPE_WORDS struct words scopes = {0};
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    struct store_session session = {.state = &state,
                                    .repeated = pg_bool(rows, 0, REPEATED),
                                    .user_today = used_of(rows, USER_TODAY),
                                    .frontend_today = used_of(rows, FRONTEND_TODAY),
                                    .server_today = used_of(rows, SERVER_TODAY),
                                    .turns_today = (uint64_t)pg_int(rows, 0, TURNS_TODAY)};
    words_split(pg_text(rows, 0, SCOPES), &scopes);
    fill_state(rows, &scopes, &space, &state);
    store_id(rows, 0, USER, session.user);
    store_id(rows, 0, CONNECTION, session.connection);
    snprintf(session.frontend, sizeof(session.frontend), "%s", pg_text(rows, 0, FRONTEND));
    snprintf(session.connection_state, sizeof(session.connection_state), "%s",
             session.connection[0] == '\0' ? "none" : pg_text(rows, 0, STATE));
    done(call->ctx, 0, &session);
    free(call);
}

void store_session(struct store *store, const char *frontend, const char *name,
                   const uint8_t *idempotency, store_session_done *done, void *ctx) {
    char day[STORE_DAY_SIZE];
    store_day(wall_ms(), day);
    struct pg_param params[] = {PG_TEXT(frontend), PG_TEXT(name), PARAM_HASH(idempotency),
                                PG_TEXT(day)};
    store_ask(store, session_sql, params, COUNT_OF(params), on_session, (void (*)(void))done, ctx);
}

void store_session_of(struct store *store, const char *user, store_session_done *done, void *ctx) {
    char day[STORE_DAY_SIZE];
    store_day(wall_ms(), day);
    struct pg_param params[] = {PG_TEXT(user), PG_NULL, PG_NULL, PG_TEXT(day)};
    store_ask(store, session_of_sql, params, COUNT_OF(params), on_session, (void (*)(void))done,
              ctx);
}

static void on_user(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_user_done *done = (store_user_done *)call->any;
    char user[ID_LEN + 1] = "";
    if (error == 0 && pg_count(rows) == 0)
        error = -ENOENT;
    if (error == 0)
        store_id(rows, 0, 0, user);
    done(call->ctx, error, user);
    free(call);
}

void store_user(struct store *store, const char *frontend, const char *name, store_user_done *done,
                void *ctx) {
    static const char sql[] = "SELECT id::text FROM users WHERE frontend = $1 AND name = $2";
    struct pg_param params[] = {PG_TEXT(frontend), PG_TEXT(name)};
    store_ask(store, sql, params, COUNT_OF(params), on_user, (void (*)(void))done, ctx);
}

/* ---- preferences ---- */

static void on_preference(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    if (error == 0 && pg_count(rows) == 0)
        error = -ENOENT; /* no such user */
    else if (error == 0 && !pg_bool(rows, 0, 0))
        error = pg_bool(rows, 0, 2)                     ? -ENOENT
                : pg_int(rows, 0, 1) >= PREFERENCES_MAX ? -ENOSPC
                                                        : -EEXIST;
    call->done(call->ctx, error);
    free(call);
}

void store_put_preference(struct store *store, const char *user, const Cloister__PutPreference *put,
                          store_done *done, void *ctx) {
    /* The row lock makes two at once count one after the other. */
    static const char sql[] = "WITH u AS (SELECT id FROM users WHERE id = $1 FOR UPDATE),"
                              " held AS (SELECT u.id AS user_id, count(p.id) AS n, "
                              "coalesce(bool_or(p.id = $2), false) AS again"
                              "  FROM u LEFT JOIN preferences p ON p.user_id = u.id GROUP BY u.id),"
                              " made AS (INSERT INTO preferences AS p (id, user_id, sealed)"
                              "  SELECT $2, user_id, $3::bytea FROM held"
                              "  WHERE again OR (n < 64 AND NOT $4::boolean)"
                              "  ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed WHERE "
                              "p.user_id = excluded.user_id"
                              "  RETURNING 1)"
                              " SELECT EXISTS (SELECT 1 FROM made), n, $4::boolean FROM held";
    struct pg_param params[] = {PG_TEXT(user), PG_TEXT(put->id),
                                PG_BYTES(put->sealed.data, put->sealed.len),
                                PG_TEXT(put->correct ? "t" : "f")};
    store_ask(store, sql, params, COUNT_OF(params), on_preference, (void (*)(void))done, ctx);
}

void store_delete_preference(struct store *store, const char *user, const char *id,
                             store_done *done, void *ctx) {
    struct pg_param params[] = {PG_TEXT(user), PG_TEXT(id)};
    if (*id == '\0')
        store_run(store, "DELETE FROM preferences WHERE user_id = $1", params, 1, 0, done, ctx);
    else
        store_run(store, "DELETE FROM preferences WHERE user_id = $1 AND id = $2 RETURNING 1",
                  params, 2, -ENOENT, done, ctx);
}

void store_mark_broken(struct store *store, const char *connection, store_done *done, void *ctx) {
    static const char sql[] = "UPDATE connections SET state = 'broken', changed_at = now()"
                              " WHERE id = $1 AND state IN ('active', 'broken') RETURNING 1";
    store_run(store, sql, &PG_TEXT(connection), 1, -ENOENT, done, ctx);
}
