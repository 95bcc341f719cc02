/* Calendar arithmetic and RFC 3339; the day algorithms are the well-known era-based ones. */
#include "tests/world/civil.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

int64_t civil_days(int year, int month, int day) {
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void civil_from_days(int64_t days, struct civil *ret) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    ret->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    ret->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    ret->year = (int)(yoe + era * 400 + (ret->month <= 2));
}

int64_t civil_seconds(const struct civil *c) {
    return civil_days(c->year, c->month, c->day) * DAY_S + c->hour * 3600 + c->minute * 60 +
           c->second;
}

struct civil civil_from_seconds(int64_t seconds) {
    int64_t days = seconds / DAY_S - (seconds % DAY_S < 0);
    int rest = (int)(seconds - days * DAY_S);
    struct civil c = {.hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60};
    civil_from_days(days, &c);
    return c;
}

int civil_weekday(int64_t days) {
    int64_t w = (days + 3) % 7;
    return (int)(w < 0 ? w + 7 : w);
}

int civil_month_days(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool civil_date_valid(int year, int month, int day) {
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= civil_month_days(year, month);
}

/* Reads exactly `n` digits. */
static bool digits(const char **p, int n, int *ret) {
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (!isdigit((unsigned char)(*p)[i]))
            return false;
        value = value * 10 + ((*p)[i] - '0');
    }
    *p += n;
    *ret = value;
    return true;
}

static bool date_part(const char **p, struct civil *c) {
    return digits(p, 4, &c->year) && *(*p)++ == '-' && digits(p, 2, &c->month) && *(*p)++ == '-' &&
           digits(p, 2, &c->day) && civil_date_valid(c->year, c->month, c->day);
}

bool civil_parse_date(const char *text, struct civil *ret) {
    struct civil c = {0};
    if (!date_part(&text, &c) || *text)
        return false;
    *ret = c;
    return true;
}

static bool offset_part(const char **p, int *ret) {
    char sign = *(*p)++;
    int h, m;
    if (sign == 'Z' || sign == 'z') {
        *ret = 0;
        return true;
    }
    if ((sign != '+' && sign != '-') || !digits(p, 2, &h) || *(*p)++ != ':' || !digits(p, 2, &m) ||
        h > 23 || m > 59)
        return false;
    *ret = (h * 60 + m) * (sign == '-' ? -60 : 60);
    return true;
}

enum rfc3339 rfc3339_parse(const char *text, struct civil *ret, int *ret_offset) {
    struct civil c = {0};
    const char *p = text;
    if (!date_part(&p, &c) || (*p != 'T' && *p != 't' && *p != ' '))
        return RFC3339_BAD;
    p++;
    if (!digits(&p, 2, &c.hour) || *p++ != ':' || !digits(&p, 2, &c.minute) || c.hour > 23 ||
        c.minute > 59)
        return RFC3339_BAD;
    if (*p == ':') {
        p++;
        if (!digits(&p, 2, &c.second) || c.second > 60)
            return RFC3339_BAD;
        if (*p == '.') {
            for (p++; isdigit((unsigned char)*p); p++)
                ;
        }
    }
    int offset = 0;
    if (!*p) {
        *ret = c;
        return RFC3339_LOCAL;
    }
    if (!offset_part(&p, &offset) || *p)
        return RFC3339_BAD;
    *ret = c;
    *ret_offset = offset;
    return RFC3339_OFFSET;
}

void rfc3339_format(int64_t seconds, const struct zone *zone, char out[static STAMP_N]) {
    int offset = zone_offset(zone, seconds);
    struct civil c = civil_from_seconds(seconds + offset);
    int n = snprintf(out, STAMP_N, "%04d-%02d-%02dT%02d:%02d:%02d", c.year % 10000, c.month, c.day,
                     c.hour, c.minute, c.second);
    if (n < 0 || n >= STAMP_N - 8)
        return;
    int minutes = abs(offset) / 60;
    if (offset == 0)
        strcpy(out + n, "Z");
    else
        snprintf(out + n, (size_t)(STAMP_N - n), "%c%02d:%02d", offset < 0 ? '-' : '+',
                 minutes / 60 % 24, minutes % 60);
}
