#include "ipc/timezone_stamp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Exactly `n` digits at *at. */
static bool take_digits(const char **at, int n, int *ret) {
    int value = 0;
    for (int i = 0; i < n; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *at += n;
    *ret = value;
    return true;
}

static bool take(const char **at, char c) {
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static int month_days(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool parse_date(const char **at, struct stamp *s) {
    return take_digits(at, 4, &s->year) && take(at, '-') && take_digits(at, 2, &s->month) &&
           take(at, '-') && take_digits(at, 2, &s->day) && s->year >= 1 && s->month >= 1 &&
           s->month <= 12 && s->day >= 1 && s->day <= month_days(s->year, s->month);
}

static bool parse_time(const char **at, struct stamp *s) {
    if (!take_digits(at, 2, &s->hour) || !take(at, ':') || !take_digits(at, 2, &s->minute))
        return false;
    if (take(at, ':')) {
        if (!take_digits(at, 2, &s->second))
            return false;
        if (take(at, '.')) {
            size_t digits = strspn(*at, "0123456789");
            if (digits == 0)
                return false;
            *at += digits;
        }
    }
    return s->hour <= 23 && s->minute <= 59 && s->second <= 60;
}

static bool parse_offset(const char **at, struct stamp *s) {
    int hours, minutes;
    if (take(at, 'Z') || take(at, 'z'))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!take(at, '+') && !take(at, '-'))
        return false;
    if (!take_digits(at, 2, &hours) || !take(at, ':') || !take_digits(at, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    s->offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

int64_t stamp_seconds(const struct stamp *s) {
    struct tm tm = {.tm_year = s->year - 1900,
                    .tm_mon = s->month - 1,
                    .tm_mday = s->day,
                    .tm_hour = s->hour,
                    .tm_min = s->minute,
                    .tm_sec = s->second};
    return (int64_t)timegm(&tm);
}

int64_t stamp_utc(const struct stamp *s) {
    return stamp_seconds(s) - s->offset;
}

/* The first and the last second that RFC 3339 can write. */
#define FIRST_SECOND INT64_C(-62135596800)
#define LAST_SECOND  INT64_C(253402300799)

static int64_t within_years(int64_t seconds) {
    if (seconds < FIRST_SECOND)
        return FIRST_SECOND;
    return seconds > LAST_SECOND ? LAST_SECOND : seconds;
}

static void set_fields(struct stamp *s, int64_t seconds) {
    struct tm tm;
    time_t t = (time_t)within_years(seconds);
    (void)gmtime_r(&t, &tm);
    s->year = tm.tm_year + 1900;
    s->month = tm.tm_mon + 1;
    s->day = tm.tm_mday;
    s->hour = tm.tm_hour;
    s->minute = tm.tm_min;
    s->second = tm.tm_sec;
}

void stamp_of(int64_t seconds, int offset, struct stamp *ret) {
    offset -= offset % 60; /* local mean time has seconds that RFC 3339 cannot write */
    *ret = (struct stamp){.kind = STAMP_INSTANT, .offset = offset};
    set_fields(ret, within_years(seconds) + offset);
}

void stamp_add_days(struct stamp *s, int days) {
    set_fields(s, stamp_seconds(s) + (int64_t)days * 86400);
    if (s->kind == STAMP_DATE) /* the last second of the year 9999 is not a date */
        s->hour = s->minute = s->second = 0;
}

int stamp_parse(const char *text, struct stamp *ret) {
    struct stamp s = {.kind = STAMP_DATE};
    const char *at = text;
    if (!parse_date(&at, &s))
        return -EINVAL;
    if (*at != '\0') {
        if (!take(&at, 'T') && !take(&at, 't') && !take(&at, ' '))
            return -EINVAL;
        if (!parse_time(&at, &s))
            return -EINVAL;
        s.kind = *at == '\0' ? STAMP_LOCAL : STAMP_INSTANT;
        if (s.kind == STAMP_INSTANT && (!parse_offset(&at, &s) || *at != '\0'))
            return -EINVAL;
    }
    if (s.second == 60) {
        s.second = 59;
        set_fields(&s, stamp_seconds(&s) + 1);
    }
    int64_t utc = stamp_utc(&s);
    if (utc < FIRST_SECOND || utc > LAST_SECOND) /* the same moment must be writable in UTC */
        return -EINVAL;
    *ret = s;
    return 0;
}

const char *stamp_weekday(const struct stamp *s) {
    static const char *const names[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                        "Monday",   "Tuesday", "Wednesday"};
    int64_t seconds = stamp_seconds(s), day = seconds / 86400 - (seconds % 86400 < 0 ? 1 : 0);
    return names[(day % 7 + 7) % 7];
}

void stamp_format(const struct stamp *s, char out[static STAMP_TEXT]) {
    int n =
        snprintf(out, STAMP_TEXT, "%04d-%02d-%02d", s->year % 10000, s->month % 100, s->day % 100);
    if (s->kind == STAMP_DATE)
        return;
    n += snprintf(out + n, STAMP_TEXT - (size_t)n, "T%02d:%02d:%02d", s->hour % 100,
                  s->minute % 100, s->second % 100);
    if (s->kind == STAMP_LOCAL)
        return;
    int minutes = abs(s->offset) / 60;
    (void)snprintf(out + n, STAMP_TEXT - (size_t)n, "%c%02d:%02d", s->offset < 0 ? '-' : '+',
                   minutes / 60 % 100, minutes % 60);
}
