#include "business/hours.h"

#include <errno.h>
#include <string.h>

#define DAY_S          86400
#define DAY_MIN        1440
#define EXCEPTIONS_MAX 1000u
#define INTERVALS_MAX  24u /* of one day */

struct opening { /* minutes of the local day; closes > opens, up to 2880 */
    int opens, closes;
};

struct day {
    struct opening openings[INTERVALS_MAX];
    size_t n;
};

struct exception {
    int64_t date; /* days since 1970 */
    struct day day;
};

struct hours {
    char zone[ZONE_MAX];
    struct day week[7]; /* Monday first */
    size_t n;
    struct exception exceptions[];
};

static const char *const day_names[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* Minutes of "HH:MM", or -1. */
static int clock_minutes(const json_t *json) {
    const char *text = json_string_value(json);
    if (text == NULL || strlen(text) != 5 || text[2] != ':')
        return -1;
    for (int i = 0; i < 5; i++)
        if (i != 2 && (text[i] < '0' || text[i] > '9'))
            return -1;
    int hour = (text[0] - '0') * 10 + (text[1] - '0'),
        minute = (text[3] - '0') * 10 + (text[4] - '0');
    return hour < 24 && minute < 60 ? hour * 60 + minute : hour == 24 && minute == 0 ? DAY_MIN : -1;
}

static const char *opening_read(const json_t *json, struct opening *ret) {
    int opens = clock_minutes(json_object_get(json, "opens"));
    int closes = clock_minutes(json_object_get(json, "closes"));
    if (opens < 0 || opens == DAY_MIN)
        return "hours: \"opens\" is a time of day such as 09:00";
    if (closes < 0)
        return "hours: \"closes\" is a time of day such as 17:00, at most 24:00";
    *ret = (struct opening){opens, closes > opens ? closes : closes + DAY_MIN};
    return NULL;
}

static const char *day_add(struct day *day, struct opening opening) {
    if (day->n == INTERVALS_MAX)
        return "hours: too many intervals on one day";
    day->openings[day->n++] = opening;
    return NULL;
}

static const char *weekly_read(struct hours *hours, const json_t *row) {
    struct opening opening;
    const char *wrong = opening_read(row, &opening);
    const json_t *days = json_object_get(row, "days"), *name;
    size_t i;
    if (wrong == NULL && json_array_size(days) == 0)
        wrong = "hours: \"days\" names the days, such as [\"mon\", \"tue\"]";
    json_array_foreach(days, i, name) {
        int day = 0;
        const char *text = json_string_value(name);
        while (day < 7 && (text == NULL || strcmp(text, day_names[day]) != 0))
            day++;
        if (wrong == NULL)
            wrong = day == 7 ? "hours: \"days\" are mon, tue, wed, thu, fri, sat, sun"
                             : day_add(&hours->week[day], opening);
    }
    return wrong;
}

static int64_t date_of(const struct stamp *stamp) {
    struct stamp date = *stamp;
    date.hour = date.minute = date.second = 0;
    return stamp_seconds(&date) / DAY_S - (stamp_seconds(&date) % DAY_S < 0);
}

static const char *exception_read(struct hours *hours, const json_t *row) {
    struct exception *exception = &hours->exceptions[hours->n];
    const char *date = json_string_value(json_object_get(row, "date"));
    const json_t *intervals = json_object_get(row, "intervals"), *interval;
    struct stamp stamp;
    size_t i;
    if (date == NULL || stamp_parse(date, &stamp) != 0 || stamp.kind != STAMP_DATE)
        return "hours: an exception's \"date\" is a date such as 2026-12-24";
    if (json_is_true(json_object_get(row, "closed")) == json_is_array(intervals))
        return "hours: an exception has either \"closed\": true or \"intervals\"";
    exception->date = date_of(&stamp);
    for (size_t j = 0; j < hours->n; j++)
        if (hours->exceptions[j].date == exception->date)
            return "hours: two exceptions have the same \"date\"";
    json_array_foreach(intervals, i, interval) {
        struct opening opening;
        const char *wrong = opening_read(interval, &opening);
        if (wrong == NULL)
            wrong = day_add(&exception->day, opening);
        if (wrong != NULL)
            return wrong;
    }
    hours->n++;
    return NULL;
}

static const char *all_read(struct hours *hours, const json_t *json) {
    const json_t *row;
    const char *wrong = NULL;
    size_t i;
    json_array_foreach(json_object_get(json, "weekly"), i, row) {
        if (wrong == NULL)
            wrong = weekly_read(hours, row);
    }
    json_array_foreach(json_object_get(json, "exceptions"), i, row) {
        if (wrong == NULL)
            wrong = exception_read(hours, row);
    }
    return wrong;
}

const char *hours_read(const json_t *json, struct hours **ret) {
    const char *zone = json_string_value(json_object_get(json, "timezone"));
    size_t n = json_array_size(json_object_get(json, "exceptions"));
    if (zone == NULL || !zone_valid(zone))
        return "hours: \"timezone\" is an IANA time zone such as Europe/Berlin";
    if (n > EXCEPTIONS_MAX)
        return "hours: too many exceptions";
    struct hours *hours = calloc(1, sizeof(*hours) + n * sizeof(hours->exceptions[0]));
    if (hours == NULL)
        return "hours: out of memory";
    strcpy(hours->zone, zone); /* a valid name fits */
    const char *wrong = all_read(hours, json);
    if (wrong != NULL) {
        free(hours);
        return wrong;
    }
    *ret = hours;
    return NULL;
}

void hours_free(struct hours *hours) {
    free(hours);
}

const char *hours_zone(const struct hours *hours) {
    return hours->zone;
}

/* The moment at which clocks jump over the local time `wall`. */
static int64_t jump_over(const char *zone, int64_t wall) {
    int before = zone_offset(zone, wall - DAY_S), after = zone_offset(zone, wall + DAY_S);
    int64_t low = wall - after, high = wall - before; /* still the old offset; surely the new one */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (zone_offset(zone, middle) == before)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static int64_t moment_of(const char *zone, int64_t date, int minutes) {
    int64_t wall = date * DAY_S + (int64_t)minutes * 60;
    enum zone_fit fit;
    struct stamp local;
    stamp_of(wall, 0, &local);
    local.kind = STAMP_LOCAL;
    int64_t moment = zone_resolve(zone, &local, &fit);
    return fit == ZONE_GAP ? jump_over(zone, wall) : moment;
}

static const struct day *day_at(const struct hours *hours, int64_t date) {
    for (size_t i = 0; i < hours->n; i++)
        if (hours->exceptions[i].date == date)
            return &hours->exceptions[i].day;
    return &hours->week[((date + 3) % 7 + 7) % 7]; /* 1970-01-01 was a Thursday */
}

static int64_t date_at(const char *zone, int64_t moment) {
    struct stamp stamp;
    stamp_of(moment, zone_offset(zone, moment), &stamp);
    return date_of(&stamp);
}

static int span_compare(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return x->start != y->start ? (x->start < y->start ? -1 : 1)
                                : (x->end > y->end) - (x->end < y->end);
}

int hours_spans(const struct hours *hours, int64_t from, int64_t until, struct span **ret,
                size_t *ret_n) {
    int64_t first = date_at(hours->zone, from) - 1, last = date_at(hours->zone, until);
    size_t n = 0;
    for (int64_t date = first; date <= last; date++)
        n += day_at(hours, date)->n;
    struct span *spans = calloc(n + 1, sizeof(*spans));
    if (spans == NULL)
        return -ENOMEM;
    n = 0;
    for (int64_t date = first; date <= last; date++) {
        const struct day *day = day_at(hours, date);
        for (size_t i = 0; i < day->n; i++) {
            struct span span = {moment_of(hours->zone, date, day->openings[i].opens),
                                moment_of(hours->zone, date, day->openings[i].closes)};
            if (span.start < span.end)
                spans[n++] = span;
        }
    }
    qsort(spans, n, sizeof(*spans), span_compare);
    *ret = spans;
    *ret_n = n;
    return 0;
}

size_t spans_join(struct span *spans, size_t n) {
    size_t kept = 0;
    qsort(spans, n, sizeof(*spans), span_compare);
    for (size_t i = 0; i < n; i++) {
        if (spans[i].start >= spans[i].end)
            continue;
        if (kept > 0 && spans[i].start <= spans[kept - 1].end) {
            if (spans[i].end > spans[kept - 1].end)
                spans[kept - 1].end = spans[i].end;
        } else {
            spans[kept++] = spans[i];
        }
    }
    return kept;
}
