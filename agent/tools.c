#include "agent/tools.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/guards.h"
#include "agent/tools_business.h"
#include "providers/json_get.h"

#define RESULT_MAX 65536u

int tool_refuse(struct tool_run *run, const char *code, const char *format, ...) {
    char detail[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    json_decref(run->result);
    run->result = json_pack("{s:s, s:s}", "error", code, "detail", detail);
    if (run->result == NULL) /* the words were no text: refused it is all the same */
        run->result = json_pack("{s:s}", "error", code);
    run->is_error = true;
    return 0;
}

int tool_succeed(struct turn *turn, struct tool_run *run, json_t *result) {
    if (result == NULL)
        return fault_set(&turn->fault, -ENOMEM, "internal", true, "This server is out of memory.");
    json_decref(run->result);
    run->result = result;
    return 0;
}

const char *tool_arg(const struct tool_run *run, const char *name) {
    return json_string_value(json_object_get(run->args, name));
}

int tool_missing_scope(struct tool_run *run, const char *feature) {
    bool events = strcmp(feature, "events") == 0;
    return tool_refuse(
        run, "missing_permission",
        "The owner has not allowed the feature \"%s\". Connecting Google Calendar again "
        "with it would add %s.",
        feature,
        events ? "reading, creating and changing events" : "asking when the owner is free or busy");
}

/* ---- running ---- */

static const struct {
    int (*begin)(struct turn *turn, struct tool_run *run);
    int (*finish)(struct turn *turn, struct tool_run *run);
} actions[TOOL_COUNT] = {
    [TOOL_CHECK_AVAILABILITY] = {availability_begin, availability_finish},
    [TOOL_LIST_EVENTS] = {list_events_begin, list_events_finish},
    [TOOL_GET_EVENT] = {get_event_begin, get_event_finish},
    [TOOL_CREATE_EVENT] = {NULL, create_event_run},
    [TOOL_UPDATE_EVENT] = {NULL, update_event_run},
    [TOOL_DELETE_EVENT] = {NULL, delete_event_run},
    [TOOL_REMEMBER] = {NULL, remember_run},
    [TOOL_FORGET] = {NULL, forget_run},
    [TOOL_FREE_TIMES] = {NULL, free_times_run},
    [TOOL_GET_BUSINESS] = {NULL, get_business_run},
    [TOOL_CREATE_BOOKING] = {NULL, create_booking_run},
    [TOOL_GET_BOOKING] = {NULL, get_booking_run},
    [TOOL_RESCHEDULE_BOOKING] = {NULL, reschedule_booking_run},
    [TOOL_CANCEL_BOOKING] = {NULL, cancel_booking_run},
    [TOOL_SEND_INQUIRY] = {NULL, send_inquiry_run},
    [TOOL_GET_OWN_BUSINESS] = {NULL, get_own_business_run},
    [TOOL_EDIT_BUSINESS] = {NULL, edit_business_run},
    [TOOL_LIST_BOOKINGS] = {NULL, list_bookings_run},
    [TOOL_LIST_INQUIRIES] = {NULL, list_inquiries_run},
};

enum verdict tool_judge(const struct turn *turn, enum tool_id tool) {
    enum origin origin = guard_holds(GUARD_ORIGIN_TOOLS) ? turn->origin : ORIGIN_OWNER;
    enum guard rule = policy_writes(tool) ? GUARD_TAINT_PROPOSES : GUARD_PREFERENCE_CLEAN;
    return policy_tool(tool, origin, turn->asked_tainted && guard_holds(rule));
}

/* A verdict that says "propose" is a write's own business: it knows what it would do. */
static bool policy_stops(struct turn *turn, struct tool_run *run) {
    if (tool_judge(turn, run->id) != VERDICT_REFUSE)
        return false;
    if (policy_tool(run->id, turn->origin, false) == VERDICT_REFUSE)
        (void)tool_refuse(run, "not_allowed", "This tool may not be used in this conversation.");
    else if (policy_writes(run->id))
        (void)tool_refuse(run, "not_now",
                          "Nothing may be changed after calendar entries were read, since nobody "
                          "is there to confirm it.");
    else if (run->id == TOOL_EDIT_BUSINESS)
        (void)tool_refuse(run, "not_now",
                          "A business's profile is not changed after other people's words were "
                          "read. Ask the owner to say it again in a new message.");
    else
        (void)tool_refuse(
            run, "not_now",
            "What to remember must come from the owner's own words, and this turn has "
            "already read the calendar. Ask the owner to say it again in a new message.");
    return true;
}

/* Finds the tool and judges the request. A refusal is a result like any other. */
static void run_prepare(struct turn *turn, const struct model_tool_call *call,
                        struct tool_run *run) {
    char why[160];
    *run = (struct tool_run){.name = "unknown_tool", .args = call->arguments};
    if (!tools_find(call->name, &run->id)) {
        (void)tool_refuse(run, "unknown_tool",
                          "There is no tool of that name. Use only the tools that were offered.");
        return;
    }
    size_t n;
    run->name = tools_list(&n)[run->id].name;
    if (policy_stops(turn, run)) /* first of all: whatever its arguments are */
        return;
    if (call->arguments == NULL)
        (void)tool_refuse(run, "bad_arguments", "The arguments were not a JSON object.");
    else if (turn_clean_arguments(call->arguments),
             tools_check_args(run->id, call->arguments, why, sizeof(why)) != NULL)
        (void)tool_refuse(run, "bad_arguments", "%s", why);
    else if (turn->tool_calls >= TURN_TOOL_CALLS)
        (void)tool_refuse(run, "budget_exhausted",
                          "This request has used all its tool calls. Answer with what is known.");
    else {
        turn_clean_arguments(call->arguments); /* what stood in a string as JSON, too */
        turn->tool_calls++;
    }
}

static bool is_settled(const struct tool_run *run) {
    return run->result != NULL || run->is_error;
}

static int run_begin(struct turn *turn, struct tool_run *run) {
    if (is_settled(run))
        return 0;
    channel_tool(&turn->channel, run->name, "running");
    return actions[run->id].begin != NULL ? actions[run->id].begin(turn, run) : 0;
}

static int run_finish(struct turn *turn, struct tool_run *run) {
    bool started = !is_settled(run) || run->ncalls > 0;
    size_t proposed = turn->nmade;
    int r = is_settled(run) ? 0 : actions[run->id].finish(turn, run);
    bool failed = r < 0 || run->is_error;
    if (started || failed)
        channel_tool(&turn->channel, run->name,
                     failed                   ? "failed"
                     : turn->nmade > proposed ? "proposed"
                                              : "done");
    if (r == 0 && !run->is_error) {
        if (run->id == TOOL_CHECK_AVAILABILITY || policy_writes(run->id))
            turn_shows(turn, policy_writes(run->id) ? SHOWN_TIMES : SHOWN_BUSY);
        turn->tainted = turn->tainted || taint_seen(turn->taint);
    }
    return r;
}

static int output_of(struct turn *turn, struct tool_run *run, struct tool_output *out) {
    char *text = json_dumps(run->result, JSON_COMPACT);
    if (text != NULL && strlen(text) > RESULT_MAX) {
        string_wipe(text);
        (void)tool_refuse(run, "too_much", "The result is too large. Ask for a shorter span.");
        text = json_dumps(run->result, JSON_COMPACT);
    }
    *out = (struct tool_output){.text = text, .is_error = run->is_error};
    if (text == NULL)
        return fault_set(&turn->fault, -ENOMEM, "internal", true, "This server is out of memory.");
    return 0;
}

/* Runs the calls from `first`: neighbouring reads together, a write alone. Returns how many. */
static size_t group_len(const struct tool_run *runs, size_t first, size_t n) {
    size_t len = 0;
    while (first + len < n && actions[runs[first + len].id].begin != NULL)
        len++;
    return len > 0 ? len : 1;
}

static int group_run(struct turn *turn, struct tool_run *runs, size_t n) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = run_begin(turn, &runs[i]);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = run_finish(turn, &runs[i]);
    return r;
}

int tools_run(struct turn *turn, const struct model_answer *answer,
              struct tool_output out[static MODEL_CALLS_MAX]) {
    struct tool_run runs[MODEL_CALLS_MAX];
    int r = 0;
    turn->asked_tainted = turn->tainted;
    for (size_t i = 0; i < answer->ncalls; i++)
        run_prepare(turn, &answer->calls[i], &runs[i]);
    for (size_t i = 0; r == 0 && i < answer->ncalls;) {
        size_t n = group_len(runs, i, answer->ncalls);
        r = group_run(turn, runs + i, n);
        i += n;
    }
    for (size_t i = 0; i < answer->ncalls; i++) {
        if (r == 0)
            r = output_of(turn, &runs[i], &out[i]);
        for (size_t k = 0; k < runs[i].ncalls; k++)
            google_abandon(runs[i].calls[k]);
        json_decref(runs[i].result);
    }
    return r;
}
