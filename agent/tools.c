#include "agent/tools.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

int tool_google_refused(struct tool_run *run, const struct google_answer *answer) {
    if (answer->status == 403 && strcmp(answer->reason, "insufficientPermissions") == 0)
        return tool_missing_scope(
            run, run->id == TOOL_CHECK_AVAILABILITY && !run->by_list ? "availability" : "events");
    if (answer->status == 404 || answer->status == 410)
        return tool_refuse(run, "not_found", "There is no such event.");
    return tool_refuse(run, "google_rejected", "Google did not accept this (status %d, reason %s).",
                       answer->status, answer->reason[0] != '\0' ? answer->reason : "not given");
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
};

static bool policy_stops(struct turn *turn, struct tool_run *run) {
    switch (policy_tool(run->id, turn->origin, turn->asked_tainted)) {
    case VERDICT_ALLOW:
        return false;
    case VERDICT_CLEAN_ONLY:
        (void)tool_refuse(
            run, "not_now",
            "What to remember must come from the owner's own words, and this turn has "
            "already read the calendar. Ask the owner to say it again in a new message.");
        return true;
    case VERDICT_CONFIRM:
        (void)tool_refuse(run, "needs_confirmation", "This needs the owner's confirmation.");
        return true;
    case VERDICT_REFUSE:
        break;
    }
    (void)tool_refuse(run, "not_allowed", "This tool may not be used in this conversation.");
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
    if (call->arguments == NULL)
        (void)tool_refuse(run, "bad_arguments", "The arguments were not a JSON object.");
    else if (tools_check_args(run->id, call->arguments, why, sizeof(why)) != NULL)
        (void)tool_refuse(run, "bad_arguments", "%s", why);
    else if (turn->tool_calls >= TURN_TOOL_CALLS)
        (void)tool_refuse(run, "budget_exhausted",
                          "This request has used all its tool calls. Answer with what is known.");
    else if (!policy_stops(turn, run))
        turn->tool_calls++;
}

static int run_begin(struct turn *turn, struct tool_run *run) {
    if (run->result != NULL)
        return 0;
    channel_tool(&turn->channel, run->name, "running");
    return actions[run->id].begin != NULL ? actions[run->id].begin(turn, run) : 0;
}

static int run_finish(struct turn *turn, struct tool_run *run) {
    bool started = run->result == NULL || run->ncalls > 0;
    int r = run->result != NULL ? 0 : actions[run->id].finish(turn, run);
    bool failed = r < 0 || run->is_error;
    if (started || failed)
        channel_tool(&turn->channel, run->name, failed ? "failed" : "done");
    if (r == 0 && !run->is_error && policy_taints(run->id))
        turn->tainted = true;
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
