/* What the runtime allows, whatever the model asks: one table of tool, origin and taint. Pure. */
#ifndef CLOISTER_AGENT_POLICY_H
#define CLOISTER_AGENT_POLICY_H

#include "ipc/base.h"

enum tool_id {
    TOOL_CHECK_AVAILABILITY,
    TOOL_LIST_EVENTS,
    TOOL_GET_EVENT,
    TOOL_CREATE_EVENT,
    TOOL_UPDATE_EVENT,
    TOOL_DELETE_EVENT,
    TOOL_REMEMBER,
    TOOL_FORGET,
    TOOL_COUNT,
};

/* On whose behalf a turn runs; set by the supervisor from the endpoint a request came in on. */
enum origin { ORIGIN_OWNER, ORIGIN_SCHEDULER, ORIGIN_CUSTOMER, ORIGIN_OTHER, ORIGIN_COUNT };
enum origin origin_of(const char *word);

enum verdict {
    VERDICT_ALLOW,
    VERDICT_REFUSE,
    VERDICT_CLEAN_ONLY, /* refused because the model has seen calendar text in this turn */
    VERDICT_CONFIRM,    /* needs the owner's confirmation */
};

/* `tainted`: the model had seen what a calendar tool returned when it asked. */
enum verdict policy_tool(enum tool_id tool, enum origin origin, bool tainted);
/* True when the tool's results taint the turn: all that come from the calendar but availability. */
bool policy_taints(enum tool_id tool);

/* A change to an existing event: only events that Cloister made, and none that has guests. */
enum verdict policy_change(bool own, bool has_attendees);
/* A new event: invitations go out to people only when the owner has confirmed them. */
enum verdict policy_create(bool has_attendees);

#endif
