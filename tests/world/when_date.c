/* Days in sentences: tomorrow, Friday, next week, 4 December, 2026-12-01, the 4th. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/when_parts.h"

int weekday_of(const char *low) {
    static const char *const names[][5] = {
        {"monday", "mondays", "mon"},       {"tuesday", "tuesdays", "tue", "tues"},
        {"wednesday", "wednesdays", "wed"}, {"thursday", "thursdays", "thu", "thur", "thurs"},
        {"friday", "fridays", "fri"},       {"saturday", "saturdays", "sat"},
        {"sunday", "sundays", "sun"}};
    for (int d = 0; d < 7; d++)
        for (size_t i = 0; i < 5 && names[d][i]; i++)
            if (strcmp(low, names[d][i]) == 0)
                return d;
    return -1;
}

int month_of(const char *low) {
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    for (int m = 0; m < 12; m++)
        if (strcmp(low, names[m]) == 0 || (strlen(low) == 3 && strncmp(low, names[m], 3) == 0) ||
            (m == 8 && strcmp(low, "sept") == 0))
            return m + 1;
    return 0;
}

/* "4", "4th", "4." → 4; 0 when it is not a day of a month. `*ret_ordinal`: written as one. */
static int day_number(const char *low, bool *ret_ordinal) {
    static const char *const names[] = {"first", "second",  "third",  "fourth", "fifth",
                                        "sixth", "seventh", "eighth", "ninth",  "tenth"};
    *ret_ordinal = true;
    for (int i = 0; i < 10; i++)
        if (strcmp(low, names[i]) == 0)
            return i + 1;
    int n = 0, used = 0;
    if (!isdigit((unsigned char)low[0]) || sscanf(low, "%d%n", &n, &used) != 1 || n < 1 || n > 31)
        return 0;
    const char *rest = low + used;
    *ret_ordinal = *rest != '\0';
    if (*rest && strcmp(rest, "st") != 0 && strcmp(rest, "nd") != 0 && strcmp(rest, "rd") != 0 &&
        strcmp(rest, "th") != 0 && strcmp(rest, ".") != 0)
        return 0;
    return n;
}

static int year_number(const char *low) {
    uint64_t n;
    return strlen(low) == 4 && parse_u64(low, 1970, 2200, &n) == 0 ? (int)n : 0;
}

static struct civil today_of(const struct reading *r) {
    struct civil c = {0};
    civil_from_days(r->today, &c);
    return c;
}

/* Sets a day of a month; without a year the next one that is not past. */
static bool set_date(struct reading *r, int year, int month, int day) {
    struct civil now = today_of(r);
    bool given = year != 0;
    if (!given)
        year = now.year;
    while (!civil_date_valid(year, month, day) ||
           (!given && civil_days(year, month, day) < r->today)) {
        if (given || year > now.year + 8)
            return false;
        year++;
    }
    int64_t d = civil_days(year, month, day);
    r->weekday = 0;
    reading_day(r, d, d + 1);
    return true;
}

static const char *low_at(const struct reading *r, size_t i) {
    return i < r->to && !r->words->list[i].quoted ? r->words->list[i].low : "";
}

/* "4 December 2026", "4th of December" */
static size_t day_month(struct reading *r, size_t i) {
    bool ordinal;
    int day = day_number(low_at(r, i), &ordinal);
    size_t at = i + 1;
    if (!day)
        return 0;
    if (word_at(r, at, "of"))
        at++;
    int month = month_of(low_at(r, at));
    if (month) {
        int year = year_number(low_at(r, at + 1));
        return set_date(r, year, month, day) ? at - i + 1 + (year != 0) : 0;
    }
    bool the = i > r->from && word_at(r, i - 1, "the");
    if (!ordinal || !the || !isdigit((unsigned char)low_at(r, i)[0]))
        return 0;
    /* "the 4th": this month's, or the next month's that has one */
    struct civil c = today_of(r);
    for (int tries = 0; tries < 12; tries++) {
        if (civil_date_valid(c.year, c.month, day) && civil_days(c.year, c.month, day) >= r->today)
            return set_date(r, c.year, c.month, day) ? 1 : 0;
        c.year += c.month == 12;
        c.month = c.month % 12 + 1;
    }
    return 0;
}

/* "December 4th, 2026" */
static size_t month_day(struct reading *r, size_t i) {
    bool ordinal;
    int month = month_of(low_at(r, i));
    size_t at = i + 1 + (word_at(r, i + 1, "the") ? 1 : 0);
    int day = month ? day_number(low_at(r, at), &ordinal) : 0;
    if (!day)
        return 0;
    int year = year_number(low_at(r, at + 1));
    return set_date(r, year, month, day) ? at - i + 1 + (year != 0) : 0;
}

/* "2026-12-01", "2026-12-01T09:00", "4.12.2026" */
static size_t numeric(struct reading *r, size_t i) {
    const char *low = low_at(r, i);
    int y, m, d, hour, minute, used = 0;
    if (sscanf(low, "%4d-%2d-%2d%n", &y, &m, &d, &used) == 3 && used == 10) {
        if (!civil_date_valid(y, m, d) || !set_date(r, y, m, d))
            return 0;
        if (low[10] == 't' && sscanf(low + 11, "%2d:%2d", &hour, &minute) == 2 && hour < 24 &&
            minute < 60) {
            r->when->has_time = true;
            r->when->minute = hour * 60 + minute;
        }
        return 1;
    }
    used = 0;
    if (sscanf(low, "%2d.%2d.%4d%n", &d, &m, &y, &used) == 3 && low[used] == '\0' && y > 1970)
        return civil_date_valid(y, m, d) && set_date(r, y, m, d) ? 1 : 0;
    return 0;
}

static int64_t monday_of(int64_t day) {
    return day - civil_weekday(day);
}

static size_t named(struct reading *r, size_t i) {
    if (word_at(r, i, "today") || word_at(r, i, "tonight"))
        reading_day(r, r->today, r->today + 1);
    else if (word_at(r, i, "tomorrow") || word_at(r, i, "tomorrow's"))
        reading_day(r, r->today + 1, r->today + 2);
    else if (word_at(r, i, "yesterday"))
        reading_day(r, r->today - 1, r->today);
    else if (word_at(r, i, "day") && word_at(r, i + 1, "after") && word_at(r, i + 2, "tomorrow")) {
        reading_day(r, r->today + 2, r->today + 3);
        return 3;
    } else
        return 0;
    return word_at(r, i, "tonight") ? 0 : 1; /* its part of the day is read next */
}

/* "in December" */
static size_t whole_month(struct reading *r, size_t i) {
    int month = month_of(low_at(r, i)), year = year_number(low_at(r, i + 1));
    struct civil now = today_of(r);
    bool given = year != 0;
    if (!given)
        year = now.year + (month < now.month);
    int64_t first = civil_days(year, month, 1);
    reading_day(r, first < r->today && !given ? r->today : first,
                first + civil_month_days(year, month));
    return 1 + (size_t)given;
}

static size_t weeks(struct reading *r, size_t i) {
    int64_t monday = monday_of(r->today);
    bool next = word_at(r, i, "next"), this = word_at(r, i, "this") || word_at(r, i, "the");
    size_t at = i + (next || this);
    struct civil c = today_of(r);
    if (word_at(r, at, "weekend")) {
        int64_t saturday = monday + 5 + (next ? 7 : 0);
        reading_day(r, saturday < r->today ? r->today : saturday, saturday + 2);
    } else if (word_at(r, at, "week") && next) {
        r->next_week = true;
        if (!r->weekday)
            reading_day(r, monday + 7, monday + 14);
    } else if (word_at(r, at, "week") && this) {
        reading_day(r, r->today, monday + 7);
    } else if (word_at(r, at, "month") && (next || this)) {
        int64_t first = civil_days(c.year + (c.month == 12), c.month % 12 + 1, 1);
        struct civil n = {0};
        civil_from_days(first, &n);
        int64_t after = first + civil_month_days(n.year, n.month);
        reading_day(r, next ? first : r->today, next ? after : first);
    } else if (month_of(low_at(r, i)) && i > r->from &&
               word_in(&r->words->list[i - 1], "in during")) {
        return whole_month(r, i);
    } else {
        return 0;
    }
    return at - i + 1;
}

static size_t weekdays(struct reading *r, size_t i) {
    bool next = word_at(r, i, "next"), last = word_at(r, i, "last");
    bool this = word_at(r, i, "this") || word_at(r, i, "coming");
    size_t at = i + (next || last || this);
    int day = weekday_of(low_at(r, at));
    if (day < 0)
        return 0;
    /* "Friday 4 December", "Friday, the 4th": the date says it all. */
    size_t date = at + 1 + (word_at(r, at + 1, "the") ? 1 : 0);
    size_t n = numeric(r, date);
    if (!n)
        n = day_month(r, date);
    if (!n)
        n = month_day(r, date);
    if (n)
        return date - i + n;
    int64_t ahead = (day - civil_weekday(r->today) + 7) % 7;
    if (ahead == 0 && !this)
        ahead = 7;
    int64_t d = last ? r->today - (ahead == 7 ? 7 : 7 - ahead) : r->today + ahead;
    r->weekday = day + 1;
    reading_day(r, d, d + 1);
    return at - i + 1;
}

size_t match_date(struct reading *r, size_t i) {
    static size_t (*const patterns[])(struct reading *, size_t) = {numeric,   named,     weekdays,
                                                                   day_month, month_day, weeks};
    for (size_t p = 0; p < COUNT_OF(patterns); p++) {
        size_t n = patterns[p](r, i);
        if (n > 0)
            return n;
    }
    return 0;
}
