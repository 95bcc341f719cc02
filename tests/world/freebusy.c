/* freeBusy.query. */
#include <string.h>

#include "tests/world/calendars.h"
#include "tests/world/event_query.h"

#define BUSY_SPAN (92 * DAY_S)

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static bool declined(const json_t *resource) {
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(resource, "attendees"), i, one) {
        const char *answer = text(one, "responseStatus");
        if (json_is_true(json_object_get(one, "self")) && answer && strcmp(answer, "declined") == 0)
            return true;
    }
    return false;
}

static bool counts_as_busy(const json_t *resource) {
    const char *transparency = text(resource, "transparency"), *type = text(resource, "eventType");
    return !event_cancelled(resource) && !declined(resource) &&
           (!transparency || strcmp(transparency, "transparent") != 0) &&
           (!type || (strcmp(type, "workingLocation") != 0 && strcmp(type, "birthday") != 0));
}

static json_t *busy_spans(struct cal *c, const struct event_query *a) {
    struct findings f = {0};
    json_t *busy = json_array();
    events_collect(c, a, &f);
    for (size_t i = 0; i < f.count; i++) {
        int64_t start, end;
        bool all_day;
        json_t *resource = f.list[i].resource;
        if (counts_as_busy(resource) && event_span(resource, c->zone, &start, &end, &all_day)) {
            char from[STAMP_N], to[STAMP_N];
            rfc3339_format(start, a->zone, from);
            rfc3339_format(end, a->zone, to);
            json_array_append_new(busy, json_pack("{s:s,s:s}", "start", from, "end", to));
        }
        json_decref(resource);
    }
    free(f.list);
    return busy;
}

static bool body_time(const json_t *body, const char *key, int64_t *ret) {
    const char *value = text(body, key);
    struct civil when;
    int offset = 0;
    if (!value || rfc3339_parse(value, &when, &offset) != RFC3339_OFFSET)
        return false;
    *ret = civil_seconds(&when) - offset;
    return true;
}

static bool read_busy_ask(struct cal *c, const json_t *body, struct event_query *a) {
    const char *name = text(body, "timeZone");
    const json_t *items = json_object_get(body, "items");
    *a = (struct event_query){.updated_min = TIME_NEAR, .single = true, .by_start = true};
    a->zone = zone_find(name ? name : "UTC");
    if (!a->zone)
        return query_bad(c, "invalid", "Invalid time zone definition.");
    if (!body_time(body, "timeMin", &a->min) || !body_time(body, "timeMax", &a->max))
        return query_bad(c, "badRequest", "Bad Request");
    if (a->max <= a->min)
        return query_bad(c, "timeRangeEmpty", "The specified time range is empty.");
    if (a->max - a->min > BUSY_SPAN)
        return query_bad(c, "timeRangeTooLong", "The requested time range is too long.");
    json_int_t most = json_integer_value(json_object_get(body, "calendarExpansionMax"));
    if (!json_is_array(items) || most > 50)
        return query_bad(c, json_is_array(items) ? "invalid" : "required", "Bad Request");
    return true;
}

void freebusy_query(struct cal *c) {
    json_t *body = cal_body(c);
    struct event_query a;
    if (!body)
        return;
    if (read_busy_ask(c, body, &a)) {
        json_t *calendars = json_object();
        size_t i;
        const json_t *item;
        json_array_foreach(json_object_get(body, "items"), i, item) {
            const char *id = text(item, "id");
            if (!id)
                continue;
            json_t *one = json_pack("{s:[]}", "busy");
            if (cal_enter(c, id))
                json_object_set_new(one, "busy", busy_spans(c, &a));
            else
                json_object_set_new(
                    one, "errors",
                    json_pack("[{s:s,s:s}]", "domain", "global", "reason", "notFound"));
            json_object_set_new(calendars, id, one);
        }
        char from[STAMP_N], to[STAMP_N];
        rfc3339_format(a.min, zone_find("UTC"), from);
        rfc3339_format(a.max, zone_find("UTC"), to);
        cal_answer(c, 200,
                   json_pack("{s:s,s:s,s:s,s:o}", "kind", "calendar#freeBusy", "timeMin", from,
                             "timeMax", to, "calendars", calendars));
    }
    json_decref(body);
}
