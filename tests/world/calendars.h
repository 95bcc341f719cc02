/* Several calendars of one account. A secondary calendar is an object with the members by which
 * events are kept in an account ("email", its id; "zone"; "events"; "seq"), besides "summary",
 * "role", "selected" and "hidden". */
#ifndef CLOISTER_WORLD_CALENDARS_H
#define CLOISTER_WORLD_CALENDARS_H

#include "tests/world/calendar.h"

/* Turns to the calendar "primary", or the one of this id. False when the account has none such. */
bool cal_enter(struct cal *c, const char *id);
/* What the account may do with the calendar entered: Google's accessRole. */
const char *cal_role(const struct cal *c);
bool cal_may_write(const struct cal *c);
/* Only busy times may be seen: takes everything else out of an event. New reference. */
json_t *cal_veil(const struct cal *c, json_t *event);

/* Entry of the calendar entered, as in calendarList; the whole list. */
json_t *calendars_entry(const struct cal *c);
json_t *calendars_entries(const struct cal *c);

/* Adds or changes one: {id, summary?, timeZone?, accessRole?, selected?, hidden?}. Borrowed, or
 * NULL with a message. */
json_t *calendars_put(struct world *w, json_t *account, const json_t *in, const char **ret_message);
/* The object that holds the events of this calendar: the account itself for NULL and "primary". */
json_t *calendars_find(json_t *account, const char *id);

#endif
