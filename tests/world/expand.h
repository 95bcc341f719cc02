/* Recurring events: RRULE by libical on wall-clock time, EXDATE and RDATE here, zones by civil.h.
 */
#ifndef CLOISTER_WORLD_EXPAND_H
#define CLOISTER_WORLD_EXPAND_H

#include <jansson.h>

#include "tests/world/civil.h"

struct occurrence {
    int64_t start, end;
    char stamp[24]; /* in instance ids: "20261201T090000Z", all-day "20261201" */
};

/* Occurrences that end after `min` and start before `max`, ascending, at most `cap`. *ret is
 * malloc'd. Works for single events too (one occurrence). 0, -EINVAL (unreadable rule) or -ENOMEM.
 */
int expand(const json_t *resource, const struct zone *zone, int64_t min, int64_t max, size_t cap,
           struct occurrence **ret, size_t *ret_count) MUST_CHECK;

/* The occurrence as a resource of its own ("{id}_{stamp}", recurringEventId, originalStartTime).
 * New. */
json_t *expand_instance(const json_t *resource, const struct zone *zone,
                        const struct occurrence *occurrence);

#endif
