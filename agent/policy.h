/* What the runtime allows, whatever the model asks: policy.def as functions. Pure; also linked by
 * cloisterctl, which prints it. */
#ifndef CLOISTER_AGENT_POLICY_H
#define CLOISTER_AGENT_POLICY_H

#include "ipc/base.h"

enum tool_id {
#define TOOL(NAME, ...) TOOL_##NAME,
#define CHANGE(NAME, ...)
#define LIMIT(NAME, ...)
#include "agent/policy.def"
#undef TOOL
#undef CHANGE
#undef LIMIT
    TOOL_COUNT,
};

/* LIMIT_…: how many in one turn. */
enum {
#define TOOL(NAME, ...)
#define CHANGE(NAME, ...)
#define LIMIT(NAME, most, what) LIMIT_##NAME = (most),
#include "agent/policy.def"
#undef TOOL
#undef CHANGE
#undef LIMIT
};

/* On whose behalf a turn runs; set by the supervisor from the endpoint a request came in on. */
enum origin { ORIGIN_OWNER, ORIGIN_SCHEDULER, ORIGIN_CUSTOMER, ORIGIN_OTHER, ORIGIN_COUNT };
enum origin origin_of(const char *word);

/* From the mildest to the strictest. */
enum verdict { VERDICT_ALLOW, VERDICT_PROPOSE, VERDICT_REFUSE };

/* `tainted`: text that other people wrote was in front of the model when it asked. */
enum verdict policy_tool(enum tool_id tool, enum origin origin, bool tainted);
/* Whether the tool is offered to the model at all: some verdict of its row is not REFUSE. */
bool policy_offers(enum tool_id tool, enum origin origin);
/* True when the tool's results hold text that other people wrote. */
bool policy_taints(enum tool_id tool);
/* One that changes the calendar. */
bool policy_writes(enum tool_id tool);
/* A change of, or to, an event: `own` is one that Cloister made or makes, `guests` says that it has
 * some or that the change invites some. The tool's verdict is part of it. */
enum verdict policy_write(enum tool_id tool, enum origin origin, bool tainted, bool own,
                          bool guests);

/* ---- for showing it ---- */

const char *policy_tool_word(enum tool_id tool);       /* "create_event" */
const char *policy_origin_word(enum origin origin);    /* "owner"; "" for ORIGIN_OTHER */
const char *policy_verdict_word(enum verdict verdict); /* "allow" */

struct policy_change_row {
    const char *what;
    enum verdict verdict[ORIGIN_COUNT];
};
struct policy_limit_row {
    const char *word, *what; /* "writes", "changes, made or proposed" */
    unsigned most;
};
/* The rows, in their order. */
const struct policy_change_row *policy_changes(size_t *ret_n);
const struct policy_limit_row *policy_limits(size_t *ret_n);

#endif
