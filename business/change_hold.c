/* Taking a time, and what becomes of it. The slot comes first: when another booking has the time,
 * nothing else is done. A key that was used ends the statement by its unique index, and with it
 * the slot. */
#include <string.h>

#include "business/change.h"

/* In one order, so that two such statements never wait for each other; of two that want one time
 * the first gets it. */
static struct together holds = {
    .sql =
        "WITH a AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], "
        "$5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], "
        "$11::text[], $12::bigint[], $13::bigint[], $14::bytea[], $15::bytea[]) "
        "WITH ORDINALITY AS a (reference, owner, business, service, starts, ends, before, "
        "after, zone, event, details, held, due, key, arguments, n)), "
        "s AS (INSERT INTO slots (booking, owner, during, held_until) SELECT reference, owner, "
        "tstzrange(to_timestamp(starts) - make_interval(secs => before), "
        "to_timestamp(ends) + make_interval(secs => after)), "
        "now() + make_interval(secs => held) FROM a ORDER BY owner, starts, n "
        "ON CONFLICT ON CONSTRAINT slots_apart DO NOTHING RETURNING booking), "
        "b AS (INSERT INTO bookings (reference, owner, business, service, status, step, "
        "starts_at, ends_at, buffer_before, buffer_after, zone, event, details, due_at) "
        "SELECT reference, owner, business, service, 'holding', 'book', to_timestamp(starts), "
        "to_timestamp(ends), make_interval(secs => before), make_interval(secs => after), "
        "zone, event, details::jsonb, now() + make_interval(secs => due) "
        "FROM a JOIN s ON s.booking = a.reference RETURNING reference), "
        "k AS (INSERT INTO used_keys (key, arguments, booking) "
        "SELECT key, arguments, reference FROM a JOIN b USING (reference) WHERE key IS NOT NULL) "
        "SELECT n FROM a JOIN b USING (reference) ORDER BY n",
    .types = "ttttiiiitttiibb"};

void change_hold(struct business_server *server, const struct booking *booking,
                 const struct used_key *key, unsigned due_s, change_done *done, void *ctx) {
    struct change *change = change_together(server, &holds, false, done, ctx);
    change_text(change, booking->reference);
    change_text(change, booking->owner);
    change_text(change, booking->business);
    change_text(change, booking->service);
    change_number(change, booking->start);
    change_number(change, booking->end);
    change_number(change, booking->before);
    change_number(change, booking->after);
    change_text(change, booking->zone);
    change_text(change, booking->event);
    change_taken(change, json_dumps(booking->details, JSON_COMPACT));
    change_number(change, HOLD_S);
    change_number(change, due_s);
    change->key = *key;
    change->with_key = true;
    change_run(change);
}

static struct together confirmations = {
    .sql = "SELECT confirm_holds($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[])",
    .types = "tittt"};

void change_confirmed(struct business_server *server, const struct booking *booking,
                      change_done *done, void *ctx) {
    struct change *change = change_together(server, &confirmations, true, done, ctx);
    struct booking now = *booking; /* as it is told of */
    now.version++;
    strcpy(now.status, "confirmed");
    change_text(change, booking->reference);
    change_number(change, booking->version);
    change_text(change, booking->account);
    change_word(change, booking_word_to_owner(&now, 0, ""));
    change_word(change, booking_word_to_customer(server, &now, 0, ""));
    change_run(change);
}

void change_released(struct business_server *server, const struct booking *booking,
                     change_done *done, void *ctx) {
    static const char sql[] =
        "WITH b AS (DELETE FROM bookings WHERE reference = $1 AND version = $2::bigint AND "
        "status IN ('holding', 'undoing') RETURNING 1) SELECT count(*) FROM b";
    change_run(change_of(server, sql, booking, done, ctx));
}

void change_undoing(struct business_server *server, const struct booking *booking,
                    change_done *done, void *ctx) {
    static const char sql[] =
        "WITH b AS (UPDATE bookings SET status = 'undoing', step = 'undo', "
        "due_at = now() + interval '2 seconds', "
        "attempts = 0, removed = false, version = version + 1, changed_at = now() "
        "WHERE reference = $1 AND version = $2::bigint AND status = 'holding' RETURNING 1) SELECT "
        "count(*) FROM b";
    change_run(change_of(server, sql, booking, done, ctx));
}

#define LATER(more)                                                                                \
    "WITH b AS (UPDATE bookings SET due_at = now() + make_interval(secs => $3::bigint / "          \
    "1000.0)" more " WHERE reference = $1 AND version = $2::bigint AND step <> '' RETURNING 1) "   \
    "SELECT count(*) FROM b"

static void later(struct business_server *server, const char *sql, const struct booking *booking,
                  uint64_t due_ms) {
    struct change *change = change_of(server, sql, booking, NULL, NULL);
    change_number(change, (int64_t)due_ms);
    change_run(change);
}

void change_later(struct business_server *server, const struct booking *booking, uint64_t due_ms) {
    static const char sql[] = LATER("");
    later(server, sql, booking, due_ms);
}

void change_removed(struct business_server *server, const struct booking *booking,
                    uint64_t due_ms) {
    static const char sql[] = LATER(", removed = true, attempts = 0");
    later(server, sql, booking, due_ms);
}
