/* The tools offered to the model, and running those it asks for. */
#ifndef CLOISTER_AGENT_TOOLS_H
#define CLOISTER_AGENT_TOOLS_H

#include "agent/turn_state.h"

#define TOOL_CALLS_MAX 8u /* calendar requests one tool has under way */

/* One tool call. `result` is what the model reads. */
struct tool_run {
    enum tool_id id;
    const char *name;
    json_t *args; /* checked against the tool's schema; borrowed */
    json_t *result;
    bool is_error;
    struct google_call *calls[TOOL_CALLS_MAX];
    size_t ncalls;
    int64_t from, to; /* span asked for */
    char zone[ZONE_MAX];
    bool by_list;       /* availability read from the events */
    const char *except; /* by_list: the id of an event that keeps nobody busy; NULL: none */
};

/* All tools, in an order that never changes (the cached prefix depends on it). */
const struct model_tool *tools_list(size_t *ret_n);
/* Those of this turn's origin, in the same order. Returns how many. */
size_t tools_offered(const struct turn *turn, struct model_tool out[static TOOL_COUNT]);
/* By name; false when there is no such tool. */
bool tools_find(const char *name, enum tool_id *ret);
/* Checks arguments against the tool's schema and drops nulls. Returns NULL when they fit, else what
 * is wrong, in `why`. */
const char *tools_check_args(enum tool_id id, json_t *args, char *why, size_t why_len);

/* Runs one answer's calls: reads together, writes one after another, in the order asked for. Fills
 * one result per call; texts are malloc'd. 0, or -errno with the fault set. */
struct tool_output {
    char *text;
    bool is_error;
};
int tools_run(struct turn *turn, const struct model_answer *answer,
              struct tool_output out[static MODEL_CALLS_MAX]) MUST_CHECK;

/* ---- for the tools themselves ---- */

/* What the policy's table says of this tool in this turn, as far as its rules hold. */
enum verdict tool_judge(const struct turn *turn, enum tool_id tool);
/* Sets an error result: code for programs, a sentence for the model. Returns 0. */
int tool_refuse(struct tool_run *run, const char *code, const char *format, ...) PRINTF_LIKE(3, 4);
/* Takes over `result`. Returns 0, or -ENOMEM with the fault set when it is NULL. */
int tool_succeed(struct turn *turn, struct tool_run *run, json_t *result);
/* NULL when absent. */
const char *tool_arg(const struct tool_run *run, const char *name);
/* What the argument "event" names, as the calendar's id; NULL: the run has its result. */
const char *tool_event(struct turn *turn, struct tool_run *run);
/* Result for a feature that was not granted. */
int tool_missing_scope(struct tool_run *run, const char *feature);
/* Result for a refusal of Google's that is about this call only. */
int tool_google_refused(struct tool_run *run, const struct google_answer *answer);

/* Each: `begin` sends the first requests (reads only), `finish` ends with a result. 0, or -errno
 * with the turn's fault set. */
int availability_begin(struct turn *turn, struct tool_run *run);
int availability_finish(struct turn *turn, struct tool_run *run);
int list_events_begin(struct turn *turn, struct tool_run *run);
int list_events_finish(struct turn *turn, struct tool_run *run);
int get_event_begin(struct turn *turn, struct tool_run *run);
int get_event_finish(struct turn *turn, struct tool_run *run);
int create_event_run(struct turn *turn, struct tool_run *run);
int update_event_run(struct turn *turn, struct tool_run *run);
int delete_event_run(struct turn *turn, struct tool_run *run);
int remember_run(struct turn *turn, struct tool_run *run);
int forget_run(struct turn *turn, struct tool_run *run);

#endif
