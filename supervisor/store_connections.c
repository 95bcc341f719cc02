/* Connections from token to removal. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/rules.h"
#include "supervisor/store_connect.h"
#include "supervisor/store_internal.h"
#include "supervisor/words.h"

#define UNFINISHED_MAX 16

#define COLUMNS                                                                                    \
    "c.id::text, c.state, array_to_string(c.scopes, ' '), array_to_string(c.features, ' '),"       \
    " (extract(epoch FROM c.connected_at) * 1000)::bigint,"                                        \
    " (extract(epoch FROM clock_timestamp() - c.changed_at) * 1000)::bigint,"                      \
    " c.sealed_refresh, c.token_version, c.subject_tag"

enum { USER, ID, STATE, SCOPES, FEATURES, CONNECTED, AGE, REFRESH, VERSION, SUBJECT };

static struct store_connection read_row(const struct pg_rows *rows, unsigned row) {
    struct store_connection connection = {
        .scopes = pg_text(rows, row, SCOPES),
        .features = pg_text(rows, row, FEATURES),
        .connected_at_ms = pg_int(rows, row, CONNECTED),
        .age_ms = pg_int(rows, row, AGE),
        .token_version = (uint64_t)pg_int(rows, row, VERSION),
    };
    connection.refresh = pg_bytes(rows, row, REFRESH, &connection.refresh_len);
    connection.subject_tag = pg_bytes(rows, row, SUBJECT, &connection.subject_tag_len);
    store_id(rows, row, USER, connection.user);
    store_id(rows, row, ID, connection.id);
    snprintf(connection.state, sizeof(connection.state), "%s",
             connection.id[0] == '\0' ? "none" : pg_text(rows, row, STATE));
    return connection;
}

static void on_connection(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_connection_done *done = (store_connection_done *)call->any;
    struct store_connection row = {0};
    if (error == 0 && pg_count(rows) == 0)
        error = -ENOENT;
    if (error == 0)
        row = read_row(rows, 0);
    done(call->ctx, error, error == 0 ? &row : NULL);
    free(call);
}

void store_connection_get(struct store *store, const char *user, store_connection_done *done,
                          void *ctx) {
    static const char sql[] =
        "SELECT u.id::text, " COLUMNS " FROM users u LEFT JOIN connections c ON c.user_id = u.id"
        "  AND c.state IN ('active', 'broken', 'disconnecting')"
        " WHERE u.id = $1 ORDER BY c.state = 'disconnecting', c.changed_at DESC LIMIT 1";
    store_ask(store, sql, &PG_TEXT(user), 1, on_connection, (void (*)(void))done, ctx);
}

void store_disconnect_begin(struct store *store, const char *user, store_connection_done *done,
                            void *ctx) {
    /* One that was already ending is answered for when there is no live one. */
    static const char sql[] =
        "WITH u AS (SELECT id FROM users WHERE id = $1),"
        " live AS (UPDATE connections SET state = 'disconnecting', changed_at = now()"
        "  WHERE user_id = (SELECT id FROM u) AND state IN ('active', 'broken') RETURNING *),"
        " c AS (SELECT * FROM live UNION ALL SELECT * FROM connections"
        "  WHERE user_id = (SELECT id FROM u) AND state = 'disconnecting')"
        " SELECT u.id::text, " COLUMNS " FROM u LEFT JOIN c ON true"
        " ORDER BY c.changed_at DESC LIMIT 1";
    store_ask(store, sql, &PG_TEXT(user), 1, on_connection, (void (*)(void))done, ctx);
}

void store_forget_account(struct store *store, const char *user, store_done *done, void *ctx) {
    static const char sql[] =
        "UPDATE users SET subject_tag = NULL WHERE id = $1 AND frontend <> 'web' RETURNING 1";
    store_run(store, sql, &PG_TEXT(user), 1, -ENOENT, done, ctx);
}

void store_put_token(struct store *store, const char *connection, const Cloister__PutToken *put,
                     store_done *done, void *ctx) {
    static const char sql[] =
        "UPDATE connections SET sealed_refresh = $2::bytea, token_version = $3::bigint,"
        "  scopes = string_to_array($4::text, ' '), subject_tag = $5::bytea, changed_at = now()"
        " WHERE id = $1 AND state = 'pending' AND (sealed_refresh IS NULL OR NOT $6::bool)"
        " RETURNING 1";
    char version[24];
    SCOPE_FREE char *scopes = words_join(put->scopes, put->n_scopes);
    snprintf(version, sizeof(version), "%llu", (unsigned long long)put->version);
    struct pg_param params[] = {PG_TEXT(connection),
                                PG_BYTES(put->refresh.data, put->refresh.len),
                                PG_TEXT(version),
                                PG_TEXT(scopes != NULL ? scopes : ""),
                                PG_BYTES(put->subject_tag.data, put->subject_tag.len),
                                PARAM_BOOL(rule_holds(RULE_STATE_ONCE))};
    store_run(store, sql, params, COUNT_OF(params), -ENOENT, done, ctx);
}

void store_discard(struct store *store, const char *connection, store_done *done, void *ctx) {
    static const char sql[] = "UPDATE connections SET state = 'discarded', sealed_refresh = NULL,"
                              " changed_at = now() WHERE id = $1"
                              " AND state IN ('pending', 'disconnecting', 'discarded')";
    store_run(store, sql, &PG_TEXT(connection), 1, 0, done, ctx);
}

void store_connection_remove(struct store *store, const char *connection, store_done *done,
                             void *ctx) {
    static const char sql[] =
        "DELETE FROM connections WHERE id = $1 AND state IN ('disconnecting', 'discarded')";
    store_run(store, sql, &PG_TEXT(connection), 1, 0, done, ctx);
}

static void on_unfinished(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_unfinished_done *done = (store_unfinished_done *)call->any;
    struct store_connection found[UNFINISHED_MAX];
    unsigned n = 0;
    for (; error == 0 && n < pg_count(rows) && n < UNFINISHED_MAX; n++)
        found[n] = read_row(rows, n);
    done(call->ctx, error, found, n);
    free(call);
}

void store_unfinished(struct store *store, store_unfinished_done *done, void *ctx) {
    /* Google ends every token of an account at once. When its owner has connected it again, the
     * earlier one is not revoked any more: that would end the new one, too. */
    static const char sql[] =
        "WITH stale AS (UPDATE connections SET state = 'discarded', sealed_refresh = NULL,"
        "  changed_at = now() WHERE id IN (SELECT id FROM connections WHERE state = 'pending'"
        "   AND changed_at < now() - interval '15 minutes' ORDER BY changed_at LIMIT 16"
        "   FOR UPDATE SKIP LOCKED) RETURNING *),"
        " again AS (UPDATE connections d SET state = 'discarded', sealed_refresh = NULL,"
        "  changed_at = now() FROM connections c WHERE d.state = 'disconnecting'"
        "  AND c.user_id = d.user_id AND c.state = 'active' AND c.subject_tag = d.subject_tag"
        "  RETURNING d.*),"
        " c AS (SELECT * FROM stale UNION ALL SELECT * FROM again UNION ALL"
        "  SELECT * FROM connections WHERE state IN ('disconnecting', 'discarded')"
        "   AND id NOT IN (SELECT id FROM again))"
        " SELECT c.user_id::text, " COLUMNS " FROM c ORDER BY c.changed_at LIMIT 16";
    store_ask(store, sql, NULL, 0, on_unfinished, (void (*)(void))done, ctx);
}
