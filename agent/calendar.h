/* Calendar events between tools and Google's JSON: ids, ownership, times, recurrence. Pure, but for
 * the zone files. */
#ifndef CLOISTER_AGENT_CALENDAR_H
#define CLOISTER_AGENT_CALENDAR_H

#include <jansson.h>

#include "ipc/timezone.h"
#include "memory/seal.h"

/* ---- ownership: private properties under the user's key ---- */

#define EVENT_ID_LEN    32
#define EVENT_TAG_LEN   16
#define EVENT_PROP_MAC  "cloister"        /* proves that Cloister made the event for this user */
#define EVENT_PROP_TAGS "cloisterRequest" /* which writes have been applied, newest last */
#define EVENT_TAGS_MAX  8u

/* Id of the `index`th event that a request makes; `variant` counts ids that turned out taken. */
void event_id_make(const uint8_t user_key[static SEAL_KEY_LEN], const uint8_t request[static 32],
                   uint32_t index, uint32_t variant, char out[static EVENT_ID_LEN + 1]);
void event_mac_make(const uint8_t user_key[static SEAL_KEY_LEN], const char *id,
                    char out[static EVENT_ID_LEN + 1]);
/* The same for an event that stands for a booking, under the booking key: a front cell can make and
 * check these marks, and no others. The owner's turns do not take such an event for their own. */
#define EVENT_PROP_BOOKING "cloisterBooking"
void booking_mac_make(const uint8_t booking_key[static SEAL_KEY_LEN], const char *id,
                      char out[static EVENT_ID_LEN + 1]);
bool event_is_booking(const uint8_t booking_key[static SEAL_KEY_LEN], const json_t *event);
/* True when the event, or the series it belongs to, carries our MAC for its id. */
bool event_is_own(const uint8_t user_key[static SEAL_KEY_LEN], const json_t *event);
/* Tag of the `index`th change of a request. */
void event_tag_make(const uint8_t user_key[static SEAL_KEY_LEN], const uint8_t request[static 32],
                    uint32_t index, char out[static EVENT_TAG_LEN + 1]);
bool event_has_tag(const json_t *event, const char *tag);
/* The event's tags with `tag` added, the oldest dropped. malloc'd or NULL. */
char *event_tags_with(const json_t *event, const char *tag);
/* Guests besides the owner. */
bool event_has_attendees(const json_t *event);
/* A handle that may go into a path and into notes. */
bool event_id_valid(const char *id);

/* ---- where an event lies ---- */

#define CALENDAR_MAIN    "primary"
#define CALENDAR_ID_SIZE 257u /* with its NUL */

/* Google's ids name an event within its calendar. A reference is the id alone in the main calendar,
 * "ID/CALENDAR" elsewhere; handles, notes and proposals keep references. */
struct event_place {
    char calendar[CALENDAR_ID_SIZE];
    char id[1025];
};
/* A calendar's id that may go into a path and into a reference. */
bool calendar_id_valid(const char *id);
/* False when it is no reference. */
bool event_place_of(const char *reference, struct event_place *ret);
bool event_reference_valid(const char *reference);
/* malloc'd, or NULL. `id` is Google's, `calendar` a calendar's. */
char *event_reference(const char *calendar, const char *id);

/* ---- times ---- */

struct event_times {
    bool all_day;
    struct stamp start, end; /* all_day: dates, end exclusive */
    int64_t from, to;        /* as moments */
    char zone[ZONE_MAX];     /* the event's */
    enum zone_fit fit;       /* of the start, when it was given as local time */
};

/* Reads tool arguments. `end` may be NULL when `all_day` or `seconds` (its duration) says enough.
 * `all_day`: -1 as the form of `start` says, 0, 1. NULL when fine, else a sentence for the model.
 */
const char *event_times_read(const char *start, const char *end, const char *zone, int all_day,
                             int64_t seconds, struct event_times *ret);
/* Reads Google's start and end. False when they make no sense. `zone` is for dates and when the
 * event names none. Moments are told as the clocks of the zone that is returned show them. */
bool event_times_of(const json_t *event, const char *zone, struct event_times *ret);
/* Google's "start" or "end". With `clear` the members of the other kind are null, for a patch. */
json_t *event_time_json(const struct event_times *times, bool end, bool clear);
/* Sentence about a clock change that the start fell into; NULL when there was none. */
const char *event_times_note(const struct event_times *times);

/* Checks RRULE, RDATE and EXDATE lines; puts a forgotten "RRULE:" before "FREQ=". malloc'd array in
 * *ret; NULL when fine, else a sentence. An empty array means "happens once". */
const char *event_recurrence_read(const json_t *lines, json_t **ret);
/* Writes each rule's UNTIL as RFC 5545 (3.3.10) wants it beside these times: a date for whole days,
 * a moment in UTC otherwise; a date alone includes its whole day. NULL when fine, else a sentence.
 */
const char *event_recurrence_fit(json_t *lines, const struct event_times *times);

/* ---- busy intervals ---- */

struct interval {
    int64_t from, to;
};
struct intervals {
    struct interval *items;
    size_t n, cap;
};
/* Clips to [from, to), drops what is empty. 0, -ENOMEM, -EFBIG over 10,000. */
int intervals_add(struct intervals *list, int64_t from, int64_t to, int64_t start,
                  int64_t end) MUST_CHECK;
/* Sorts and joins what touches. */
void intervals_merge(struct intervals *list);
void intervals_free(struct intervals *list);
/* Does this event keep its owner busy? Not when transparent, cancelled, declined, a birthday or a
 * working location. */
bool event_is_busy(const json_t *event);

#endif
