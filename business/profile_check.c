#include "business/profile_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "business/hours.h"

#define DAY 1440

struct report {
    char *why;
    size_t why_len;
};

PRINTF_LIKE(2, 3)
static int bad(const struct report *report, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(report->why, report->why_len, format, args);
    va_end(args);
    return -EINVAL;
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

int minutes_of(const char *text) {
    if (strlen(text) != 5 || text[2] != ':' || strspn(text, "0123456789:") != 5)
        return -1;
    int minutes =
        ((text[0] - '0') * 10 + text[1] - '0') * 60 + (text[3] - '0') * 10 + text[4] - '0';
    return minutes <= DAY && text[3] < '6' ? minutes : -1;
}

int weekday_of(const char *word) {
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (int i = 0; i < 7; i++)
        if (strcmp(word, days[i]) == 0)
            return i;
    return -1;
}

/* A day of the calendar, and the same when written again. */
static bool date_exists(const char *date) {
    struct tm day = {0}, wanted;
    char again[16];
    if (strptime(date, "%Y-%m-%d", &day) == NULL)
        return false;
    wanted = day;
    (void)timegm(&day);
    (void)strftime(again, sizeof(again), "%Y-%m-%d", &day);
    return strcmp(date, again) == 0 && wanted.tm_mday == day.tm_mday;
}

/* Opening times of one day may not overlap: minutes taken are marked, past midnight, too. */
static int mark(const struct report *report, const char *field, size_t index,
                const json_t *interval, bool taken[static 2 * DAY]) {
    int opens = minutes_of(text_of(interval, "opens")),
        closes = minutes_of(text_of(interval, "closes"));
    if (opens < 0 || opens >= DAY)
        return bad(report, "%s[%zu].opens: must be a time from 00:00 to 23:59", field, index);
    if (closes < 0)
        return bad(report, "%s[%zu].closes: must be a time from 00:00 to 24:00", field, index);
    if (closes <= opens)
        closes += DAY;
    for (int i = opens; i < closes; i++) {
        if (taken[i])
            return bad(report, "%s[%zu]: overlaps other opening times of that day", field, index);
        taken[i] = true;
    }
    return 0;
}

static int check_weekly(const struct report *report, const json_t *weekly) {
    static bool taken[7][2 * DAY];
    memset(taken, 0, sizeof(taken));
    size_t i, k;
    json_t *entry, *day;
    json_array_foreach(weekly, i, entry)
        json_array_foreach(json_object_get(entry, "days"), k, day) {
        int number = weekday_of(json_string_value(day));
        int r = number < 0 ? 0 : mark(report, "profile.hours.weekly", i, entry, taken[number]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_exception(const struct report *report, const json_t *exceptions, size_t index) {
    static bool taken[2 * DAY];
    const json_t *entry = json_array_get(exceptions, index);
    const json_t *intervals = json_object_get(entry, "intervals");
    const char *date = text_of(entry, "date");
    char field[80];
    if (!date_exists(date))
        return bad(report, "profile.hours.exceptions[%zu].date: there is no such day", index);
    for (size_t i = 0; i < index; i++)
        if (strcmp(text_of(json_array_get(exceptions, i), "date"), date) == 0)
            return bad(report, "profile.hours.exceptions[%zu].date: comes twice", index);
    if (json_is_true(json_object_get(entry, "closed")) == (json_array_size(intervals) > 0))
        return bad(report, "profile.hours.exceptions[%zu]: needs either closed: true or intervals",
                   index);
    memset(taken, 0, sizeof(taken));
    snprintf(field, sizeof(field), "profile.hours.exceptions[%zu].intervals", index);
    for (size_t i = 0; i < json_array_size(intervals); i++) {
        int r = mark(report, field, i, json_array_get(intervals, i), taken);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_hours(const struct report *report, const json_t *hours) {
    if (hours == NULL)
        return 0;
    if (!zone_valid(text_of(hours, "timezone")))
        return bad(report, "profile.hours.timezone: is no name of the time zone database, such as "
                           "Europe/Berlin");
    int r = check_weekly(report, json_object_get(hours, "weekly"));
    const json_t *exceptions = json_object_get(hours, "exceptions");
    for (size_t i = 0; r == 0 && i < json_array_size(exceptions); i++)
        r = check_exception(report, exceptions, i);
    if (r < 0)
        return r;
    /* What bookings are counted with has the last word: nothing is kept that it cannot read. */
    struct hours *read = NULL;
    const char *wrong = hours_read(hours, &read);
    hours_free(read);
    return wrong == NULL ? 0 : bad(report, "profile.%s", wrong);
}

static int check_service(const struct report *report, const json_t *services, size_t index) {
    const json_t *service = json_array_get(services, index),
                 *price = json_object_get(service, "price");
    const json_t *min = json_object_get(price, "min"), *max = json_object_get(price, "max");
    for (size_t i = 0; i < index; i++)
        if (strcmp(text_of(json_array_get(services, i), "id"), text_of(service, "id")) == 0)
            return bad(report, "profile.services[%zu].id: comes twice", index);
    if (text_blank(text_of(service, "name")))
        return bad(report, "profile.services[%zu].name: must not be blank", index);
    if (min != NULL && max != NULL && json_number_value(min) > json_number_value(max))
        return bad(report, "profile.services[%zu].price: min is more than max", index);
    if ((min != NULL || max != NULL) && text_of(price, "currency")[0] == '\0')
        return bad(report, "profile.services[%zu].price.currency: is missing", index);
    json_int_t notice = json_integer_value(json_object_get(service, "notice_minutes"));
    const json_t *horizon = json_object_get(service, "horizon_days");
    if (horizon != NULL && notice >= json_integer_value(horizon) * DAY)
        return bad(report,
                   "profile.services[%zu].notice_minutes: is past the horizon: it could "
                   "never be booked",
                   index);
    return 0;
}

int profile_check(const json_t *profile, char *why, size_t why_len) {
    const struct report report = {why, why_len};
    const json_t *services = json_object_get(profile, "services");
    const json_t *name = json_object_get(profile, "name");
    if (name != NULL && text_blank(text_of(profile, "name")))
        return bad(&report, "profile.name: must not be blank");
    int r = check_hours(&report, json_object_get(profile, "hours"));
    for (size_t i = 0; r == 0 && i < json_array_size(services); i++)
        r = check_service(&report, services, i);
    return r;
}
