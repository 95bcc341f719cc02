/* RFC 3339 times, and the two shorter forms that models and calendars write: a date alone, and a
 * local time without offset. Pure. */
#ifndef CLOISTER_IPC_TIMEZONE_STAMP_H
#define CLOISTER_IPC_TIMEZONE_STAMP_H

#include "ipc/base.h"

enum stamp_kind {
    STAMP_DATE,    /* 2026-11-22 */
    STAMP_LOCAL,   /* 2026-11-22T14:05:00, meant in some zone */
    STAMP_INSTANT, /* with Z or an offset */
};

struct stamp {
    enum stamp_kind kind;
    int year, month, day, hour, minute, second;
    int offset; /* seconds east of UTC; STAMP_INSTANT only */
};

/* The whole of `text`. Fractions of a second are dropped; a leap second counts as the one after it;
 * seconds may be missing. Years 1 to 9999. 0 or -EINVAL. */
int stamp_parse(const char *text, struct stamp *ret) MUST_CHECK;
/* Seconds since 1970 of the fields read as UTC. */
int64_t stamp_seconds(const struct stamp *stamp);
/* Seconds since 1970 of an instant. */
int64_t stamp_utc(const struct stamp *stamp);
/* `seconds` since 1970 as an instant shown at `offset`, of which seconds are dropped: RFC 3339 has
 * none. What lies outside the years 1 to 9999, here and below, becomes their first or last second.
 */
void stamp_of(int64_t seconds, int offset, struct stamp *ret);
void stamp_add_days(struct stamp *stamp, int days);
const char *stamp_weekday(const struct stamp *stamp); /* "Sunday" */

#define STAMP_TEXT 40
/* As its kind is written: "2026-11-22", "…T14:05:00", "…T14:05:00+01:00". */
void stamp_format(const struct stamp *stamp, char out[static STAMP_TEXT]);

#endif
