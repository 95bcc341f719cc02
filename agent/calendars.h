/* The owner's calendars beside the main one. Which there are is asked of Google only where the
 * granted scopes allow it (calendarList.list:
 * https://developers.google.com/workspace/calendar/api/v3/reference /calendarList/list), at most
 * once for a turn, and never otherwise: whoever granted no such scope has one calendar, and nothing
 * is slower for them. In turns only. */
#ifndef CLOISTER_AGENT_CALENDARS_H
#define CLOISTER_AGENT_CALENDARS_H

#include "agent/calendar.h"
#include "agent/turn_state.h"

#define CALENDARS_MAX      25u /* main one included; further ones are left out */
#define CALENDAR_NAME_SIZE 129u

struct calendar {
    char id[CALENDAR_ID_SIZE];
    char name[CALENDAR_NAME_SIZE]; /* the owner's name for it, third-party text; "" when not asked
                                      for */
    bool busy;                     /* what lies in it keeps the owner busy */
};

struct calendars {
    struct calendar list[CALENDARS_MAX]; /* list[0] is the main one */
    size_t n;
    bool named; /* names were asked for */
};

/* May they be listed? */
bool calendars_allowed(const struct turn *turn);
/* The calendars whose events the owner sees: the main one, and those ticked in Google's own list.
 * Busy are the main one and those among them that the owner may write into: a colleague's calendar
 * that one looks at does not keep one busy. `names` says whether their names are wanted too;
 * without it no text is fetched. What Google refuses leaves the main one. Lives as long as the
 * turn. 0 with *ret set, or -errno with the turn's fault set. */
int calendars_look(struct turn *turn, bool names, const struct calendars **ret) MUST_CHECK;
/* The calendar of this id among those looked up; NULL when there is none such. */
const struct calendar *calendars_find(const struct calendars *calendars, const char *id);
void calendars_free(struct calendars *calendars);

#endif
