/* Between the files that look through an account's events. */
#ifndef CLOISTER_WORLD_EVENT_QUERY_H
#define CLOISTER_WORLD_EVENT_QUERY_H

#include "tests/world/calendar.h"

#define TIME_FAR  INT64_C(253402300799) /* year 9999 */
#define TIME_NEAR (-INT64_C(62135596800))

struct event_query {
    int64_t min, max, updated_min, since; /* since: change number of a sync token, 0 none */
    bool single, deleted, by_start, by_updated;
    const char *words, *uid;
    const struct zone *zone;
    size_t offset, limit;
};

struct found {
    int64_t start;
    const char *updated;
    size_t order;
    json_t *resource; /* owned */
};

struct findings {
    struct found *list; /* malloc'd */
    size_t count, room;
};

/* Adds what fits, in the order asked for. */
void events_collect(struct cal *c, const struct event_query *q, struct findings *f);
/* Answers 400 and returns false. */
bool query_bad(struct cal *c, const char *reason, const char *message);

#endif
