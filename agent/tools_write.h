/* What the writing tools share. */
#ifndef CLOISTER_AGENT_TOOLS_WRITE_H
#define CLOISTER_AGENT_TOOLS_WRITE_H

#include "agent/calendar.h"
#include "agent/tools.h"

#define WRITE_TRIES   4u
#define WRITE_BASE_MS 400
#define WRITE_MAX_MS  8000

/* Scope and the budget of writes. False: the run has its result. */
bool write_allowed(struct turn *turn, struct tool_run *run);
/* NULL when an event may be called this, else a sentence for the model. */
const char *title_wrong(const char *title);
/* Reads an event: *ret is its JSON or NULL (*ret_status 404 or 410). A cancelled event is returned
 * as it is. Other refusals become the run's result. 0, or -errno with the fault set. */
int write_look(struct turn *turn, struct tool_run *run, const char *id, json_t **ret,
               int *ret_status);
/* The outcome of a write could not be settled: ends the turn saying so. */
int write_unknown(struct turn *turn, bool maybe_done);
/* {"event", "start", "end", "timezone", "result", "note"?} */
json_t *write_result(const char *id, const struct event_times *times, const char *result,
                     const char *note);
/* Waits before looking or trying again. -EAGAIN when no time is left. */
int write_pause(struct turn *turn, unsigned attempt);

#endif
