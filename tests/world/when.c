/* Reading times. A scan from left to right; at each word the first pattern that fits takes its
 * words. */
#include "tests/world/when.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/when_parts.h"

static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};
static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};

const char *day_name(int64_t day) {
    return day_names[civil_weekday(day)];
}

const char *month_name(int month) {
    return month_names[(month - 1) % 12];
}

bool when_any(const struct when *w) {
    return w->has_day || w->has_time || w->part != PART_NONE || w->all_day || w->there ||
           w->from_now || w->rule[0] || w->shift || w->extend;
}

/* ---- small patterns ---- */

static size_t match_zone(struct reading *r, size_t i) {
    const struct word *w = &r->words->list[i];
    char name[64];
    if (w->quoted || w->len >= sizeof(name))
        return 0;
    snprintf(name, sizeof(name), "%.*s", (int)w->len, w->start);
    const struct zone *zone = NULL;
    size_t n = 1;
    if (strchr(name, '/') || word_in(w, "utc gmt")) {
        zone = zone_find(word_in(w, "utc gmt") ? "UTC" : name);
    } else if (word_at(r, i + 1, "time")) {
        zone = zone_of_city(name);
    } else if (word_at(r, i + 2, "time") && i + 1 < r->to) {
        char two[100];
        const struct word *next = &r->words->list[i + 1];
        snprintf(two, sizeof(two), "%s %.*s", name, (int)(next->len < 32 ? next->len : 32),
                 next->start);
        zone = zone_of_city(two);
        n = 2;
    }
    if (!zone)
        return 0;
    r->when->zone = zone;
    return n + (word_at(r, i + n, "time") ? 1 : 0);
}

static size_t match_all_day(struct reading *r, size_t i) {
    if (word_at(r, i, "all-day") || word_at(r, i, "allday")) {
        r->when->all_day = true;
        return 1;
    }
    bool two = (word_at(r, i, "all") || word_at(r, i, "whole") || word_at(r, i, "entire")) &&
               (word_at(r, i + 1, "day") || word_at(r, i + 1, "day-long"));
    if (two)
        r->when->all_day = true;
    return two ? 2 : 0;
}

static size_t match_there(struct reading *r, size_t i) {
    static const char *const nouns = "time slot hour spot moment day";
    const struct word *w = &r->words->list[i];
    bool last = i + 1 == r->to;
    if (word_is(w, "there") && i > r->from && word_in(&r->words->list[i - 1], "is are was"))
        return 0;
    if (word_is(w, "there") || (word_is(w, "then") && last && i > r->from)) {
        r->when->there = true;
        return 1;
    }
    if ((word_is(w, "that") || word_is(w, "this")) && i + 1 < r->to && i > r->from &&
        word_in(&r->words->list[i + 1], nouns)) {
        r->when->there = true;
        return 2;
    }
    return 0;
}

static size_t match_part(struct reading *r, size_t i) {
    static const struct {
        const char *words;
        enum day_part part;
    } parts[] = {{"morning mornings", PART_MORNING},
                 {"afternoon afternoons", PART_AFTERNOON},
                 {"evening evenings", PART_EVENING},
                 {"tonight night", PART_NIGHT}};
    const struct word *w = &r->words->list[i];
    bool led = i == r->from || r->words->list[i - 1].used || word_at(r, i - 1, "this") ||
               word_at(r, i - 1, "every") ||
               (word_at(r, i - 1, "the") && i >= r->from + 2 &&
                word_in(&r->words->list[i - 2], "in during"));
    for (size_t p = 0; p < COUNT_OF(parts); p++) {
        if (!word_in(w, parts[p].words) || (!led && !word_is(w, "tonight")))
            continue; /* "the morning run" is a title */
        r->when->part = parts[p].part;
        if (word_is(w, "tonight") || (i > r->from && word_at(r, i - 1, "this")))
            reading_day(r, r->today, r->today + 1);
        return 1;
    }
    return 0;
}

/* ---- lengths ---- */

/* "45 minutes", "an hour", "two and a half hours", "half an hour": minutes, and words taken. */
static size_t read_length(const struct reading *r, size_t i, int *ret) {
    static const char *const hours = "hour hours h hr hrs", *minutes = "minute minutes min mins m";
    size_t at = i;
    if (word_at(r, at, "half") && (word_at(r, at + 1, "an") || word_at(r, at + 1, "a")) &&
        word_at(r, at + 2, "hour")) {
        *ret = 30;
        return 3;
    }
    if (word_at(r, at, "half") && word_at(r, at + 1, "hour")) {
        *ret = 30;
        return 2;
    }
    if (at >= r->to)
        return 0;
    const char *low = r->words->list[at].low;
    double value = 0;
    char unit[12] = "";
    int used = 0;
    if (isdigit((unsigned char)low[0]) && sscanf(low, "%lf%n", &value, &used) == 1 &&
        value < 10000) {
        snprintf(unit, sizeof(unit), "%s", low + used + (low[used] == '-'));
    } else if (word_at(r, at, "a") || word_at(r, at, "an")) {
        value = 1;
    } else {
        SCOPE_FREE char *copy = strdup(low);
        char *dash = copy ? strchr(copy, '-') : NULL;
        int n = word_number(low);
        if (n < 0 && dash) { /* "two-hour" */
            *dash = '\0';
            n = word_number(copy);
            snprintf(unit, sizeof(unit), "%s", dash + 1);
        }
        if (n <= 0)
            return 0;
        value = n;
    }
    at++;
    if (!unit[0] && word_at(r, at, "and") && word_at(r, at + 1, "a") &&
        word_at(r, at + 2, "half")) {
        value += 0.5;
        at += 3;
    }
    if (!unit[0] && at < r->to)
        snprintf(unit, sizeof(unit), "%.11s", r->words->list[at++].low);
    struct word probe = {0};
    snprintf(probe.low, sizeof(probe.low), "%s", unit);
    if (word_in(&probe, hours))
        *ret = (int)(value * 60);
    else if (word_in(&probe, minutes))
        *ret = (int)value;
    else
        return 0;
    if (word_in(&probe, hours) && word_at(r, at, "and")) { /* "an hour and 15 minutes" */
        int more = 0;
        size_t n = read_length(r, at + 1, &more);
        if (n > 0 && more < 60) {
            *ret += more;
            at += n + 1;
        }
    }
    return at - i;
}

static size_t match_length(struct reading *r, size_t i) {
    bool led = word_at(r, i, "for") || word_at(r, i, "by") || word_at(r, i, "lasting");
    int minutes = 0;
    size_t n = read_length(r, i + led, &minutes);
    if (n == 0 || minutes <= 0 || (i > r->from && word_at(r, i - 1, "at"))) /* "at 13h" */
        return 0;
    size_t end = i + led + n;
    if (word_at(r, end, "later") || word_at(r, end, "back") || word_at(r, i, "by")) {
        bool earlier = word_at(r, end, "earlier") || word_at(r, end, "forward");
        r->when->shift = earlier ? -minutes : minutes;
        return n + led + (word_at(r, end, "later") || word_at(r, end, "back") || earlier);
    }
    if (word_at(r, end, "earlier") || word_at(r, end, "forward")) {
        r->when->shift = -minutes;
        return n + led + 1;
    }
    if (word_at(r, end, "longer") || word_at(r, end, "shorter")) {
        r->when->extend = word_at(r, end, "longer") ? minutes : -minutes;
        return n + led + 1;
    }
    /* "a", "an" alone say nothing about length unless "for" leads. */
    r->when->length = minutes;
    if (word_at(r, end, "long"))
        n++;
    return n + led;
}

/* "in two hours", "in 3 days" */
static size_t match_in(struct reading *r, size_t i) {
    if (!word_at(r, i, "in") || i + 2 >= r->to)
        return 0;
    const struct word *number = &r->words->list[i + 1], *unit = &r->words->list[i + 2];
    int minutes = 0;
    size_t n = read_length(r, i + 1, &minutes);
    if (n > 0) {
        r->when->from_now = true;
        r->when->moment = r->clock->now + minutes * 60;
        return n + 1;
    }
    int count = word_in(number, "a an") ? 1 : word_number(number->low);
    if (count <= 0)
        return 0;
    if (word_in(unit, "day days"))
        reading_day(r, r->today + count, r->today + count + 1);
    else if (word_in(unit, "week weeks"))
        reading_day(r, r->today + 7 * count, r->today + 7 * count + 1);
    else
        return 0;
    return 3;
}

/* ---- the scan ---- */

bool word_at(const struct reading *r, size_t i, const char *low) {
    return i >= r->from && i < r->to && !r->words->list[i].quoted &&
           word_is(&r->words->list[i], low);
}

void reading_day(struct reading *r, int64_t day, int64_t end) {
    if (r->when->has_day && r->range_next) { /* "from Monday to Wednesday" */
        r->when->day_end = end;
        return;
    }
    r->when->has_day = true;
    r->when->day = day;
    r->when->day_end = end;
}

/* Words that only lead into a time. */
static void use_leading(struct reading *r, size_t i) {
    static const char *const leads =
        "on at from by this the of for in between to until till starting "
        "beginning around about during over coming";
    while (i > r->from && word_in(&r->words->list[i - 1], leads) && !r->words->list[i - 1].quoted &&
           !r->words->list[i - 1].used && !r->words->list[i - 1].ends)
        r->words->list[--i].used = true;
}

static size_t match(struct reading *r, size_t i) {
    static size_t (*const patterns[])(struct reading *, size_t) = {
        match_zone, match_recurrence, match_all_day, match_in,   match_length,
        match_date, match_clock,      match_part,    match_there};
    for (size_t p = 0; p < COUNT_OF(patterns); p++) {
        size_t n = patterns[p](r, i);
        if (n > 0)
            return n;
    }
    return 0;
}

void when_read(struct words *words, size_t from, size_t to, const struct clock_view *clock,
               struct when *ret) {
    struct civil today = zone_local(clock->zone, clock->now);
    struct reading r = {.words = words,
                        .from = from,
                        .to = to,
                        .clock = clock,
                        .when = ret,
                        .today = civil_days(today.year, today.month, today.day)};
    *ret = (struct when){0};
    for (size_t i = from; i < to;) {
        const struct word *w = &words->list[i];
        r.range_next =
            i > from && word_in(&words->list[i - 1], "to until till through -") && ret->has_day;
        size_t n = w->quoted || w->used ? 0 : match(&r, i);
        if (n == 0) {
            i++;
            continue;
        }
        use_leading(&r, i);
        for (size_t k = 0; k < n && i < to; k++, i++)
            words->list[i].used = true;
    }
    reading_finish(&r);
}

/* ---- spans ---- */

void when_fill(struct when *w, const struct when *earlier) {
    if (w->from_now)
        return;
    if (earlier->from_now && !w->has_day && !w->has_time) {
        w->from_now = true;
        w->moment = earlier->moment;
    }
    if (!w->has_day && earlier->has_day) {
        w->has_day = true;
        w->day = earlier->day;
        w->day_end = earlier->day_end;
    }
    if (!w->has_time && w->part == PART_NONE && !w->all_day) {
        w->has_time = earlier->has_time;
        w->minute = earlier->minute;
        w->has_end = earlier->has_end && !w->length;
        w->end_minute = earlier->end_minute;
        w->part = earlier->part;
        w->all_day = earlier->all_day;
    }
    if (!w->length && !w->has_end)
        w->length = earlier->length;
    if (!w->zone)
        w->zone = earlier->zone;
}

static int64_t at_minute(const struct zone *zone, int64_t day, int minute) {
    struct civil c = {0};
    civil_from_days(day + minute / 1440, &c);
    c.hour = minute % 1440 / 60;
    c.minute = minute % 60;
    return zone_to_utc(zone, &c);
}

void when_span(const struct when *w, const struct clock_view *clock, int length, int64_t *ret_start,
               int64_t *ret_end) {
    static const int parts[][2] = {[PART_NONE] = {0, 1440},
                                   [PART_MORNING] = {6 * 60, 12 * 60},
                                   [PART_AFTERNOON] = {12 * 60, 18 * 60},
                                   [PART_EVENING] = {18 * 60, 22 * 60},
                                   [PART_NIGHT] = {18 * 60, 24 * 60}};
    const struct zone *zone = w->zone ? w->zone : clock->zone;
    if (w->length)
        length = w->length;
    if (w->from_now) {
        *ret_start = w->moment;
        *ret_end = w->moment + length * 60;
        return;
    }
    struct civil local = zone_local(zone, clock->now);
    int64_t today = civil_days(local.year, local.month, local.day),
            day = w->has_day ? w->day : today;
    if (w->has_time) {
        *ret_start = at_minute(zone, day, w->minute);
        if (!w->has_day && *ret_start <= clock->now)
            *ret_start = at_minute(zone, ++day, w->minute);
        *ret_end = w->has_end ? at_minute(zone, day, w->end_minute) : *ret_start + length * 60;
        return;
    }
    int64_t last = w->has_day && w->day_end > day ? w->day_end - 1 : day;
    *ret_start = at_minute(zone, day, parts[w->part][0]);
    *ret_end = at_minute(zone, last, parts[w->part][1]);
}
