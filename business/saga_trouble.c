/* What the owner is told when the calendar cannot be used: in words, and not too often. */
#include <stdio.h>
#include <string.h>

#include "business/change.h"
#include "business/saga.h"
#include "ipc/log.h"

#define OWNERS      1024u
#define WELL_FOR_MS 60000u

static const struct trouble {
    const char *code;
    const char *state; /* what the owner is told of once; as calendar_troubles has it */
    bool ends;         /* only by what the owner does, which may be never */
    const char *words;
} troubles[] = {
    {"not_connected", "connection", true,
     "No Google calendar is connected. Connect it to be booked again."},
    {"disconnected", "connection", true,
     "The Google calendar was disconnected. Connect it to be booked again."},
    {"reconnect_required", "connection", true,
     "Google does not accept the connection any more. Connect it again."},
    {"missing_permission", "permission", false,
     "The connection does not allow reading free times or writing events. "
     "Connect again and allow both."},
    {"scopes_missing", "permission", false,
     "The connection does not allow reading free times or writing events. "
     "Connect again and allow both."},
    {"other_account", "other_account", false,
     "Another Google account is connected than the one that has the events of "
     "upcoming bookings. They stay booked, and changes to their events are not "
     "seen. Connect the earlier account again, or cancel them."},
    {"unknown_user", "connection", true,
     "The account that this business belongs to is not known any more."},
    {"google_unavailable", "google", false, "Google Calendar could not be reached."},
    {"google_rate_limited", "google", false, "Google Calendar is asked too often at the moment."},
    {"google_quota", "google", false, "Google's daily limit for this service is used up."},
    {"google_rejected", "event", false, "Google did not accept what was asked of the calendar."},
    {"not_allowed", "event", false,
     "An event in the calendar has the id of a booking and is none."},
};

static const struct trouble *trouble_of(const char *code) {
    for (size_t i = 0; i < COUNT_OF(troubles); i++)
        if (strcmp(code, troubles[i].code) == 0)
            return &troubles[i];
    return NULL;
}

const char *saga_trouble(const char *code) {
    const struct trouble *trouble = trouble_of(code);
    return trouble != NULL ? trouble->words : NULL;
}

bool saga_lost(const char *code) {
    const struct trouble *trouble = trouble_of(code);
    return trouble != NULL && trouble->ends;
}

/* ---- well again ---- */

/* Of whom it was written down a moment ago: most are well, and need not be at every step. */
static struct {
    char owner[ID_LEN + 1];
    uint64_t at_ms;
} written[OWNERS]; /* one loop, one thread */

static size_t place_of(const char *owner) {
    uint32_t hash = 2166136261u;
    for (; *owner != '\0'; owner++)
        hash = (hash ^ (uint8_t)*owner) * 16777619u;
    return hash % OWNERS;
}

static bool written_of(const char *owner) {
    size_t i = place_of(owner);
    return written[i].at_ms != 0 && clock_ms() - written[i].at_ms < WELL_FOR_MS &&
           strcmp(written[i].owner, owner) == 0;
}

static void write_of(const char *owner, uint64_t at_ms) {
    size_t i = place_of(owner);
    written[i].at_ms = at_ms;
    (void)snprintf(written[i].owner, sizeof(written[i].owner), "%s", owner);
}

static void nothing(void *ctx, int error, const struct pg_rows *rows) {
    (void)ctx; /* the next step says it again */
    (void)error;
    (void)rows;
}

/* That a calendar can be read does not say that it can be written, nor that the other account's
 * bookings are over. */
void saga_well(struct business_server *server, const char *owner, const char *account, bool made) {
    static const char sql[] =
        "UPDATE calendar_troubles SET well = true WHERE owner = $1 AND NOT well AND CASE state "
        "WHEN 'permission' THEN $3::bool WHEN 'event' THEN $3::bool "
        "WHEN 'other_account' THEN NOT EXISTS (SELECT FROM bookings AS b WHERE b.owner = $1 AND "
        "b.status = 'confirmed' AND b.ends_at > now() AND b.account NOT IN ('', $2)) "
        "ELSE true END";
    if (written_of(owner) && !made)
        return;
    write_of(owner, clock_ms());
    struct pg_param params[] = {PG_TEXT(owner), PG_TEXT(account), PG_TEXT(made ? "t" : "f")};
    business_query(server, sql, params, COUNT_OF(params), nothing, NULL);
}

/* ---- telling ---- */

static void on_told(void *ctx, int error, const struct pg_rows *rows) {
    if (error == 0 && pg_int(rows, 0, 0) > 0) /* else the next trouble tells */
        change_told(ctx);
}

void saga_tell_trouble(struct business_server *server, const char *owner, const char *business,
                       const char *business_name, const char *code) {
    static const char sql[] =
        "WITH t AS (INSERT INTO calendar_troubles AS t (owner, state) SELECT $1, $5 WHERE NOT "
        "EXISTS (SELECT FROM calendar_troubles WHERE owner = $1 AND "
        "told_at > now() - interval '1 hour') "
        "ON CONFLICT (owner, state) DO UPDATE SET told_at = now(), well = false WHERE t.well "
        "RETURNING 1), "
        "o AS (INSERT INTO outbox (kind, to_kind, business, reference, payload) "
        "SELECT 'calendar_trouble', 'owner', $2, '', word FROM t, "
        "words_to('owner', $2, $1, 'calendar_trouble', jsonb_build_object('business_name', "
        "$3::text, "
        "'reason', $4::text)) AS word RETURNING 1) "
        "SELECT count(*) FROM o";
    const struct trouble *trouble = trouble_of(code);
    if (trouble == NULL)
        return;
    write_of(owner, 0); /* the next step that is taken says so */
    struct pg_param params[] = {PG_TEXT(owner), PG_TEXT(business), PG_TEXT(business_name),
                                PG_TEXT(trouble->words), PG_TEXT(trouble->state)};
    business_query(server, sql, params, COUNT_OF(params), on_told, server);
}
