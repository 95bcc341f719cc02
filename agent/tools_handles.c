/* Events by their handles, for tools and records. */
#include <stdio.h>
#include <string.h>

#include "agent/tools_write.h"

const char *turn_handle(struct turn *turn, const char *id) {
    const char *handle = turn->handles != NULL ? handles_give(turn->handles, id) : NULL;
    return handle != NULL ? handle : "";
}

const char *tool_event(struct turn *turn, struct tool_run *run) {
    const char *handle = tool_arg(run, "event");
    const char *id = turn->handles != NULL ? handles_find(turn->handles, handle) : NULL;
    if (id == NULL)
        (void)tool_refuse(run, "not_found",
                          "\"event\" is not the handle of an event in this conversation. Use a "
                          "handle as list_events or create_event gave it.");
    return id;
}

void turn_record(struct turn *turn, const char *tool, const char *events, const char *outcome) {
    if (turn->record.len > 4096)
        return;
    strbuf_addf(&turn->record, "%s%s%s%s %s", turn->record.len > 0 ? "; " : "", tool,
                events != NULL ? " " : "", events != NULL ? events : "", outcome);
}

void write_record(struct turn *turn, const char *tool, const char *handle, const char *outcome,
                  const struct event_times *times) {
    char start[STAMP_TEXT], end[STAMP_TEXT], text[2 * STAMP_TEXT + 32];
    if (times == NULL || times->to <= times->from) {
        turn_record(turn, tool, handle, outcome);
        return;
    }
    stamp_format(&times->start, start);
    stamp_format(&times->end, end);
    (void)snprintf(text, sizeof(text), "%s %s to %s", outcome, start, end);
    turn_record(turn, tool, handle, text);
}
