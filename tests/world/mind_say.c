/* Words for times, and the small things every act shares. */
#include <stdio.h>
#include <string.h>

#include "tests/world/mind.h"

void clock_words(int64_t at, const struct zone *zone, char out[static 8]) {
    struct civil c = zone_local(zone, at);
    snprintf(out, 8, "%02d:%02d", c.hour % 100, c.minute % 100);
}

int64_t local_day(int64_t at, const struct zone *zone) {
    struct civil c = zone_local(zone, at);
    return civil_days(c.year, c.month, c.day);
}

void day_words(int64_t day, char *out, size_t cap) {
    struct civil c = {0};
    civil_from_days(day, &c);
    snprintf(out, cap, "%s %d %s %d", day_name(day), c.day, month_name(c.month), c.year);
}

void span_words(int64_t start, int64_t end, bool all_day, const struct zone *zone, char *out,
                size_t cap) {
    int64_t first = local_day(start, zone), last = local_day(end - 1, zone);
    char from[48], to[48], a[8], b[8];
    day_words(first, from, sizeof(from));
    day_words(last, to, sizeof(to));
    clock_words(start, zone, a);
    clock_words(end, zone, b);
    bool whole = strcmp(a, "00:00") == 0 && strcmp(b, "00:00") == 0;
    if ((all_day || whole) && first == last)
        snprintf(out, cap, "%s, all day", from);
    else if (all_day || whole)
        snprintf(out, cap, "%s to %s", from, to);
    else if (first == last || (end - start < DAY_S && strcmp(b, "00:00") == 0))
        snprintf(out, cap, "%s from %s to %s", from, a, b);
    else
        snprintf(out, cap, "%s %s to %s %s", from, a, to, b);
}

void mind_no_tool(struct mind *m, const char *what) {
    mind_say(m, "I have no tool to %s.", what);
}

const struct zone *mind_zone(const struct mind *m, const struct when *w) {
    return w->zone ? w->zone : m->clock.zone;
}

/* "there" takes what it lacks from the time spoken of before. */
void mind_settle(struct mind *m, struct when *w) {
    if (m->has_when && w->there)
        when_fill(w, &m->when);
}

void mind_keep(struct mind *m, const struct when *w) {
    if (w->has_day || w->has_time || w->from_now) {
        m->when = *w;
        m->has_when = true;
    }
}
