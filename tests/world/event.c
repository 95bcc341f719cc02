#include "tests/world/event.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/accounts.h"

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

bool event_time(const json_t *when, const struct zone *fallback, int64_t *ret_seconds,
                bool *ret_all_day) {
    struct civil c;
    const char *date = text(when, "date"), *date_time = text(when, "dateTime");
    if (date && !date_time && civil_parse_date(date, &c)) {
        *ret_seconds = zone_to_utc(fallback, &c);
        *ret_all_day = true;
        return true;
    }
    int offset = 0;
    const char *name = text(when, "timeZone");
    const struct zone *zone = name ? zone_find(name) : fallback;
    enum rfc3339 form = date_time && !date ? rfc3339_parse(date_time, &c, &offset) : RFC3339_BAD;
    if (form == RFC3339_BAD || !zone)
        return false;
    *ret_seconds = form == RFC3339_OFFSET ? civil_seconds(&c) - offset : zone_to_utc(zone, &c);
    *ret_all_day = false;
    return true;
}

bool event_span(const json_t *resource, const struct zone *fallback, int64_t *ret_start,
                int64_t *ret_end, bool *ret_all_day) {
    bool end_day;
    return event_time(json_object_get(resource, "start"), fallback, ret_start, ret_all_day) &&
           event_time(json_object_get(resource, "end"), fallback, ret_end, &end_day) &&
           end_day == *ret_all_day;
}

bool event_cancelled(const json_t *resource) {
    const char *status = text(resource, "status");
    return status && strcmp(status, "cancelled") == 0;
}

/* ---- identity ---- */

bool event_id_valid(const char *id) {
    size_t len = strlen(id);
    for (size_t i = 0; i < len; i++)
        if (!isdigit((unsigned char)id[i]) && !(id[i] >= 'a' && id[i] <= 'v'))
            return false;
    return len >= 5 && len <= 1024;
}

void event_random_id(char out[static 27]) {
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuv";
    char hex[65];
    random_hex(hex, 52);
    for (size_t i = 0; i < 26; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = alphabet[strtoul(pair, NULL, 16) % 32];
    }
    out[26] = '\0';
}

json_t *event_find(const json_t *account, const char *id) {
    return json_object_get(json_object_get(json_object_get(account, "events"), id), "r");
}

/* ---- checks ---- */

/* One end of the range; rewrites it with an offset and a zone. */
static const char *check_time(json_t *resource, const char *key, const struct zone *zone,
                              bool recurring, const char **message) {
    json_t *when = json_object_get(resource, key);
    if (!json_is_object(when)) {
        *message = "Missing end time.";
        return "required";
    }
    if (!json_is_string(json_object_get(when, "date")))
        json_object_del(when, "date");
    if (!json_is_string(json_object_get(when, "dateTime")))
        json_object_del(when, "dateTime");
    const char *name = text(when, "timeZone"), *date_time = text(when, "dateTime");
    *message = "Invalid time zone definition.";
    if (name && !zone_find(name))
        return "invalid";
    struct civil c;
    int offset = 0;
    if (date_time) {
        enum rfc3339 form = rfc3339_parse(date_time, &c, &offset);
        *message = "Missing time zone definition for start time.";
        if ((form == RFC3339_LOCAL || recurring) && !name)
            return "required";
        *message = "Bad Request";
        if (form == RFC3339_BAD)
            return "badRequest";
    }
    int64_t at;
    bool all_day;
    *message = "Invalid start or end time.";
    if (!event_time(when, zone, &at, &all_day))
        return "invalid";
    if (!all_day) {
        const struct zone *own = name ? zone_find(name) : zone;
        char stamp[STAMP_N];
        rfc3339_format(at, own, stamp);
        json_object_set_new(when, "dateTime", json_string(stamp));
        json_object_set_new(when, "timeZone", json_string(zone_name(own)));
    }
    return NULL;
}

static const char *check_recurrence(const json_t *lines, const char **message) {
    size_t i;
    const json_t *line;
    *message = "Invalid recurrence rule.";
    if (!json_is_array(lines))
        return "invalid";
    json_array_foreach(lines, i, line) {
        const char *s = json_string_value(line);
        if (!s || (strncmp(s, "RRULE:", 6) != 0 && strncmp(s, "EXDATE", 6) != 0 &&
                   strncmp(s, "RDATE", 5) != 0))
            return "invalid";
        if (s[0] == 'R' && s[1] == 'R' && !strstr(s, "FREQ="))
            return "invalid";
    }
    return NULL;
}

static bool address_valid(const char *email) {
    const char *at = email ? strchr(email, '@') : NULL;
    return at && at > email && strchr(at, '.') && !strpbrk(email, " \t<>\",");
}

static const char *check_attendees(json_t *list, const char **message) {
    size_t i;
    json_t *one;
    *message = "Invalid attendee email.";
    if (!json_is_array(list))
        return "invalid";
    json_array_foreach(list, i, one) {
        if (!address_valid(text(one, "email")))
            return "invalid";
        if (!text(one, "responseStatus"))
            json_object_set_new(one, "responseStatus", json_string("needsAction"));
    }
    return NULL;
}

static const char *check_properties(json_t *all, const char **message) {
    const char *kind, *key;
    json_t *map, *value;
    void *next;
    *message = "Invalid extended property.";
    if (!json_is_object(all))
        return "invalid";
    json_object_foreach(all, kind, map) {
        if (!json_is_object(map))
            return "invalid";
        json_object_foreach_safe(map, next, key, value) {
            if (!json_is_string(value) || strlen(key) > 44)
                return "invalid";
            if (json_string_length(value) > 1024) /* cut without a word, as Google does */
                json_object_set_new(map, key, json_stringn_nocheck(json_string_value(value), 1024));
        }
    }
    return NULL;
}

static bool one_of(const char *value, const char *const *allowed) {
    for (; *allowed; allowed++)
        if (strcmp(value, *allowed) == 0)
            return true;
    return false;
}

static const char *check_words(const json_t *resource, const char **message) {
    static const char *const texts[] = {"summary", "description", "location", "colorId"};
    static const struct {
        const char *key, *allowed[7];
    } words[] = {
        {"status", {"confirmed", "tentative", "cancelled"}},
        {"transparency", {"opaque", "transparent"}},
        {"visibility", {"default", "public", "private", "confidential"}},
        {"eventType",
         {"default", "birthday", "focusTime", "fromGmail", "outOfOffice", "workingLocation"}},
    };
    *message = "Invalid value.";
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const json_t *value = json_object_get(resource, texts[i]);
        if (value && !json_is_string(value))
            return "invalid";
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        const json_t *value = json_object_get(resource, words[i].key);
        if (value &&
            (!json_is_string(value) || !one_of(json_string_value(value), words[i].allowed)))
            return "invalid";
    }
    return NULL;
}

const char *event_check(json_t *resource, const struct zone *zone, const char **message) {
    json_t *recurrence = json_object_get(resource, "recurrence");
    json_t *attendees = json_object_get(resource, "attendees");
    json_t *properties = json_object_get(resource, "extendedProperties");
    if (json_is_array(recurrence) && json_array_size(recurrence) == 0) {
        json_object_del(resource, "recurrence");
        recurrence = NULL;
    }
    const char *reason = check_words(resource, message);
    if (!reason && recurrence)
        reason = check_recurrence(recurrence, message);
    if (!reason)
        reason = check_time(resource, "start", zone, recurrence != NULL, message);
    if (!reason)
        reason = check_time(resource, "end", zone, recurrence != NULL, message);
    if (!reason && attendees)
        reason = check_attendees(attendees, message);
    if (!reason && properties)
        reason = check_properties(properties, message);
    if (reason)
        return reason;
    int64_t start, end;
    bool all_day;
    *message = "Start and end times must either both be date or both be dateTime.";
    if (!event_span(resource, zone, &start, &end, &all_day))
        return "invalid";
    if (end > start)
        return NULL;
    *message = "The specified time range is empty.";
    return "timeRangeEmpty";
}

/* ---- changing ---- */

void event_strip(json_t *body) {
    static const char *const kept[] = {"id",
                                       "iCalUID",
                                       "status",
                                       "summary",
                                       "description",
                                       "location",
                                       "start",
                                       "end",
                                       "recurrence",
                                       "transparency",
                                       "visibility",
                                       "attendees",
                                       "reminders",
                                       "extendedProperties",
                                       "conferenceData",
                                       "eventType",
                                       "source",
                                       "guestsCanInviteOthers",
                                       "guestsCanModify",
                                       "guestsCanSeeOtherGuests",
                                       "colorId",
                                       "sequence",
                                       "attachments",
                                       "originalStartTime",
                                       "recurringEventId",
                                       "focusTimeProperties",
                                       "outOfOfficeProperties",
                                       "workingLocationProperties",
                                       "organizer",
                                       "creator",
                                       NULL};
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(body, next, key, value) if (!one_of(key, kept))
        json_object_del(body, key);
}

void event_merge(json_t *into, const json_t *patch) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)patch, key, value) {
        json_t *old = json_object_get(into, key);
        if (json_is_null(value))
            json_object_del(into, key);
        else if (json_is_object(value) && json_is_object(old))
            event_merge(old, value);
        else if (json_is_object(value)) {
            json_t *fresh = json_object();
            event_merge(fresh, value); /* drops nulls */
            json_object_set_new(into, key, fresh);
        } else
            json_object_set_new(into, key, json_deep_copy(value));
    }
}

static void stamp_now(const struct world *w, char out[static STAMP_N]) {
    int64_t ms = world_now_ms(w);
    struct civil c = civil_from_seconds(ms / 1000);
    snprintf(out, STAMP_N, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year % 10000, c.month % 100,
             c.day % 100, c.hour % 100, c.minute % 100, c.second % 100, (int)(ms % 1000));
}

static void set_default(json_t *object, const char *key, json_t *value) {
    if (json_object_get(object, key))
        json_decref(value);
    else
        json_object_set_new(object, key, value);
}

json_t *event_store(struct world *w, json_t *account, const char *id, json_t *resource) {
    char now[STAMP_N], etag[48];
    int64_t seq = world_next(w);
    stamp_now(w, now);
    snprintf(etag, sizeof(etag), "\"35%012lld\"", (long long)seq);
    const char *email = account_text(account, "email");
    json_object_set_new(resource, "kind", json_string("calendar#event"));
    json_object_set_new(resource, "id", json_string(id));
    json_object_set_new(resource, "etag", json_string(etag));
    json_object_set_new(resource, "updated", json_string(now));
    set_default(resource, "created", json_string(now));
    set_default(resource, "status", json_string("confirmed"));
    set_default(resource, "htmlLink",
                json_sprintf("https://www.google.com/calendar/event?eid=%s", id));
    set_default(resource, "iCalUID", json_sprintf("%s@google.com", id));
    set_default(resource, "sequence", json_integer(0));
    set_default(resource, "eventType", json_string("default"));
    set_default(resource, "creator", json_pack("{s:s,s:b}", "email", email, "self", 1));
    set_default(resource, "organizer", json_pack("{s:s,s:b}", "email", email, "self", 1));
    set_default(resource, "reminders", json_pack("{s:b}", "useDefault", 1));
    json_object_set_new(json_object_get(account, "events"), id,
                        json_pack("{s:o,s:I}", "r", resource, "seq", (json_int_t)seq));
    json_object_set_new(account, "seq", json_integer(seq));
    world_touch(w);
    return resource;
}

json_t *event_plant(struct world *w, json_t *account, const json_t *body, const char **message) {
    json_t *copy = json_deep_copy(body);
    char random[27];
    event_random_id(random);
    SCOPE_FREE char *id = strdup(text(copy, "id") ? text(copy, "id") : random);
    event_strip(copy);
    if (event_check(copy, account_zone(account), message)) {
        json_decref(copy);
        return NULL;
    }
    *message = NULL;
    return event_store(w, account, id, copy);
}
