/* Between the files that read times. */
#ifndef CLOISTER_WORLD_WHEN_PARTS_H
#define CLOISTER_WORLD_WHEN_PARTS_H

#include "tests/world/when.h"

struct reading {
    struct words *words;
    size_t from, to;
    const struct clock_view *clock;
    int64_t today;
    struct when *when;
    bool range_next; /* the next day ends a range */
    bool next_week;  /* "next week" was said: a weekday means that week's */
    int weekday;     /* said without a date: 1 … 7, else 0 */
    /* repetition, put together at the end */
    char freq; /* 'D', 'W', 'M', 'Y' or 0 */
    int interval, count;
    char count_unit; /* "for 4 weeks": 'W', "4 times": 'T' */
    unsigned days;   /* bits, Monday = 1 */
    int64_t until;   /* day, 0: none */
};

bool word_at(const struct reading *r, size_t i, const char *low);
void reading_day(struct reading *r, int64_t day, int64_t end);
/* Each returns how many words it takes from `i`. */
size_t match_date(struct reading *r, size_t i);
size_t match_clock(struct reading *r, size_t i);
size_t match_recurrence(struct reading *r, size_t i);
/* Settles what needed the whole sentence: ambiguous hours, repetition. */
void reading_finish(struct reading *r);
/* 0 = Monday … 6, or -1. */
int weekday_of(const char *low);
/* 1 … 12, or 0. */
int month_of(const char *low);

#endif
