/* Opening hours as ranges that the database can look into. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "business/listing.h"
#include "business/profile_check.h"

#define DAY  1440
#define WEEK (7 * DAY)

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

struct span {
    int opens, closes; /* minutes; past 1440: on the next day */
};

static struct span span_of(const json_t *interval) {
    struct span span = {minutes_of(text_of(interval, "opens")),
                        minutes_of(text_of(interval, "closes"))};
    if (span.closes <= span.opens)
        span.closes += DAY;
    return span;
}

static void add_range(struct text *text, int from, int until) {
    if (until > from)
        text_add(text, "%s[%d,%d)", text->len > 1 ? "," : "", from, until);
}

static void add_week(const json_t *weekly, struct text *same, struct text *late) {
    size_t i, k;
    json_t *entry, *word;
    json_array_foreach(weekly, i, entry) {
        struct span span = span_of(entry);
        json_array_foreach(json_object_get(entry, "days"), k, word) {
            int day = weekday_of(json_string_value(word));
            add_range(same, day * DAY + span.opens,
                      day * DAY + (span.closes < DAY ? span.closes : DAY));
            if (span.closes > DAY)
                add_range(late, (day + 1) % 7 * DAY, (day + 1) % 7 * DAY + span.closes - DAY);
        }
    }
}

/* "2026-12-24 09:00" of a day and minutes that may be the next day's. */
static void local_of(const char *date, int minutes, char out[static 32]) {
    struct tm day = {0};
    (void)strptime(date, "%Y-%m-%d", &day);
    time_t at = timegm(&day) + (time_t)minutes * 60;
    (void)gmtime_r(&at, &day);
    (void)strftime(out, 32, "%Y-%m-%d %H:%M", &day);
}

static json_t *add_exceptions(const json_t *exceptions, struct text *open) {
    json_t *days = json_array(), *entry, *interval;
    size_t i, k;
    json_array_foreach(exceptions, i, entry) {
        (void)json_array_append(days, json_object_get(entry, "date"));
        json_array_foreach(json_object_get(entry, "intervals"), k, interval) {
            char from[32], until[32];
            struct span span = span_of(interval);
            local_of(text_of(entry, "date"), span.opens, from);
            local_of(text_of(entry, "date"), span.closes, until);
            text_add(open, "%s[\"%s\",\"%s\")", open->len > 1 ? "," : "", from, until);
        }
    }
    return days;
}

static int put(json_t *listing, const char *name, struct text *text) {
    text_add(text, "}");
    SCOPE_FREE char *whole = text_take(text);
    return whole == NULL ? -ENOMEM : json_object_set_new(listing, name, json_string(whole));
}

int listing_hours(const json_t *profile, json_t *listing) {
    const json_t *hours = json_object_get(profile, "hours");
    struct text same = {0}, late = {0}, open = {0};
    text_add(&same, "{");
    text_add(&late, "{");
    text_add(&open, "{");
    add_week(json_object_get(hours, "weekly"), &same, &late);
    json_t *days = add_exceptions(json_object_get(hours, "exceptions"), &open);
    bool stated =
        json_array_size(json_object_get(hours, "weekly")) > 0 || json_array_size(days) > 0;
    int r = json_object_set_new(listing, "exception_days", days);
    int r1 = put(listing, "week", &same), r2 = put(listing, "week_late", &late),
        r3 = put(listing, "exception_open", &open);
    if (r == 0 && stated)
        r = json_object_set(listing, "zone", json_object_get(hours, "timezone"));
    return r < 0 || r1 < 0 || r2 < 0 || r3 < 0 ? -ENOMEM : 0;
}
