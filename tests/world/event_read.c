/* events.get, list and instances. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/world/calendars.h"
#include "tests/world/event_query.h"
#include "tests/world/expand.h"

#define EXPAND_MAX 5000

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* ---- one event ---- */

/* Finds the occurrence an instance id "{master}_{stamp}" means. */
static json_t *instance(struct cal *c, const char *id) {
    const char *bar = strrchr(id, '_');
    SCOPE_FREE char *master_id = bar ? strndup(id, (size_t)(bar - id)) : NULL;
    const json_t *master = master_id ? event_find(c->account, master_id) : NULL;
    if (!master || event_cancelled(master) || !json_object_get(master, "recurrence"))
        return NULL;
    struct occurrence *list = NULL;
    size_t count = 0;
    json_t *found = NULL;
    if (expand(master, c->zone, TIME_NEAR, TIME_FAR, EXPAND_MAX, &list, &count) == 0)
        for (size_t i = 0; i < count && !found; i++)
            if (strcmp(list[i].stamp, bar + 1) == 0)
                found = expand_instance(master, c->zone, &list[i]);
    free(list);
    return found;
}

json_t *events_lookup(struct cal *c, const char *id) {
    json_t *stored = event_find(c->account, id);
    return stored ? json_incref(stored) : instance(c, id);
}

static const struct zone *answer_zone(struct cal *c, bool *ok) {
    const char *name = exchange_query(c->x, "timeZone");
    const struct zone *zone = name ? zone_find(name) : c->zone;
    *ok = zone != NULL;
    if (!zone)
        calendar_error(c->x, 400, "invalid", "Invalid time zone definition.");
    return zone;
}

/* A copy with its times told in `zone`. */
static json_t *told_in(const json_t *resource, const struct zone *home, const struct zone *zone) {
    json_t *copy = json_copy((json_t *)resource);
    static const char *const ends[] = {"start", "end", "originalStartTime"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        const json_t *when = json_object_get(resource, ends[i]);
        int64_t at;
        bool all_day;
        if (!text(when, "dateTime") || !event_time(when, home, &at, &all_day))
            continue;
        char stamp[STAMP_N];
        rfc3339_format(at, zone, stamp);
        json_t *told = json_copy((json_t *)when);
        json_object_set_new(told, "dateTime", json_string(stamp));
        json_object_set_new(copy, ends[i], told);
    }
    return copy;
}

/* As this account may see it. */
static json_t *shown(struct cal *c, const json_t *resource, const struct zone *zone) {
    json_t *told = told_in(resource, c->zone, zone), *veiled = cal_veil(c, told);
    json_decref(told);
    return veiled;
}

void events_get(struct cal *c, const char *id) {
    bool ok;
    const struct zone *zone = answer_zone(c, &ok);
    if (!ok)
        return;
    json_t *resource = events_lookup(c, id);
    if (!resource)
        calendar_error(c->x, 404, "notFound", "Not Found");
    else if (!cal_not_modified(c, text(resource, "etag")))
        cal_answer(c, 200, shown(c, resource, zone));
    json_decref(resource);
}

/* ---- many ---- */

static void found_add(struct findings *f, const struct event_query *a, int64_t start,
                      json_t *resource) {
    if (f->count == f->room) {
        f->room = f->room ? 2 * f->room : 64;
        f->list = realloc(f->list, f->room * sizeof(*f->list));
        if (!f->list)
            abort();
    }
    f->list[f->count] = (struct found){start, text(resource, "updated"), f->count, resource};
    f->count++;
}

static bool contains(const json_t *resource, const char *word) {
    static const char *const keys[] = {"summary", "description", "location"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const char *value = text(resource, keys[i]);
        if (value && strcasestr(value, word))
            return true;
    }
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(resource, "attendees"), i, one) {
        const char *email = text(one, "email"), *name = text(one, "displayName");
        if ((email && strcasestr(email, word)) || (name && strcasestr(name, word)))
            return true;
    }
    return false;
}

static bool words_match(const json_t *resource, const char *words) {
    if (!words)
        return true;
    SCOPE_FREE char *copy = strdup(words);
    char *save = NULL;
    for (char *s = strtok_r(copy, " \"", &save); s; s = strtok_r(NULL, " \"", &save))
        if (!contains(resource, s))
            return false;
    return true;
}

static bool property_match(const struct cal *c, const json_t *resource, const char *param,
                           const char *kind) {
    const json_t *map = json_object_get(json_object_get(resource, "extendedProperties"), kind);
    const char *want;
    for (size_t i = 0; (want = exchange_query_nth(c->x, param, i)); i++) {
        const char *equals = strchr(want, '=');
        SCOPE_FREE char *key = equals ? strndup(want, (size_t)(equals - want)) : NULL;
        const char *value = key ? text(map, key) : NULL;
        if (!value || strcmp(value, equals + 1) != 0)
            return false;
    }
    return true;
}

static bool type_match(const struct cal *c, const json_t *resource) {
    const char *want = exchange_query(c->x, "eventTypes"), *type = text(resource, "eventType");
    for (size_t i = 0; want; want = exchange_query_nth(c->x, "eventTypes", ++i))
        if (type && strcmp(want, type) == 0)
            return true;
    return exchange_query(c->x, "eventTypes") == NULL;
}

static bool filters_match(const struct cal *c, const struct event_query *a,
                          const json_t *resource) {
    const char *uid = text(resource, "iCalUID");
    return words_match(resource, a->words) && type_match(c, resource) &&
           property_match(c, resource, "privateExtendedProperty", "private") &&
           property_match(c, resource, "sharedExtendedProperty", "shared") &&
           (!a->uid || (uid && strcmp(a->uid, uid) == 0));
}

static bool in_range(const struct event_query *a, int64_t start, int64_t end) {
    return end > a->min && start < a->max;
}

static bool updated_since(const struct event_query *a, const json_t *resource) {
    struct civil when;
    int offset = 0;
    const char *updated = text(resource, "updated");
    return a->updated_min == TIME_NEAR ||
           (updated && rfc3339_parse(updated, &when, &offset) == RFC3339_OFFSET &&
            civil_seconds(&when) >= a->updated_min);
}

/* Occurrences of a recurring event that have no record of their own. */
static void collect_occurrences(struct cal *c, const struct event_query *a, const json_t *resource,
                                struct findings *f) {
    struct occurrence *list = NULL;
    size_t count = 0;
    if (expand(resource, c->zone, a->min, a->max, EXPAND_MAX, &list, &count) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        json_t *one = expand_instance(resource, c->zone, &list[i]);
        if (event_find(c->account, text(one, "id")))
            json_decref(one);
        else
            found_add(f, a, list[i].start, one);
    }
    free(list);
}

static void collect_one(struct cal *c, const struct event_query *a, const json_t *record,
                        struct findings *f) {
    const json_t *resource = json_object_get(record, "r");
    bool gone = event_cancelled(resource), series = json_object_get(resource, "recurrence") != NULL;
    int64_t start = 0, end = 0;
    bool all_day, exception = text(resource, "recurringEventId") != NULL;
    if (json_integer_value(json_object_get(record, "seq")) <= a->since ||
        !updated_since(a, resource))
        return;
    bool want_gone =
        a->deleted || a->since || a->updated_min != TIME_NEAR || (exception && !a->single);
    if ((gone && !want_gone) || !filters_match(c, a, resource))
        return;
    bool has_span = event_span(resource, c->zone, &start, &end, &all_day);
    if (series && !gone && a->single) {
        collect_occurrences(c, a, resource, f);
        return;
    }
    bool fits = in_range(a, start, end);
    if (series && !gone && has_span) {
        struct occurrence *list = NULL;
        size_t count = 0;
        fits = expand(resource, c->zone, a->min, a->max, 1, &list, &count) == 0 && count > 0;
        free(list);
    }
    if (fits || !has_span)
        found_add(f, a, start, json_incref((json_t *)resource));
}

static int by_order(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static int by_start(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    return x->start != y->start ? (x->start > y->start) - (x->start < y->start) : by_order(a, b);
}

static int by_updated(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    int r = strcmp(x->updated ? x->updated : "", y->updated ? y->updated : "");
    return r ? r : by_order(a, b);
}

void events_collect(struct cal *c, const struct event_query *a, struct findings *f) {
    const char *id;
    json_t *record;
    json_object_foreach(json_object_get(c->account, "events"), id, record)
        collect_one(c, a, record, f);
    if (f->count > 1)
        qsort(f->list, f->count, sizeof(*f->list),
              a->by_start     ? by_start
              : a->by_updated ? by_updated
                              : by_order);
}

static void answer_found(struct cal *c, const struct event_query *a, struct findings *f) {
    json_t *items = json_array();
    size_t end = a->offset + a->limit < f->count ? a->offset + a->limit : f->count;
    for (size_t i = a->offset; i < end; i++)
        json_array_append_new(items, shown(c, f->list[i].resource, a->zone));
    for (size_t i = 0; i < f->count; i++)
        json_decref(f->list[i].resource);
    json_int_t seq = json_integer_value(json_object_get(c->account, "seq"));
    json_t *body = json_pack("{s:s,s:o,s:s,s:s,s:s,s:s,s:[{s:s,s:i}],s:o}", "kind",
                             "calendar#events", "etag", json_sprintf("\"p%lld\"", (long long)seq),
                             "summary", account_text(c->account, "email"), "description", "",
                             "timeZone", zone_name(a->zone), "accessRole", cal_role(c),
                             "defaultReminders", "method", "popup", "minutes", 10, "items", items);
    if (end < f->count)
        json_object_set_new(body, "nextPageToken", json_sprintf("p%zu", end));
    else
        json_object_set_new(body, "nextSyncToken", json_sprintf("s%lld", (long long)seq));
    free(f->list);
    if (cal_not_modified(c, text(body, "etag")))
        json_decref(body);
    else
        cal_answer(c, 200, body);
}

static bool flag(const struct cal *c, const char *name) {
    const char *value = exchange_query(c->x, name);
    return value && strcmp(value, "true") == 0;
}

/* A time parameter with an offset; true unless present and wrong. */
static bool time_query(const struct cal *c, const char *name, int64_t *ret) {
    const char *value = exchange_query(c->x, name);
    struct civil when;
    int offset = 0;
    if (!value)
        return true;
    if (rfc3339_parse(value, &when, &offset) != RFC3339_OFFSET)
        return false;
    *ret = civil_seconds(&when) - offset;
    return true;
}

bool query_bad(struct cal *c, const char *reason, const char *message) {
    calendar_error(c->x, 400, reason, message);
    return false;
}

static bool sync_query(struct cal *c, struct event_query *a) {
    static const char *const clash[] = {
        "iCalUID", "orderBy",   "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin",
        "timeMax", "updatedMin"};
    const char *token = exchange_query(c->x, "syncToken");
    if (!token)
        return true;
    for (size_t i = 0; i < COUNT_OF(clash); i++)
        if (exchange_query(c->x, clash[i]))
            return query_bad(c, "badRequest", "Sync token cannot be used with this parameter.");
    uint64_t since = 0;
    json_int_t floor = json_integer_value(json_object_get(c->account, "sync_floor"));
    if (token[0] != 's' || parse_u64(token + 1, 0, INT64_MAX, &since) < 0 ||
        (json_int_t)since < floor) {
        calendar_error(c->x, 410, "fullSyncRequired",
                       "Sync token is no longer valid, a full sync is required.");
        return false;
    }
    a->since = (int64_t)since ? (int64_t)since : -1;
    a->deleted = true;
    return true;
}

static bool page_query(struct cal *c, struct event_query *a) {
    const char *limit = exchange_query(c->x, "maxResults"),
               *page = exchange_query(c->x, "pageToken");
    uint64_t value;
    a->limit = 250;
    if (limit && parse_u64(limit, 1, 1000000, &value) < 0)
        return query_bad(c, "invalidParameter", "Invalid value for maxResults.");
    if (limit)
        a->limit = value > 2500 ? 2500 : (size_t)value;
    if (page && (page[0] != 'p' || parse_u64(page + 1, 0, SIZE_MAX / 2, &value) < 0))
        return query_bad(c, "badRequest", "Invalid page token.");
    if (page)
        a->offset = (size_t)value;
    return true;
}

static bool read_ask(struct cal *c, struct event_query *a) {
    bool ok;
    const char *order = exchange_query(c->x, "orderBy");
    *a = (struct event_query){.min = TIME_NEAR, .max = TIME_FAR, .updated_min = TIME_NEAR};
    a->zone = answer_zone(c, &ok);
    if (!ok)
        return false;
    if (!time_query(c, "timeMin", &a->min) || !time_query(c, "timeMax", &a->max) ||
        !time_query(c, "updatedMin", &a->updated_min))
        return query_bad(c, "badRequest", "Bad Request");
    if (a->max <= a->min)
        return query_bad(c, "timeRangeEmpty", "The specified time range is empty.");
    a->single = flag(c, "singleEvents");
    a->deleted = flag(c, "showDeleted");
    a->words = exchange_query(c->x, "q");
    a->uid = exchange_query(c->x, "iCalUID");
    a->by_start = order && strcmp(order, "startTime") == 0;
    a->by_updated = order && strcmp(order, "updated") == 0;
    if (order && !a->by_start && !a->by_updated)
        return query_bad(c, "invalidParameter", "Invalid value for orderBy.");
    if (a->by_start && !a->single)
        return query_bad(c, "badRequest",
                         "The requested ordering is not available for the particular query.");
    return sync_query(c, a) && page_query(c, a);
}

void events_list(struct cal *c) {
    struct event_query a;
    struct findings f = {0};
    if (!read_ask(c, &a))
        return;
    events_collect(c, &a, &f);
    answer_found(c, &a, &f);
}

void events_instances(struct cal *c, const char *id) {
    struct event_query a;
    struct findings f = {0};
    if (!read_ask(c, &a))
        return;
    const json_t *master = event_find(c->account, id);
    if (!master || event_cancelled(master)) {
        calendar_error(c->x, 404, "notFound", "Not Found");
        return;
    }
    a.single = true;
    collect_occurrences(c, &a, master, &f);
    const char *key;
    json_t *record;
    json_object_foreach(json_object_get(c->account, "events"), key, record) {
        const char *of = text(json_object_get(record, "r"), "recurringEventId");
        if (of && strcmp(of, id) == 0)
            collect_one(c, &a, record, &f);
    }
    if (f.count > 1)
        qsort(f.list, f.count, sizeof(*f.list), by_start);
    answer_found(c, &a, &f);
}
