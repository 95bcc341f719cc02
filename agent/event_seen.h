/* An event as the model sees it: no more than the question needs (GUARD_MINIMISE_DETAILS), people
 * under aliases (GUARD_MINIMISE_PEOPLE). In turns only; both taint. */
#ifndef CLOISTER_AGENT_EVENT_SEEN_H
#define CLOISTER_AGENT_EVENT_SEEN_H

#include "agent/tools.h"

/* Handle, title, times, place, how many guests; the calendar's name when it is not the main one and
 * the name is known. `calendar`: its id. For json_decref; NULL when Google's answer makes no sense.
 */
json_t *event_seen(struct turn *turn, const struct tool_run *run, const char *calendar,
                   const json_t *event);
/* Adds repetition, guests and what else there is; and what the tool's argument "include" names:
 * "description", "addresses", "call". */
void event_seen_details(struct turn *turn, const struct tool_run *run, const json_t *event,
                        json_t *seen);

#endif
