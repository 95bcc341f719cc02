/* What the owner is told when the calendar cannot be used: in words, and not too often. */
#include <string.h>

#include "business/change.h"
#include "business/saga.h"

static const struct {
    const char *code, *words;
} troubles[] = {
    {"not_connected", "No Google calendar is connected. Connect it to be booked again."},
    {"disconnected", "The Google calendar was disconnected. Connect it to be booked again."},
    {"reconnect_required", "Google does not accept the connection any more. Connect it again."},
    {"missing_permission", "The connection does not allow reading free times or writing events. "
                           "Connect again and allow both."},
    {"scopes_missing", "The connection does not allow reading free times or writing events. "
                       "Connect again and allow both."},
    {"other_account", "Another Google account is connected than the one that has the events of "
                      "upcoming bookings. They stay booked, and changes to their events are not "
                      "seen. Connect the earlier account again, or cancel them."},
    {"unknown_user", "The account that this business belongs to is not known any more."},
    {"google_unavailable", "Google Calendar could not be reached."},
    {"google_rate_limited", "Google Calendar is asked too often at the moment."},
    {"google_quota", "Google's daily limit for this service is used up."},
    {"google_rejected", "Google did not accept what was asked of the calendar."},
    {"not_allowed", "An event in the calendar has the id of a booking and is none."},
};

const char *saga_trouble(const char *code) {
    for (size_t i = 0; i < COUNT_OF(troubles); i++)
        if (strcmp(code, troubles[i].code) == 0)
            return troubles[i].words;
    return NULL;
}

static void on_told(void *ctx, int error, const struct pg_rows *rows) {
    if (error == 0 && pg_int(rows, 0, 0) > 0) /* else the next trouble tells */
        change_told(ctx);
}

void saga_tell_trouble(struct business_server *server, const char *owner, const char *business,
                       const char *business_name, const char *code) {
    static const char sql[] =
        "WITH t AS (INSERT INTO calendar_troubles AS t (owner) VALUES ($1) "
        "ON CONFLICT (owner) DO UPDATE SET told_at = now() "
        "WHERE t.told_at < now() - interval '1 hour' RETURNING 1), "
        "o AS (INSERT INTO outbox (kind, to_kind, business, reference, payload) "
        "SELECT 'calendar_trouble', 'owner', $2, '', word FROM t, "
        "words_to('owner', $2, $1, 'calendar_trouble', jsonb_build_object('business_name', "
        "$3::text, "
        "'reason', $4::text)) AS word RETURNING 1) "
        "SELECT count(*) FROM o";
    const char *words = saga_trouble(code);
    if (words == NULL)
        return;
    struct pg_param params[] = {PG_TEXT(owner), PG_TEXT(business), PG_TEXT(business_name),
                                PG_TEXT(words)};
    business_query(server, sql, params, COUNT_OF(params), on_told, server);
}
