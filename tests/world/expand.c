#include "tests/world/expand.h"

#include <errno.h>
#include <libical/ical.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/event.h"

#define STEPS_MAX 50000

struct plan {
    const json_t *resource;
    const struct zone *zone; /* in which the rule ticks */
    int64_t start, length;   /* first occurrence; all-day: length in days * DAY_S */
    struct civil local;
    bool all_day;
    int64_t min, max;
    size_t cap, count;
    struct occurrence *list;
};

static int64_t end_of(const struct plan *p, int64_t start) {
    if (!p->all_day)
        return start + p->length;
    struct civil c = zone_local(p->zone, start);
    civil_from_days(civil_days(c.year, c.month, c.day) + p->length / DAY_S, &c);
    c.hour = c.minute = c.second = 0;
    return zone_to_utc(p->zone, &c);
}

static void stamp(const struct plan *p, int64_t start, char out[static 24]) {
    struct civil c = p->all_day ? zone_local(p->zone, start) : civil_from_seconds(start);
    if (p->all_day)
        snprintf(out, 24, "%04d%02d%02d", c.year % 10000, c.month % 100, c.day % 100);
    else
        snprintf(out, 24, "%04d%02d%02dT%02d%02d%02dZ", c.year % 10000, c.month % 100, c.day % 100,
                 c.hour % 100, c.minute % 100, c.second % 100);
}

static int add(struct plan *p, int64_t start) {
    int64_t end = end_of(p, start);
    if (end <= p->min || start >= p->max || p->count >= p->cap)
        return 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].start == start)
            return 0;
    struct occurrence *bigger = realloc(p->list, (p->count + 1) * sizeof(*bigger));
    if (!bigger)
        return -ENOMEM;
    p->list = bigger;
    struct occurrence *o = &p->list[p->count++];
    o->start = start;
    o->end = end;
    stamp(p, start, o->stamp);
    return 0;
}

static struct icaltimetype ical_of(const struct civil *c, bool date) {
    struct icaltimetype t = icaltime_null_time();
    t.year = c->year;
    t.month = c->month;
    t.day = c->day;
    t.hour = c->hour;
    t.minute = c->minute;
    t.second = c->second;
    t.is_date = date;
    return t;
}

static struct civil civil_of(const struct icaltimetype *t) {
    return (struct civil){t->year, t->month, t->day, t->hour, t->minute, t->second};
}

/* libical compares UNTIL with our wall-clock times, so an UNTIL in UTC becomes wall-clock first. */
static void localize_until(const struct plan *p, struct icalrecurrencetype *rule) {
    if (icaltime_is_null_time(rule->until))
        return;
    struct civil c = civil_of(&rule->until);
    if (rule->until.is_date && !p->all_day) {
        c.hour = 23;
        c.minute = c.second = 59;
    } else if (icaltime_is_utc(rule->until)) {
        c = zone_local(p->zone, civil_seconds(&c));
    }
    rule->until = ical_of(&c, p->all_day);
}

static int apply_rule(struct plan *p, const char *text) {
    struct icalrecurrencetype rule = icalrecurrencetype_from_string(text);
    if (rule.freq == ICAL_NO_RECURRENCE)
        return -EINVAL;
    localize_until(p, &rule);
    icalrecur_iterator *it = icalrecur_iterator_new(rule, ical_of(&p->local, p->all_day));
    if (!it)
        return -EINVAL;
    int r = 0;
    for (int steps = 0; r == 0 && steps < STEPS_MAX; steps++) {
        struct icaltimetype t = icalrecur_iterator_next(it);
        if (icaltime_is_null_time(t))
            break;
        struct civil c = civil_of(&t);
        int64_t at = zone_to_utc(p->zone, &c);
        if (at >= p->max || p->count >= p->cap)
            break;
        r = add(p, at);
    }
    icalrecur_iterator_free(it);
    return r;
}

/* One value of an EXDATE or RDATE line. */
static bool read_date(const struct plan *p, const char *value, const struct zone *zone,
                      int64_t *ret) {
    struct civil c = {0};
    int used = 0;
    if (sscanf(value, "%4d%2d%2d%n", &c.year, &c.month, &c.day, &used) != 3 || used != 8 ||
        !civil_date_valid(c.year, c.month, c.day))
        return false;
    if (value[8] != 'T') {
        c.hour = p->all_day ? 0 : p->local.hour;
        c.minute = p->all_day ? 0 : p->local.minute;
        *ret = zone_to_utc(p->zone, &c);
        return true;
    }
    if (sscanf(value + 9, "%2d%2d%2d", &c.hour, &c.minute, &c.second) != 3)
        return false;
    *ret = strchr(value, 'Z') ? civil_seconds(&c) : zone_to_utc(zone, &c);
    return true;
}

static void remove_start(struct plan *p, int64_t start) {
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].start != start)
            p->list[n++] = p->list[i];
    p->count = n;
}

static int apply_dates(struct plan *p, const char *line, bool exclude) {
    const char *values = strchr(line, ':'), *id = strstr(line, "TZID=");
    const struct zone *zone = p->zone;
    if (!values)
        return -EINVAL;
    if (id && id < values) {
        SCOPE_FREE char *name = strndup(id + 5, strcspn(id + 5, ":;"));
        zone = name ? zone_find(name) : NULL;
        if (!zone)
            return -EINVAL;
    }
    SCOPE_FREE char *copy = strdup(values + 1);
    char *save = NULL;
    int r = 0;
    for (char *v = strtok_r(copy, ",", &save); v && r == 0; v = strtok_r(NULL, ",", &save)) {
        int64_t at;
        if (!read_date(p, v, zone, &at))
            return -EINVAL;
        if (exclude)
            remove_start(p, at);
        else
            r = add(p, at);
    }
    return r;
}

static int by_start(const void *a, const void *b) {
    const struct occurrence *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static int apply_lines(struct plan *p, const json_t *lines) {
    size_t i;
    const json_t *line;
    int r = 0;
    json_array_foreach(lines, i, line) {
        const char *s = json_string_value(line);
        if (s && r == 0 && strncmp(s, "RRULE:", 6) == 0)
            r = apply_rule(p, s + 6);
        else if (s && r == 0 && strncmp(s, "RDATE", 5) == 0)
            r = apply_dates(p, s, false);
    }
    json_array_foreach(lines, i, line) {
        const char *s = json_string_value(line);
        if (s && r == 0 && strncmp(s, "EXDATE", 6) == 0)
            r = apply_dates(p, s, true);
    }
    return r;
}

int expand(const json_t *resource, const struct zone *zone, int64_t min, int64_t max, size_t cap,
           struct occurrence **ret, size_t *ret_count) {
    struct plan p = {.resource = resource, .min = min, .max = max, .cap = cap};
    int64_t end;
    if (!event_span(resource, zone, &p.start, &end, &p.all_day))
        return -EINVAL;
    const json_t *start = json_object_get(resource, "start");
    const char *name = json_string_value(json_object_get(start, "timeZone"));
    p.zone = name && !p.all_day ? zone_find(name) : zone;
    if (!p.zone)
        p.zone = zone;
    p.length = end - p.start;
    if (p.all_day) /* whole days, whatever the clock change between them */
        p.length = (p.length + DAY_S / 2) / DAY_S * DAY_S;
    p.local = zone_local(p.zone, p.start);
    const json_t *lines = json_object_get(resource, "recurrence");
    int r = json_array_size(lines) > 0 ? apply_lines(&p, lines) : add(&p, p.start);
    if (r < 0) {
        free(p.list);
        return r;
    }
    if (p.count > 1)
        qsort(p.list, p.count, sizeof(*p.list), by_start);
    *ret = p.list;
    *ret_count = p.count;
    return 0;
}

static json_t *time_json(const json_t *like, const struct zone *zone, int64_t at, bool all_day) {
    const char *name = json_string_value(json_object_get(like, "timeZone"));
    if (all_day) {
        struct civil c = zone_local(zone, at);
        return json_pack("{s:o}", "date", json_sprintf("%04d-%02d-%02d", c.year, c.month, c.day));
    }
    char text[STAMP_N];
    const struct zone *own = name ? zone_find(name) : zone;
    rfc3339_format(at, own ? own : zone, text);
    return json_pack("{s:s,s:s*}", "dateTime", text, "timeZone", name);
}

json_t *expand_instance(const json_t *resource, const struct zone *zone,
                        const struct occurrence *o) {
    const json_t *start = json_object_get(resource, "start"),
                 *end = json_object_get(resource, "end");
    const char *id = json_string_value(json_object_get(resource, "id"));
    bool all_day = json_object_get(start, "date") != NULL;
    json_t *one = json_copy((json_t *)resource);
    json_object_del(one, "recurrence");
    json_object_set_new(one, "id", json_sprintf("%s_%s", id, o->stamp));
    json_object_set_new(one, "recurringEventId", json_string(id));
    json_object_set_new(one, "originalStartTime", time_json(start, zone, o->start, all_day));
    json_object_set_new(one, "start", time_json(start, zone, o->start, all_day));
    json_object_set_new(one, "end", time_json(end, zone, o->end, all_day));
    return one;
}
