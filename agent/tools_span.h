/* What the reading tools share: a span of time from the model's arguments. */
#ifndef CLOISTER_AGENT_TOOLS_SPAN_H
#define CLOISTER_AGENT_TOOLS_SPAN_H

#include "agent/calendar.h"
#include "agent/tools.h"

#define SPAN_MAX_S (INT64_C(366) * 86400)

/* Reads start, end and timezone into the run. False when they do not fit: the run then has its
 * result. */
bool span_read(struct turn *turn, struct tool_run *run);
/* "2026-11-22T13:05:00Z", as Google wants bounds. */
void span_utc(int64_t moment, char out[static STAMP_TEXT]);

/* When the owner is busy in [run->from, run->to), for code's own use: run->zone, by_list and except
 * are set. First the questions, then the answers, merged. A refusal is the run's result. 0, or
 * -errno with the fault set. `list` is for intervals_free in any case. */
int availability_ask(struct turn *turn, struct tool_run *run) MUST_CHECK;
int availability_take(struct turn *turn, struct tool_run *run, struct intervals *list) MUST_CHECK;

#endif
