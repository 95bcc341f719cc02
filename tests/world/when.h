/* Times in English sentences: days, clock times, parts of the day, lengths, repetition, zones. */
#ifndef CLOISTER_WORLD_WHEN_H
#define CLOISTER_WORLD_WHEN_H

#include "tests/world/civil.h"
#include "tests/world/words.h"

enum day_part { PART_NONE, PART_MORNING, PART_AFTERNOON, PART_EVENING, PART_NIGHT };

struct when {
    bool has_day;
    int64_t day, day_end; /* days since 1970; end exclusive, day + 1 for one day */
    bool has_time;
    int minute; /* of the day */
    bool has_end;
    int end_minute; /* may pass midnight: above 1440 */
    enum day_part part;
    bool all_day;
    int length; /* minutes; 0: not said */
    bool there; /* the time that was spoken of before */
    bool from_now;
    int64_t moment;          /* with from_now: seconds */
    int shift;               /* "an hour later": minutes, negative for earlier */
    int extend;              /* minutes longer */
    char rule[96];           /* RRULE without its name; "" when it happens once */
    const struct zone *zone; /* named in the sentence, or NULL */
};

struct clock_view {
    int64_t now; /* seconds */
    const struct zone *zone;
};

/* Reads words [from, to) and marks those that belong to times as used. */
void when_read(struct words *words, size_t from, size_t to, const struct clock_view *clock,
               struct when *ret);
/* Anything said about time? */
bool when_any(const struct when *w);
/* Fills what `w` lacks from `earlier` (day, time, length). */
void when_fill(struct when *w, const struct when *earlier);
/* The span it means, in seconds: the given length or `length` minutes when there is a time, else
 * the part of the day or whole days. A missing day is today, or tomorrow when the time has passed.
 */
void when_span(const struct when *w, const struct clock_view *clock, int length, int64_t *ret_start,
               int64_t *ret_end);
const char *day_name(int64_t day); /* "Monday" */
const char *month_name(int month);

#endif
