/* Moving a booking, cancelling it, and following its event. */
#include <string.h>

#include "business/change.h"

/* Parameters $3 and $4 of those that tell. 0 as `was_start`: it was not moved. Who is told why is
 * the other side alone: whoever gave an address need not be who reads its mail, and is not to
 * choose words that are sent there. */
static void change_words(struct change *change, const struct booking *now, bool to_owner,
                         int64_t was_start, const char *reason) {
    if (to_owner)
        change_word(change, booking_word_to_owner(now, was_start, reason));
    else
        change_text(change, NULL);
    change_word(change,
                booking_word_to_customer(change->server, now, was_start, to_owner ? "" : reason));
}

void change_moving(struct business_server *server, const struct booking *booking, int64_t to,
                   unsigned due_s, change_done *done, void *ctx) {
    static const char sql[] =
        "WITH l AS (SELECT * FROM bookings WHERE reference = $1 AND version = $2::bigint AND "
        "status = 'confirmed' AND step = '' FOR UPDATE), "
        "s AS (INSERT INTO slots (booking, owner, during, held_until) SELECT reference, owner, "
        "tstzrange(to_timestamp($3::bigint) - buffer_before, to_timestamp($3::bigint) + "
        "(ends_at - starts_at) + buffer_after), now() + make_interval(secs => $5::bigint) FROM l "
        "ON CONFLICT ON CONSTRAINT slots_apart DO NOTHING RETURNING booking), "
        "b AS (UPDATE bookings SET step = 'move', move_to = to_timestamp($3::bigint), "
        "due_at = now() + make_interval(secs => $4::bigint), attempts = 0, "
        "version = version + 1, changed_at = now() FROM s WHERE reference = s.booking RETURNING 1) "
        "SELECT count(*) FROM b";
    struct change *change = change_of(server, sql, booking, done, ctx);
    change_number(change, to);
    change_number(change, due_s);
    change_number(change, HOLD_S);
    change_run(change);
}

/* The row at its new time, with one slot for it; if another booking has some of that time, the
 * event in the calendar is what keeps it. */
#define NOW_AT(guard, tells)                                                                       \
    "WITH b AS (UPDATE bookings SET starts_at = to_timestamp($5::bigint), "                        \
    "ends_at = to_timestamp($6::bigint), step = '', move_to = NULL, due_at = NULL, attempts = 0, " \
    "version = version + 1, looked_at = now(), changed_at = now() WHERE reference = $1 AND "       \
    "version = $2::bigint AND " guard " RETURNING reference, business, owner, buffer_before, "     \
    "buffer_after, starts_at, ends_at), "                                                          \
    "d AS (DELETE FROM slots USING b WHERE slots.booking = b.reference RETURNING slots.booking), " \
    "s AS (INSERT INTO slots (booking, owner, during) SELECT b.reference, b.owner, "               \
    "tstzrange(b.starts_at - b.buffer_before, b.ends_at + b.buffer_after) FROM b "                 \
    "ON CONFLICT ON CONSTRAINT slots_apart DO NOTHING RETURNING 1), " tells

void change_moved(struct business_server *server, const struct booking *booking, bool by_owner,
                  change_done *done, void *ctx) {
    static const char sql[] = NOW_AT("step = 'move'", CHANGE_TELLS("booking_moved"));
    struct change *change = change_of(server, sql, booking, done, ctx);
    struct booking now = *booking;
    now.version++;
    now.step[0] = '\0';
    now.end = booking->move_to + (booking->end - booking->start);
    now.start = booking->move_to;
    change_words(change, &now, !by_owner, booking->start, "");
    change_number(change, now.start);
    change_number(change, now.end);
    change_run(change);
}

int64_t change_end_of(const struct booking *booking, int64_t start, int64_t end) {
    return end > start ? end : start + (booking->end - booking->start);
}

void change_followed(struct business_server *server, const struct booking *booking, int64_t start,
                     int64_t end, change_done *done, void *ctx) {
    static const char sql[] = NOW_AT("status = 'confirmed'", CHANGE_TELLS("booking_moved"));
    struct change *change = change_of(server, sql, booking, done, ctx);
    struct booking now = *booking;
    now.version++;
    now.step[0] = '\0';
    now.start = start;
    now.end = change_end_of(booking, start, end);
    change_words(change, &now, false, booking->start, "");
    change_number(change, now.start);
    change_number(change, now.end);
    change_run(change);
}

void change_stayed(struct business_server *server, const struct booking *booking, change_done *done,
                   void *ctx) {
    static const char sql[] =
        "WITH b AS (UPDATE bookings SET step = '', move_to = NULL, due_at = NULL, attempts = 0, "
        "version = version + 1, looked_at = now(), changed_at = now() WHERE reference = $1 AND "
        "version = $2::bigint AND step = 'move' RETURNING reference), "
        "d AS (DELETE FROM slots USING b WHERE slots.booking = b.reference AND "
        "slots.held_until IS NOT NULL) SELECT count(*) FROM b";
    change_run(change_of(server, sql, booking, done, ctx));
}

/* Sets details.reason and details.cancelled_by, frees the time, and tells. */
#define CANCELS(status, step, due, guard)                                                          \
    "WITH b AS (UPDATE bookings SET status = '" status "', step = '" step "', move_to = NULL, "    \
    "due_at = " due ", attempts = 0, version = version + 1, changed_at = now(), "                  \
    "details = details || $5::jsonb WHERE reference = $1 AND version = $2::bigint AND "            \
    "status = 'confirmed' AND " guard " RETURNING reference, business, owner), "                   \
    "d AS (DELETE FROM slots USING b WHERE slots.booking = b.reference), " CHANGE_TELLS(           \
        "booking_cancelled")

static struct change *cancels(struct business_server *server, const char *sql,
                              const struct booking *booking, bool by_owner, const char *reason,
                              change_done *done, void *ctx) {
    struct change *change = change_of(server, sql, booking, done, ctx);
    struct booking now = *booking;
    now.version++;
    strcpy(now.status, "cancelled"); /* for everybody but the calendar */
    change_words(change, &now, !by_owner, 0, reason);
    json_t *more =
        json_pack("{s:s, s:s}", "cancelled_by", by_owner ? "owner" : "customer", "reason", reason);
    change_taken(change, json_dumps(more, JSON_COMPACT));
    json_decref(more);
    return change;
}

void change_cancelling(struct business_server *server, const struct booking *booking, bool by_owner,
                       const char *reason, unsigned due_s, change_done *done, void *ctx) {
    static const char sql[] =
        CANCELS("cancelling", "cancel", "now() + make_interval(secs => $6::bigint)", "step = ''");
    struct change *change = cancels(server, sql, booking, by_owner, reason, done, ctx);
    change_number(change, due_s);
    change_run(change);
}

void change_cancelled_by_owner(struct business_server *server, const struct booking *booking,
                               change_done *done, void *ctx) {
    static const char sql[] = CANCELS("cancelled", "", "NULL", "step IN ('', 'move')");
    change_run(cancels(server, sql, booking, true, "", done, ctx));
}

void change_cancelled(struct business_server *server, const struct booking *booking,
                      change_done *done, void *ctx) {
    static const char sql[] =
        "WITH b AS (UPDATE bookings SET status = 'cancelled', step = '', due_at = NULL, "
        "attempts = 0, version = version + 1, changed_at = now() WHERE reference = $1 AND "
        "version = $2::bigint AND status = 'cancelling' RETURNING 1) SELECT count(*) FROM b";
    change_run(change_of(server, sql, booking, done, ctx));
}

void change_looked(struct business_server *server, const struct booking *booking,
                   const char *account) {
    static const char sql[] =
        "WITH b AS (UPDATE bookings SET looked_at = now(), "
        "account = coalesce(nullif($3, ''), account) WHERE reference = $1 AND "
        "version = $2::bigint RETURNING 1) SELECT count(*) FROM b";
    struct change *change = change_of(server, sql, booking, NULL, NULL);
    change_text(change, account);
    change_run(change);
}
