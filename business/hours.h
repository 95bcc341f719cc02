/* A business's hours: weekly ones with exceptions by date, in its own time zone, as moments. What
 * clocks do is the zone database's word (ipc/timezone.h). Pure; loop thread (glibc keeps one zone a
 * process). */
#ifndef CLOISTER_BUSINESS_HOURS_H
#define CLOISTER_BUSINESS_HOURS_H

#include <jansson.h>

#include "ipc/timezone.h"

struct span {
    int64_t start, end; /* Unix seconds; end is not part of it */
};

struct hours;
/* Reads {timezone, weekly[{days[], opens, closes}], exceptions[{date, closed | intervals[]}]} of a
 * profile: "HH:MM", "24:00" as an end; an end that is not after its start is of the next day. NULL
 * when it is read, else a sentence with the field's name (constant text; ENOMEM counts as one). */
const char *hours_read(const json_t *json, struct hours **ret) MUST_CHECK;
void hours_free(struct hours *hours); /* NULL is fine */
static inline void scope_hours_fn(struct hours **hours) {
    hours_free(*hours);
}
#define SCOPE_HOURS __attribute__((cleanup(scope_hours_fn)))

const char *hours_zone(const struct hours *hours);

/* What opens on the local days that touch [from, until), and on the day before: each interval as it
 * is stated, in order of its start, not joined. An opening or closing that clocks jump over is the
 * moment of the jump; of one that comes twice the first is meant. `*ret` is malloc'd. 0 or -ENOMEM.
 */
int hours_spans(const struct hours *hours, int64_t from, int64_t until, struct span **ret,
                size_t *ret_n) MUST_CHECK;

/* Sorts and joins what overlaps or touches, in place; drops empty ones. Returns how many are left.
 */
size_t spans_join(struct span *spans, size_t n);

#endif
