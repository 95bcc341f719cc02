/* Changing profiles: drafts, what is published of them, and their end. Each is one statement, and
 * tells of what changed in public in the same transaction. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "business/cache.h"
#include "business/call.h"
#include "business/listing.h"
#include "business/profile_check.h"
#include "business/profiles.h"

/* Why a statement changed nothing: whose is it, and of which version? */
static void on_why(void *ctx, int error, const struct pg_rows *rows) {
    struct business_call *call = ctx;
    if (error != 0)
        business_refuse_store(call, error);
    else if (pg_count(rows) == 0)
        business_refuse_unknown(call);
    else if (pg_bool(rows, 0, 0))
        business_refuse(call, 409, "changed_meanwhile",
                        "The draft was changed meanwhile. Read it again, then write it.", NULL);
    else if (strcmp(call->name, "put_business") == 0)
        business_refuse(call, 409, "slug_taken", "Another business has this address.", NULL);
    else
        business_refuse(call, 403, "not_owner", "This business belongs to somebody else.", NULL);
}

void business_refuse_not_own(struct business_call *call) {
    static const char sql[] = "SELECT user_id = $2 FROM businesses WHERE slug = $1";
    struct pg_param params[] = {PG_TEXT(business_text(call, "slug")), PG_TEXT(call->user)};
    business_query(call->server, sql, params, COUNT_OF(params), on_why, call);
}

/* Ends the call unless the statement found its row. */
static bool changed(struct business_call *call, int error, const struct pg_rows *rows) {
    if (error == 0 && pg_count(rows) > 0)
        return true;
    if (error == 0)
        business_refuse_not_own(call);
    else
        business_refuse_store(call, error);
    return false;
}

/* Whoever changed it sees it at once, before the database has told everybody. */
static bool changed_in_public(struct business_call *call, int error, const struct pg_rows *rows) {
    bool done = changed(call, error, rows);
    if (done)
        cache_changed(call->server->cache);
    return done;
}

/* ---- publishing ---- */

static void on_publish(void *ctx, int error, const struct pg_rows *rows) {
    struct business_call *call = ctx;
    if (changed_in_public(call, error, rows))
        business_reply(call, json_pack("{s:s s:b s:I s:[]}", "slug", business_text(call, "slug"),
                                       "published", 1, "version", (json_int_t)pg_int(rows, 0, 0),
                                       "missing"));
}

/* The draft of that version becomes what everybody sees. */
static void publish(struct business_call *call, json_t *draft, int64_t version) {
    static const char sql[] =
        "WITH b AS (UPDATE businesses SET published = draft, published_version = version,"
        "  published_at = now() WHERE slug = $1 AND user_id = $2 AND version = $3::bigint"
        "  RETURNING id, slug, version)"
        " SELECT version, put_listing(id, slug, $4::jsonb), pg_notify('business_changed', slug)"
        " FROM b";
    char number[24];
    json_t *listing = listing_of(business_text(call, "slug"), draft);
    SCOPE_FREE char *text = listing == NULL ? NULL : json_dumps(listing, JSON_COMPACT);
    json_decref(listing);
    if (text == NULL) {
        business_refuse(call, 500, "internal", "The profile could not be published.", NULL);
        return;
    }
    snprintf(number, sizeof(number), "%" PRId64, version);
    struct pg_param params[] = {PG_TEXT(business_text(call, "slug")), PG_TEXT(call->user),
                                PG_TEXT(number), PG_TEXT(text)};
    business_query(call->server, sql, params, COUNT_OF(params), on_publish, call);
}

static void refuse_incomplete(struct business_call *call, json_t *missing) {
    char detail[1024];
    size_t i, len;
    json_t *sentence;
    len = (size_t)snprintf(detail, sizeof(detail), "The draft lacks: ");
    json_array_foreach(missing, i, sentence) if (len < sizeof(detail)) len += (size_t)snprintf(
        detail + len, sizeof(detail) - len, "%s%s", i > 0 ? "; " : "", json_string_value(sentence));
    business_refuse(call, 422, "draft_incomplete", detail, json_pack("{s:o}", "missing", missing));
}

/* The database counts with zones, too, and has names for some that mean another hour there. */
static void refuse_zone(struct business_call *call, const json_t *draft) {
    const json_t *zone = json_object_get(json_object_get(draft, "hours"), "timezone");
    business_refuse_argument(call,
                             "profile.hours.timezone: %s cannot be searched by; write a city of "
                             "that time, such as Europe/Berlin",
                             json_string_value(zone));
}

static void publish_if_complete(struct business_call *call, json_t *draft, int64_t version,
                                bool zone_fits) {
    json_t *missing = profile_missing(draft);
    if (json_array_size(missing) > 0) {
        refuse_incomplete(call, missing);
        return;
    }
    json_decref(missing);
    if (zone_fits)
        publish(call, draft, version);
    else
        refuse_zone(call, draft);
}

static void on_draft(void *ctx, int error, const struct pg_rows *rows) {
    struct business_call *call = ctx;
    if (!changed(call, error, rows))
        return;
    json_t *draft = json_loads(pg_text(rows, 0, 0), 0, NULL);
    publish_if_complete(call, draft, pg_int(rows, 0, 1), pg_bool(rows, 0, 2));
    json_decref(draft);
}

void handle_publish_business(struct business_call *call) {
    static const char sql[] =
        "SELECT draft::text, version, zone_fits(draft #>> '{hours,timezone}') FROM businesses"
        " WHERE slug = $1 AND user_id = $2 AND ($3::bigint IS NULL OR version = $3::bigint)";
    char number[24];
    json_int_t version = business_number(call, "version", -1);
    snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, version);
    struct pg_param params[] = {PG_TEXT(business_text(call, "slug")), PG_TEXT(call->user),
                                version >= 0 ? PG_TEXT(number) : PG_NULL};
    business_query(call->server, sql, params, COUNT_OF(params), on_draft, call);
}

/* ---- drafts ---- */

static void on_put(void *ctx, int error, const struct pg_rows *rows) {
    struct business_call *call = ctx;
    json_t *profile = json_object_get(call->arguments, "profile");
    if (error == 0 && pg_count(rows) > 0 && pg_is_null(rows, 0, 0)) {
        business_refuse(call, 403, "not_allowed", "There are as many businesses as one may have.",
                        NULL);
        return;
    }
    if (!changed(call, error, rows))
        return;
    if (json_is_true(json_object_get(call->arguments, "publish"))) {
        publish_if_complete(call, profile, pg_int(rows, 0, 0), pg_bool(rows, 0, 2));
        return;
    }
    business_reply(call,
                   json_pack("{s:s s:b s:I s:o}", "slug", business_text(call, "slug"), "published",
                             pg_bool(rows, 0, 1), "version", (json_int_t)pg_int(rows, 0, 0),
                             "missing", profile_missing(profile)));
}

/* One owner has at most a hundred: then the answer's version is NULL. */
static void put(struct business_call *call, const char *profile, json_int_t version) {
    static const char sql[] =
        "WITH room AS (SELECT (SELECT count(*) FROM businesses WHERE user_id = $2) < 100"
        "   OR EXISTS (SELECT FROM businesses WHERE slug = $1) AS yes),"
        " b AS (INSERT INTO businesses (slug, user_id, draft)"
        "  SELECT $1, $2, $3::jsonb FROM room WHERE yes"
        "  ON CONFLICT (slug) DO UPDATE SET draft = excluded.draft,"
        "   version = businesses.version + 1, updated_at = now()"
        "  WHERE businesses.user_id = excluded.user_id"
        "   AND ($4::bigint IS NULL OR businesses.version = $4::bigint)"
        "  RETURNING version, published IS NOT NULL AS published)"
        " SELECT version, published, zone_fits($3::jsonb #>> '{hours,timezone}') FROM b"
        " UNION ALL SELECT NULL, NULL, NULL FROM room WHERE NOT yes";
    char number[24];
    snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, version);
    struct pg_param params[] = {PG_TEXT(business_text(call, "slug")), PG_TEXT(call->user),
                                PG_TEXT(profile), version >= 0 ? PG_TEXT(number) : PG_NULL};
    business_query(call->server, sql, params, COUNT_OF(params), on_put, call);
}

void handle_put_business(struct business_call *call) {
    json_t *profile = json_object_get(call->arguments, "profile");
    char why[256];
    if (call->by_agent && json_is_true(json_object_get(call->arguments, "publish"))) {
        business_refuse(call, 403, "not_allowed", "Only the owner publishes a profile.", NULL);
        return;
    }
    /* Defaults first: a notice may be past the horizon that is meant where none is written. */
    int filled = profile_fill(profile);
    if (filled == 0 && profile_check(profile, why, sizeof(why)) < 0) {
        business_refuse_argument(call, "%s", why);
        return;
    }
    SCOPE_FREE char *text = filled < 0 ? NULL : json_dumps(profile, JSON_COMPACT);
    if (text == NULL)
        business_refuse(call, 500, "internal", "The draft could not be kept.", NULL);
    else
        put(call, text, business_number(call, "version", -1));
}

/* ---- the end ---- */

static void on_gone(void *ctx, int error, const struct pg_rows *rows) {
    struct business_call *call = ctx;
    if (error == 0 && pg_count(rows) > 0 && pg_bool(rows, 0, 1)) {
        business_refuse(call, 409, "not_bookable",
                        "It has bookings that are not over. Cancel them first.", NULL);
        return;
    }
    if (changed_in_public(call, error, rows))
        business_reply(call,
                       json_pack("{s:s s:b}", "slug", business_text(call, "slug"), "published", 0));
}

static void end(struct business_call *call, const char *sql) {
    struct pg_param params[] = {PG_TEXT(business_text(call, "slug")), PG_TEXT(call->user)};
    business_query(call->server, sql, params, COUNT_OF(params), on_gone, call);
}

/* The listing goes by a trigger (migrations/0013_mended.sql). */
void handle_unpublish_business(struct business_call *call) {
    end(call, "WITH b AS (UPDATE businesses SET published = NULL, published_version = NULL,"
              "  published_at = NULL WHERE slug = $1 AND user_id = $2 RETURNING slug)"
              " SELECT pg_notify('business_changed', slug), false FROM b");
}

/* Its address may be another's afterwards, so nothing of it is left to be moved or asked about.
 * Only what somebody still waits for is in the way: an event that is yet to be removed may stay for
 * ever where the calendar was disconnected, and its customer's name would stay with it. */
void handle_delete_business(struct business_call *call) {
    end(call,
        "WITH ours AS (SELECT slug FROM businesses WHERE slug = $1 AND user_id = $2 FOR UPDATE),"
        " busy AS (SELECT FROM bookings WHERE business = $1"
        "   AND CASE status WHEN 'holding' THEN EXISTS (SELECT FROM slots"
        "     WHERE booking = reference AND held_until > now())"
        "    WHEN 'confirmed' THEN greatest(ends_at, move_to + (ends_at - starts_at)) > now()"
        "    ELSE false END),"
        " b AS (DELETE FROM businesses WHERE slug IN (SELECT slug FROM ours)"
        "   AND NOT EXISTS (SELECT FROM busy) RETURNING slug),"
        " i AS (DELETE FROM inquiries WHERE business IN (SELECT slug FROM b)),"
        " p AS (DELETE FROM bookings WHERE business IN (SELECT slug FROM b))"
        " SELECT pg_notify('business_changed', slug), false FROM b"
        " UNION ALL SELECT NULL, true FROM ours WHERE EXISTS (SELECT FROM busy)");
}
