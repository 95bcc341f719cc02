#include "supervisor/store_turns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ipc/log.h"
#include "supervisor/store_internal.h"

#define NUMBER_SIZE 24

void store_day(int64_t ms, char out[static STORE_DAY_SIZE]) {
    struct tm t = {0};
    time_t seconds = (time_t)(ms / 1000);
    (void)gmtime_r(&seconds, &t);
    (void)strftime(out, STORE_DAY_SIZE, "%Y-%m-%d", &t);
}

/* The words behind the bits, with commas between. */
static void shown_words(uint32_t bits, char *out, size_t cap) {
#define SHOWN(name, word, what) word,
    static const char *const words[] = {
#include "agent/shown.def"
    };
#undef SHOWN
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(words) && i < 32; i++) {
        if ((bits >> i & 1u) == 0)
            continue;
        int n = snprintf(out + len, cap - len, "%s%s", len > 0 ? "," : "", words[i]);
        len += n > 0 && (size_t)n < cap - len ? (size_t)n : 0;
    }
}

/* The sums' rows are locked in one order, all users' first, so that two of these never wait for
 * each other. */
static const char put_sql[] =
    "WITH r AS (INSERT INTO turns (id, user_id, frontend, origin, kind, connection_id, began_at,"
    "   took_ms, outcome, reported, tainted, refreshed, shown, reads, writes, proposals,"
    "   model_calls, tool_calls, input_tokens, output_tokens, spend)"
    "  SELECT $1, id, frontend, $3, $4, nullif($5, ''),"
    "   timestamptz 'epoch' + $6::bigint * interval '1 millisecond', $7::integer, $8,"
    "   $9::boolean, $10::boolean, $11::boolean, string_to_array($12, ','), $13::integer,"
    "   $14::integer, $15::integer, $16::integer, $17::integer, $18::bigint, $19::bigint,"
    "   $20::bigint"
    "  FROM users WHERE id = $2 ON CONFLICT (id) DO NOTHING"
    "  RETURNING user_id, frontend, (began_at AT TIME ZONE 'UTC')::date AS day,"
    "   input_tokens + output_tokens AS tokens, spend),"
    " f AS (INSERT INTO frontend_days AS d (frontend, day, turns, tokens, spend)"
    "  SELECT n.name, r.day, 1, r.tokens, r.spend"
    "   FROM r CROSS JOIN LATERAL (VALUES (1, ''), (2, r.frontend)) AS n (at, name) ORDER BY n.at"
    "  ON CONFLICT (day, frontend) DO UPDATE SET turns = d.turns + 1,"
    "   tokens = d.tokens + excluded.tokens, spend = d.spend + excluded.spend"
    "  RETURNING d.frontend, d.turns),"
    " u AS (INSERT INTO user_days AS d (user_id, day, turns, tokens, spend)"
    "  SELECT user_id, day, 1, tokens, spend FROM r"
    "  ON CONFLICT (user_id, day) DO UPDATE SET turns = d.turns + 1,"
    "   tokens = d.tokens + excluded.tokens, spend = d.spend + excluded.spend)"
    " SELECT turns FROM f WHERE frontend = ''";

static struct pg_param number(char out[static NUMBER_SIZE], uint64_t value) {
    (void)snprintf(out, NUMBER_SIZE, "%" PRIu64, value);
    return PG_TEXT(out);
}

static void on_put(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_turn_done *done = (store_turn_done *)call->any;
    bool kept = error == 0 && pg_count(rows) > 0;
    done(call->ctx, error, kept ? (uint64_t)pg_int(rows, 0, 0) : 0);
    free(call);
}

void store_turn_put(struct store *store, const struct store_turn *turn, store_turn_done *done,
                    void *ctx) {
    char n[10][NUMBER_SIZE], shown[256];
    shown_words(turn->shown, shown, sizeof(shown));
    struct pg_param params[] = {PG_TEXT(turn->id),
                                PG_TEXT(turn->user),
                                PG_TEXT(turn->origin),
                                PG_TEXT(turn->kind),
                                PG_TEXT(turn->connection),
                                number(n[0], (uint64_t)turn->began_ms),
                                number(n[1], turn->took_ms),
                                PG_TEXT(turn->outcome),
                                PARAM_BOOL(turn->reported),
                                PARAM_BOOL(turn->tainted),
                                PARAM_BOOL(turn->refreshed),
                                PG_TEXT(shown),
                                number(n[2], turn->reads),
                                number(n[3], turn->writes),
                                number(n[4], turn->proposals),
                                number(n[5], turn->model_calls),
                                number(n[6], turn->tool_calls),
                                number(n[7], turn->input_tokens),
                                number(n[8], turn->output_tokens),
                                number(n[9], turn->spend)};
    store_ask(store, put_sql, params, COUNT_OF(params), on_put, (void (*)(void))done, ctx);
}

static void on_today(void *ctx, int error, const struct pg_rows *rows) {
    struct store_call *call = ctx;
    store_today_done *done = (store_today_done *)call->any;
    struct store_today today = {0};
    if (error == 0 && pg_count(rows) > 0)
        today = (struct store_today){.turns = (uint64_t)pg_int(rows, 0, 0),
                                     .tokens = (uint64_t)pg_int(rows, 0, 1),
                                     .spend = (uint64_t)pg_int(rows, 0, 2)};
    done(call->ctx, error, &today);
    free(call);
}

void store_today(struct store *store, store_today_done *done, void *ctx) {
    static const char sql[] =
        "SELECT turns, tokens, spend FROM frontend_days WHERE day = $1::date AND frontend = ''";
    char day[STORE_DAY_SIZE];
    store_day(wall_ms(), day);
    store_ask(store, sql, &PG_TEXT(day), 1, on_today, (void (*)(void))done, ctx);
}

static void on_purged(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx, (void)rows;
    if (error != 0 && error != -EAGAIN)
        log_warn("old records of turns could not be dropped");
}

/* Sums of today and yesterday stay, however short records are kept: budgets are held against them.
 */
void store_turns_purge(struct store *store) {
    static const char sql[] =
        "WITH t AS (DELETE FROM turns WHERE ctid IN (SELECT ctid FROM turns"
        "   WHERE began_at < now() - $1::bigint * interval '1 day' LIMIT 10000)),"
        " u AS (DELETE FROM user_days WHERE ctid IN (SELECT ctid FROM user_days"
        "   WHERE day < (now() AT TIME ZONE 'UTC')::date - greatest($1::integer, 2) LIMIT 10000))"
        " DELETE FROM frontend_days WHERE ctid IN (SELECT ctid FROM frontend_days"
        "   WHERE day < (now() AT TIME ZONE 'UTC')::date - greatest($1::integer, 2) LIMIT 10000)";
    char days[NUMBER_SIZE];
    uint64_t kept = config_u64(store->config, CONFIG_budgets_records_days);
    (void)snprintf(days, sizeof(days), "%" PRIu64, kept < 36500 ? kept : 36500);
    struct pg_param params[] = {PG_TEXT(days)};
    pg_query(store->pg, sql, params, COUNT_OF(params), on_purged, store);
}
