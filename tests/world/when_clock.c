/* Clock times ("at three", "half past two", "from 10 to 11:30") and repetition ("every Monday"). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/when_parts.h"

struct clock_time {
    int hour, minute;
    bool exact; /* am, pm, 24 hours or a leading zero: nothing to guess */
    size_t words;
};

static const char *low_at(const struct reading *r, size_t i) {
    return i < r->to && !r->words->list[i].quoted ? r->words->list[i].low : "";
}

static void apply_half(struct clock_time *t, char half) {
    if (half == 'p' && t->hour < 12)
        t->hour += 12;
    if (half == 'a' && t->hour == 12)
        t->hour = 0;
    t->exact = true;
}

/* "am", "pm", "o'clock", "in the afternoon" after a time. */
static void read_suffix(const struct reading *r, size_t i, struct clock_time *t) {
    const char *low = low_at(r, i + t->words);
    if (strcmp(low, "o'clock") == 0 || strcmp(low, "oclock") == 0) {
        t->words++;
        low = low_at(r, i + t->words);
    }
    if (strcmp(low, "am") == 0 || strcmp(low, "pm") == 0) {
        apply_half(t, low[0]);
        t->words++;
    } else if (strcmp(low, "in") == 0 && word_at(r, i + t->words + 1, "the")) {
        low = low_at(r, i + t->words + 2);
        if (strcmp(low, "morning") == 0 || strcmp(low, "afternoon") == 0 ||
            strcmp(low, "evening") == 0) {
            apply_half(t, low[0] == 'm' ? 'a' : 'p');
            t->words += 3;
        }
    }
}

/* One word that is a time by itself: "15:00", "3pm", "3:30pm", "noon". */
static bool one_word(const char *low, struct clock_time *t) {
    int used = 0;
    *t = (struct clock_time){.words = 1};
    if (strcmp(low, "noon") == 0 || strcmp(low, "midday") == 0 || strcmp(low, "midnight") == 0) {
        t->hour = strcmp(low, "midnight") == 0 ? 24 : 12;
        t->exact = true;
        return true;
    }
    if (!isdigit((unsigned char)low[0]))
        return false;
    bool colon = sscanf(low, "%2d:%2d%n", &t->hour, &t->minute, &used) == 2 && used >= 4;
    if (!colon) {
        t->minute = 0;
        if (sscanf(low, "%2d%n", &t->hour, &used) != 1)
            return false;
    }
    const char *rest = low + used;
    if (colon && *rest == ':') /* seconds */
        rest += strspn(rest, ":0123456789");
    bool half = strcmp(rest, "am") == 0 || strcmp(rest, "pm") == 0;
    bool h = strcmp(rest, "h") == 0 && !colon;
    if ((!colon && !half && !h) || (*rest && !half && !h) || t->hour > 24 || t->minute > 59)
        return false;
    t->exact = h || t->hour > 12 || t->hour == 0 || (colon && low[0] == '0');
    if (half && t->hour <= 12)
        apply_half(t, rest[0]);
    return true;
}

/* "half past three", "quarter to four", "ten past five" */
static bool past_to(const struct reading *r, size_t i, struct clock_time *t) {
    size_t at = i + (word_at(r, i, "a") ? 1 : 0);
    int minutes = word_at(r, at, "half")      ? 30
                  : word_at(r, at, "quarter") ? 15
                                              : word_number(low_at(r, at));
    bool past = word_at(r, at + 1, "past") || word_at(r, at + 1, "after");
    bool to = word_at(r, at + 1, "to") || word_at(r, at + 1, "before");
    int hour = word_number(low_at(r, at + 2));
    bool said = word_at(r, at, "half") || word_at(r, at, "quarter") ||
                (minutes > 0 && minutes % 5 == 0 && past);
    if ((!past && !to) || !said || hour < 1 || hour > 12)
        return false;
    int all = hour * 60 + (past ? minutes : -minutes);
    *t = (struct clock_time){.hour = all / 60, .minute = all % 60, .words = at - i + 3};
    if (t->hour == 0)
        t->hour = 12;
    return true;
}

/* A time at word `i`; `led`: a word before it says that a time comes, so a bare number is one. */
static bool read_clock(const struct reading *r, size_t i, bool led, struct clock_time *t) {
    const char *low = low_at(r, i);
    int n = word_number(low);
    if (past_to(r, i, t)) {
        read_suffix(r, i, t);
        return true;
    }
    if (one_word(low, t)) {
        if (!t->exact || t->hour <= 12)
            read_suffix(r, i, t);
        return true;
    }
    if (n < 0 || n > 24 || month_of(low_at(r, i + 1)))
        return false; /* "until 18 December" is a day */
    *t = (struct clock_time){.hour = n, .words = 1};
    int minutes = isdigit((unsigned char)low[0]) ? -1 : word_number(low_at(r, i + 1));
    if (minutes >= 10 && minutes < 60 && led) { /* "three thirty" */
        t->minute = minutes;
        t->words++;
    }
    struct clock_time bare = *t;
    read_suffix(r, i, t);
    bool suffix = t->words > bare.words;
    t->exact = t->exact || n > 12 || n == 0 || (low[0] == '0' && low[1]);
    return led || suffix;
}

/* Twelve-hour guesses: 1 to 7 mean the afternoon. */
static int guess(const struct clock_time *t, enum day_part part) {
    int hour = t->hour;
    if (!t->exact && part == PART_MORNING)
        hour %= 12;
    else if (!t->exact && part != PART_NONE && hour < 12)
        hour += 12;
    else if (!t->exact && hour >= 1 && hour <= 7)
        hour += 12;
    return hour * 60 + t->minute;
}

static void set_range(struct reading *r, const struct clock_time *a, const struct clock_time *b) {
    int from = guess(a, r->when->part), to = b->hour * 60 + b->minute;
    if (!a->exact && b->exact && b->hour >= 12 && a->hour < 12) {
        /* "from 9 to 11pm" is in the evening, "from 10 to 1pm" is not */
        int raw = a->hour * 60 + a->minute;
        from = raw + 720 < to ? raw + 720 : raw;
    }
    if (!b->exact)
        while (to <= from && to < 1440)
            to += 720;
    if (to <= from)
        to += 1440;
    r->when->has_time = r->when->has_end = true;
    r->when->minute = from;
    r->when->end_minute = to;
}

/* "10-11:30", "2–3pm" as one word; `led` as for read_clock. */
static bool dashed(const char *low, bool led, struct clock_time *a, struct clock_time *b) {
    char left[48], right[48];
    const char *dash = strchr(low, '-'), *after = dash ? dash + 1 : NULL;
    if (!dash && (dash = strstr(low, "–")))
        after = dash + strlen("–");
    if (!dash || dash == low || strlen(low) >= sizeof(left))
        return false;
    snprintf(left, sizeof(left), "%.*s", (int)(dash - low), low);
    snprintf(right, sizeof(right), "%s", after);
    struct {
        const char *text;
        struct clock_time *time;
    } sides[] = {{left, a}, {right, b}};
    int whole = 0;
    for (size_t i = 0; i < 2; i++) {
        uint64_t n;
        if (one_word(sides[i].text, sides[i].time)) {
            whole++;
            continue;
        }
        if (parse_u64(sides[i].text, 0, 24, &n) < 0)
            return false;
        *sides[i].time = (struct clock_time){.hour = (int)n, .exact = n > 12 || n == 0, .words = 1};
    }
    return whole > 0 || led;
}

size_t match_clock(struct reading *r, size_t i) {
    static const char *const leads =
        "at from to until till between by around about before after no not meant mean sorry rather";
    struct clock_time a, b;
    const struct word *before = i > r->from ? &r->words->list[i - 1] : NULL;
    bool led = before && !before->quoted && word_in(before, leads);
    bool date_led = before && before->used && r->when->has_day; /* "on Friday 10-11" */
    if (dashed(low_at(r, i), led || date_led, &a, &b)) {
        struct clock_time suffix = b;
        read_suffix(r, i, &suffix);
        set_range(r, &a, &suffix);
        return suffix.words;
    }
    if (!read_clock(r, i, led, &a))
        return 0;
    if (r->when->has_time && before && word_in(before, "until till to") && !r->when->has_end) {
        struct clock_time start = {r->when->minute / 60, r->when->minute % 60, true, 0};
        set_range(r, &start, &a);
        return a.words;
    }
    size_t next = i + a.words;
    static const char *const joins = "to until till and - – —";
    bool between = before && word_is(before, "between");
    if (next < r->to && word_in(&r->words->list[next], joins) &&
        (between || !word_at(r, next, "and")) && read_clock(r, next + 1, true, &b)) {
        set_range(r, &a, &b);
        return a.words + 1 + b.words;
    }
    r->when->has_time = true;
    r->when->minute = guess(&a, r->when->part);
    /* A part of the day said later in the sentence may still turn it. */
    for (size_t k = next; k < r->to && !a.exact; k++) {
        const struct word *w = &r->words->list[k];
        if (word_in(w, "morning"))
            r->when->minute = guess(&a, PART_MORNING);
        else if (word_in(w, "afternoon evening tonight night"))
            r->when->minute = guess(&a, PART_EVENING);
    }
    return a.words;
}

/* ---- repetition ---- */

static char unit_of(const char *low) {
    struct word w = {0};
    snprintf(w.low, sizeof(w.low), "%s", low);
    return word_in(&w, "day days")       ? 'D'
           : word_in(&w, "week weeks")   ? 'W'
           : word_in(&w, "month months") ? 'M'
           : word_in(&w, "year years")   ? 'Y'
                                         : 0;
}

/* Weekday names joined by commas and "and", from word `i`. */
static size_t day_list(struct reading *r, size_t i) {
    size_t at = i;
    while (at < r->to) {
        size_t skip = at + (word_at(r, at, "and") && at > i ? 1 : 0);
        int day = weekday_of(low_at(r, skip));
        if (day < 0)
            break;
        r->days |= 1u << day;
        at = skip + 1;
    }
    return at - i;
}

static size_t every(struct reading *r, size_t i) {
    size_t at = i + 1;
    r->interval = 1;
    if (word_at(r, at, "other") || word_at(r, at, "second")) {
        r->interval = 2;
        at++;
    } else if (word_number(low_at(r, at)) > 1) {
        r->interval = word_number(low_at(r, at++));
    }
    if (word_at(r, at, "weekday") || word_at(r, at, "workday") ||
        (word_at(r, at, "working") && word_at(r, at + 1, "day"))) {
        r->freq = 'W';
        r->days = 0x1f;
        return at - i + 1 + (word_at(r, at, "working") ? 1 : 0);
    }
    char unit = unit_of(low_at(r, at));
    if (unit) {
        r->freq = unit;
        at++;
        if (unit == 'W' && word_at(r, at, "on"))
            at += 1 + day_list(r, at + 1);
        return at - i;
    }
    size_t n = day_list(r, at);
    if (n == 0 && word_in(&r->words->list[at < r->to ? at : i], "morning afternoon evening")) {
        r->freq = 'D'; /* "every morning": the part is read next */
        return at - i;
    }
    if (n == 0)
        return 0;
    r->freq = 'W';
    return at - i + n;
}

/* "until 18 December" ends a series: a day, not a time. */
static size_t until_day(struct reading *r, size_t i) {
    struct when until = {0}, *said = r->when;
    int weekday = r->weekday;
    size_t at = i + 1 + (word_at(r, i + 1, "the") ? 1 : 0);
    r->when = &until;
    size_t taken = match_date(r, at);
    r->when = said;
    r->weekday = weekday;
    if (!taken)
        return 0;
    r->until = until.day_end - 1;
    return at - i + taken;
}

size_t match_recurrence(struct reading *r, size_t i) {
    static const struct {
        const char *word;
        char freq;
    } single[] = {
        {"daily", 'D'}, {"weekly", 'W'}, {"monthly", 'M'}, {"yearly", 'Y'}, {"annually", 'Y'}};
    if (word_at(r, i, "every") || word_at(r, i, "each"))
        return every(r, i);
    for (size_t s = 0; s < COUNT_OF(single); s++)
        if (word_at(r, i, single[s].word)) {
            r->freq = single[s].freq;
            r->interval = 1;
            return 1;
        }
    if (word_at(r, i, "fortnightly")) {
        r->freq = 'W';
        r->interval = 2;
        return 1;
    }
    if (!r->freq)
        return 0;
    bool led = word_at(r, i, "for");
    int n = word_number(low_at(r, i + led));
    char unit = n > 0 ? unit_of(low_at(r, i + led + 1)) : 0;
    if (led && unit) {
        r->count = n;
        r->count_unit = unit;
        return 3;
    }
    if (n > 0 && (word_at(r, i + led + 1, "times") || word_at(r, i + led + 1, "occurrences"))) {
        r->count = n;
        r->count_unit = 'T';
        return led + 2u;
    }
    if (word_at(r, i, "until") || word_at(r, i, "till"))
        return until_day(r, i);
    return 0;
}

static int per_week(unsigned days) {
    int n = 0;
    for (; days; days &= days - 1)
        n++;
    return n ? n : 1;
}

static void write_rule(struct reading *r) {
    static const char *const codes[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};
    const char *freq = r->freq == 'D'   ? "DAILY"
                       : r->freq == 'W' ? "WEEKLY"
                       : r->freq == 'M' ? "MONTHLY"
                                        : "YEARLY";
    char *out = r->when->rule;
    size_t cap = sizeof(r->when->rule);
    size_t n = (size_t)snprintf(out, cap, "FREQ=%s", freq);
    if (r->interval > 1)
        n += (size_t)snprintf(out + n, cap - n, ";INTERVAL=%d", r->interval);
    for (int d = 0; d < 7; d++)
        if (r->days & (1u << d))
            n += (size_t)snprintf(out + n, cap - n, "%s%s",
                                  strchr(out, 'B') ? "," : ";BYDAY=", codes[d]);
    int count = r->count;
    if (r->count_unit == 'W' && r->freq == 'D')
        count *= 7;
    else if (r->count_unit == 'W' && r->freq == 'W')
        count = count * per_week(r->days) / r->interval;
    else if (r->count_unit == 'M' && r->freq == 'W')
        count *= 4 * per_week(r->days);
    if (count > 0)
        snprintf(out + n, cap - n, ";COUNT=%d", count);
    else if (r->until) {
        struct civil c = {.hour = 23, .minute = 59, .second = 59};
        civil_from_days(r->until, &c);
        if (!r->when->all_day)
            c = civil_from_seconds(zone_to_utc(r->clock->zone, &c));
        n += (size_t)snprintf(out + n, cap - n, ";UNTIL=%04d%02d%02d", c.year, c.month, c.day);
        if (!r->when->all_day)
            snprintf(out + n, cap - n, "T%02d%02d%02dZ", c.hour, c.minute, c.second);
    }
}

/* A series begins on the first day that its rule names. */
static void first_day(struct reading *r) {
    int64_t day = r->when->has_day ? r->when->day : r->today;
    struct civil now = zone_local(r->clock->zone, r->clock->now);
    bool passed =
        !r->when->has_day && r->when->has_time && r->when->minute <= now.hour * 60 + now.minute;
    if (passed)
        day++;
    while (r->days && !(r->days & (1u << civil_weekday(day))))
        day++;
    r->when->has_day = true;
    r->when->day = day;
    r->when->day_end = day + 1;
}

void reading_finish(struct reading *r) {
    if (r->next_week && r->weekday) {
        int64_t monday = r->today - civil_weekday(r->today) + 7;
        r->when->has_day = true;
        r->when->day = monday + r->weekday - 1;
        r->when->day_end = r->when->day + 1;
    }
    if (!r->freq)
        return;
    first_day(r);
    write_rule(r);
}
