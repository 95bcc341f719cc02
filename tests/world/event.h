/* Events of one account: resources as the Calendar API shows them, plus reading their times. A
 * record is {"r": resource, "seq": change number}; deleted events stay, with status "cancelled". */
#ifndef CLOISTER_WORLD_EVENT_H
#define CLOISTER_WORLD_EVENT_H

#include <jansson.h>

#include "tests/world/civil.h"
#include "tests/world/world.h"

/* Reads {"dateTime","timeZone"} or {"date"}; a date counts from midnight in `fallback`. False when
 * it is neither. */
bool event_time(const json_t *when, const struct zone *fallback, int64_t *ret_seconds,
                bool *ret_all_day);
/* Both ends of a resource. */
bool event_span(const json_t *resource, const struct zone *fallback, int64_t *ret_start,
                int64_t *ret_end, bool *ret_all_day);
bool event_cancelled(const json_t *resource);

/* Checks and completes the time fields, attendees, recurrence, … of a resource about to be stored
 * (they are rewritten in canonical form). NULL when it may be stored, else Google's error reason
 * and a message. */
const char *event_check(json_t *resource, const struct zone *zone, const char **ret_message);

/* Keeps only members a client may write. */
void event_strip(json_t *body);
/* Merge of a PATCH: null removes, objects merge, anything else replaces. */
void event_merge(json_t *into, const json_t *patch);

/* Stores a new or changed resource: sets etag, updated, and (when new) what Google fills in. Takes
 * `resource`; returns it borrowed. */
json_t *event_store(struct world *w, json_t *account, const char *id, json_t *resource);
/* The resource under this id, also a deleted one; NULL when there never was one. Borrowed. */
json_t *event_find(const json_t *account, const char *id);
void event_random_id(char out[static 27]);
bool event_id_valid(const char *id);

/* Adds an event without the API's client checks (admin): `body` as for insert. Borrowed result, or
 * NULL with a message. */
json_t *event_plant(struct world *w, json_t *account, const json_t *body, const char **ret_message);

#endif
