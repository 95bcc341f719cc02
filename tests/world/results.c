#include "tests/world/results.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* First member present of several names. */
static const json_t *member(const json_t *object, const char *const *names) {
    for (; *names; names++) {
        const json_t *value = json_object_get(object, *names);
        if (value && !json_is_null(value))
            return value;
    }
    return NULL;
}

static const char *const title_names[] = {"title", "summary", "name", "subject", NULL};
static const char *const handle_names[] = {"event", "handle", "event_id", "eventId", "id", NULL};
static const char *const start_names[] = {"start", "start_time", "begin", "from", NULL};
static const char *const end_names[] = {"end", "end_time", "to", NULL};
static const char *const series_names[] = {"series", "recurringEventId", "series_id", NULL};
static const char *const calendar_names[] = {"calendar", "calendar_name", NULL};
static const char *const guest_names[] = {"guests", "attendees", "participants", NULL};
static const char *const person_names[] = {"alias", "guest",       "person", "id",
                                           "name",  "displayName", "email",  NULL};
static const char *const list_names[] = {"events", "items", "results", "data", NULL};

/* A moment from "2026-12-01T10:00:00+01:00", a date, or {"dateTime"|"date"}. */
static bool moment(const json_t *value, const struct zone *zone, int64_t *ret, bool *ret_date) {
    static const char *const inner[] = {"dateTime", "date", NULL};
    if (json_is_object(value))
        value = member(value, inner);
    const char *text = json_string_value(value);
    struct civil c;
    int offset = 0;
    if (!text)
        return false;
    *ret_date = civil_parse_date(text, &c);
    if (*ret_date) {
        *ret = zone_to_utc(zone, &c);
        return true;
    }
    enum rfc3339 form = rfc3339_parse(text, &c, &offset);
    if (form == RFC3339_BAD)
        return false;
    *ret = form == RFC3339_OFFSET ? civil_seconds(&c) - offset : zone_to_utc(zone, &c);
    return true;
}

static void copy_text(char *out, size_t cap, const json_t *value) {
    snprintf(out, cap, "%s", json_is_string(value) ? json_string_value(value) : "");
}

static void read_event(const json_t *object, const struct zone *zone, struct seen_event *e) {
    const char *title = json_string_value(member(object, title_names));
    const json_t *handle = member(object, handle_names);
    bool end_date;
    *e = (struct seen_event){0};
    snprintf(e->title, sizeof(e->title), "%s", title ? title : "");
    if (json_is_string(handle))
        snprintf(e->handle, sizeof(e->handle), "%s", json_string_value(handle));
    copy_text(e->series, sizeof(e->series), member(object, series_names));
    copy_text(e->calendar, sizeof(e->calendar), member(object, calendar_names));
    e->timed = moment(member(object, start_names), zone, &e->start, &e->all_day) &&
               moment(member(object, end_names), zone, &e->end, &end_date);
}

/* Tools may wrap JSON in words or a code fence: takes the outermost braces or brackets. */
static json_t *parse(const char *text) {
    json_t *json = json_loads(text, 0, NULL);
    if (json)
        return json;
    const char *open = strpbrk(text, "{["), *close = NULL;
    if (open)
        close = strrchr(text, *open == '{' ? '}' : ']');
    return close && close > open ? json_loadb(open, (size_t)(close - open) + 1, 0, NULL) : NULL;
}

static const json_t *event_list(const json_t *json) {
    return json_is_array(json) ? json : member(json, list_names);
}

int result_events(const char *text, const struct zone *zone, struct seen_event *out, size_t cap) {
    json_t *json = parse(text);
    const json_t *list = event_list(json), *one;
    int count = json_is_array(list) ? 0 : -1;
    size_t i;
    json_array_foreach(list, i, one) {
        if ((size_t)count == cap)
            break;
        read_event(one, zone, &out[count++]);
    }
    json_decref(json);
    return count;
}

bool result_event(const char *text, const struct zone *zone, struct seen_event *ret) {
    json_t *json = parse(text);
    const json_t *inner = json_object_get(json, "event");
    read_event(json_is_object(inner) ? inner : json, zone, ret);
    json_decref(json);
    return ret->handle[0] != '\0';
}

/* The event itself, whether or not the tool wrapped it. */
static const json_t *event_of(const json_t *json) {
    const json_t *inner = json_object_get(json, "event");
    return json_is_object(inner) ? inner : json;
}

void result_guests(const char *text, char *out, size_t cap) {
    json_t *json = parse(text);
    const json_t *list = member(event_of(json), guest_names), *one;
    size_t i, n = 0, count = json_array_size(list);
    out[0] = '\0';
    json_array_foreach(list, i, one) {
        const char *name = json_string_value(json_is_object(one) ? member(one, person_names) : one);
        const char *answer = json_string_value(json_object_get(one, "answer"));
        int k = snprintf(out + n, cap - n, "%s%s%s%s%s",
                         i == 0           ? ""
                         : i + 1 == count ? " and "
                                          : ", ",
                         name ? name : "somebody", answer ? " (" : "", answer ? answer : "",
                         answer ? ")" : "");
        n = k < 0 || (size_t)k >= cap - n ? cap - 1 : n + (size_t)k;
    }
    json_decref(json);
}

void result_member(const char *text, const char *name, char *out, size_t cap) {
    json_t *json = parse(text);
    copy_text(out, cap, json_object_get(event_of(json), name));
    json_decref(json);
}

bool result_proposed(const char *text) {
    json_t *json = parse(text);
    const char *result = json_string_value(json_object_get(json, "result"));
    bool proposed = result && strcmp(result, "proposed") == 0;
    json_decref(json);
    return proposed;
}

bool result_error(const char *text, bool flagged, char *out, size_t cap) {
    static const char *const words[] = {"detail", "message", "error_description", "reason", NULL};
    json_t *json = parse(text);
    const json_t *error = json_object_get(json, "error");
    bool is_error = flagged || (error && !json_is_null(error) && !json_is_false(error));
    const json_t *said = member(json, words);
    if (!said && json_is_object(error))
        said = member(error, words);
    if (!said && json_is_string(error))
        said = error;
    if (is_error)
        snprintf(out, cap, "%s", json_is_string(said) ? json_string_value(said) : text);
    json_decref(json);
    return is_error;
}

/* ---- availability ---- */

static void add_busy(struct availability *a, int64_t from, int64_t to, int64_t start, int64_t end) {
    if (to <= start || from >= end || to <= from || a->count == BUSY_MAX)
        return;
    a->busy[a->count++] = (struct busy_span){from < start ? start : from, to > end ? end : to};
}

static int by_start(const void *x, const void *y) {
    const struct busy_span *a = x, *b = y;
    return (a->start > b->start) - (a->start < b->start);
}

static void merge(struct availability *a) {
    qsort(a->busy, a->count, sizeof(a->busy[0]), by_start);
    size_t n = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (n > 0 && a->busy[i].start <= a->busy[n - 1].end) {
            if (a->busy[i].end > a->busy[n - 1].end)
                a->busy[n - 1].end = a->busy[i].end;
        } else {
            a->busy[n++] = a->busy[i];
        }
    }
    a->count = n;
}

static void add_list(struct availability *a, const json_t *list, int64_t start, int64_t end,
                     const struct zone *zone) {
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one) {
        int64_t from, to;
        bool date;
        if (moment(member(one, start_names), zone, &from, &date) &&
            moment(member(one, end_names), zone, &to, &date))
            add_busy(a, from, to, start, end);
    }
}

/* The parts of the asked span that no free interval covers are busy. */
static void from_free(struct availability *a, const json_t *list, int64_t start, int64_t end,
                      const struct zone *zone) {
    struct availability open = {0};
    add_list(&open, list, start, end, zone);
    merge(&open);
    int64_t at = start;
    for (size_t i = 0; i < open.count; i++) {
        add_busy(a, at, open.busy[i].start, start, end);
        at = open.busy[i].end;
    }
    add_busy(a, at, end, start, end);
}

void result_availability(const char *text, int64_t start, int64_t end, const struct zone *zone,
                         struct availability *ret) {
    static const char *const busy_names[] = {"busy", "busy_intervals", "conflicts", NULL};
    static const char *const free_names[] = {"free", "available", "is_free", "free_intervals",
                                             NULL};
    json_t *json = parse(text);
    const json_t *busy = member(json, busy_names), *open = member(json, free_names);
    const json_t *events = event_list(json);
    *ret = (struct availability){.known = true};
    if (json_is_array(busy))
        add_list(ret, busy, start, end, zone);
    else if (json_is_array(open))
        from_free(ret, open, start, end, zone);
    else if (json_is_array(events))
        add_list(ret, events, start, end, zone);
    else if (!json_is_boolean(open))
        ret->known = strcasestr(text, "free") || strcasestr(text, "busy");
    bool said_busy = json_is_boolean(open)
                         ? json_is_false(open)
                         : !json && strcasestr(text, "busy") && !strcasestr(text, "not busy");
    if (said_busy && ret->count == 0)
        add_busy(ret, start, end, start, end);
    json_decref(json);
    merge(ret);
}
