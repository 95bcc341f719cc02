/* Choosing among the tools a request offers, by their names, descriptions and schemas, and filling
 * in their arguments. Nothing is taken for granted about which tools there are. */
#ifndef CLOISTER_WORLD_TOOLBOX_H
#define CLOISTER_WORLD_TOOLBOX_H

#include <jansson.h>

#include "tests/world/civil.h"

enum tool_use {
    USE_AVAILABILITY,
    USE_LIST,
    USE_GET,
    USE_CREATE,
    USE_UPDATE,
    USE_DELETE,
    USE_REMEMBER,
    USE_FORGET,
};

/* The best tool of `tools` ([{"name","description","schema"}…]) for this, or NULL. Borrowed. */
const json_t *tool_pick(const json_t *tools, enum tool_use use);
const char *tool_name(const json_t *tool);

enum tool_arg {
    ARG_TITLE,
    ARG_START,
    ARG_END,
    ARG_ZONE,
    ARG_ALL_DAY,
    ARG_RECURRENCE,
    ARG_ATTENDEES,
    ARG_EVENT,
    ARG_QUERY,
    ARG_TEXT,
    ARG_ID,
    ARG_INCLUDE,
};
/* Name of the tool's parameter for this, or NULL when it has none. */
const char *tool_param(const json_t *tool, enum tool_arg arg);
/* Sets the argument under the tool's own name for it, in the type its schema asks for (a lone
 * string becomes an array where one is wanted). Takes `value`; does nothing when there is no such
 * parameter. */
void tool_set(const json_t *tool, json_t *args, enum tool_arg arg, json_t *value);
/* Start, end and zone of a span; whole days as dates when `dates`. */
void tool_set_span(const json_t *tool, json_t *args, int64_t start, int64_t end,
                   const struct zone *zone, bool dates);

#endif
