/* What every write of the calendar goes through: limits, the policy's verdict, looking and waiting.
 */
#include <errno.h>
#include <string.h>

#include "agent/guards.h"
#include "agent/tools_write.h"
#include "providers/json_get.h"

#define TITLE_CHARACTERS 4000u

bool write_allowed(struct turn *turn, struct tool_run *run) {
    if (!turn_may_events(turn)) {
        (void)tool_missing_scope(run, "events");
        return false;
    }
    bool deletes = run->id == TOOL_DELETE_EVENT;
    if ((guard_holds(GUARD_LIMIT_WRITES) && turn->writes >= LIMIT_WRITES) ||
        (guard_holds(GUARD_LIMIT_DELETIONS) && deletes && turn->deletions >= LIMIT_DELETIONS)) {
        (void)tool_refuse(run, "budget_exhausted",
                          "This request has made as many changes as one request may.");
        return false;
    }
    turn->writes++;
    turn->deletions += deletes;
    return true;
}

enum verdict write_judge(const struct turn *turn, enum tool_id tool, bool own, bool guests) {
    enum origin origin = guard_holds(GUARD_ORIGIN_TOOLS) ? turn->origin : ORIGIN_OWNER;
    return policy_write(tool, origin, turn->asked_tainted && guard_holds(GUARD_TAINT_PROPOSES),
                        own || !guard_holds(GUARD_FOREIGN_PROPOSES),
                        guests && guard_holds(GUARD_GUESTS_PROPOSE));
}

int write_unconfirmable(struct tool_run *run) {
    return tool_refuse(run, "needs_confirmation",
                       "This change needs the owner's confirmation, and nobody is there to give "
                       "it.");
}

/* The owner would be shown a name where the calendar gets "@guest1". */
static bool has_alias(const struct turn *turn, const char *title) {
    size_t index;
    for (const char *at = strchr(title, '@'); at != NULL; at = strchr(at + 1, '@'))
        if (people_match(turn->people, at, strlen(at), &index) > 0)
            return true;
    return false;
}

bool write_title(struct turn *turn, struct tool_run *run, const char *title, const json_t *event) {
    size_t characters = 0;
    for (const char *c = title; *c != '\0'; c++)
        characters += ((unsigned char)*c & 0xc0) != 0x80;
    if (characters > TITLE_CHARACTERS) {
        (void)tool_refuse(run, "bad_arguments", "\"title\" is longer than 4000 characters.");
        return false;
    }
    if (has_alias(turn, title)) {
        (void)tool_refuse(run, "bad_arguments",
                          "\"title\" has an alias such as @guest1, which means nothing in a "
                          "calendar. Write the name as the owner said it, or leave it out.");
        return false;
    }
    if (!turn_repeats(turn, title, event))
        return true;
    (void)tool_refuse(
        run, "not_the_owners_words",
        "\"title\" repeats words of another event, which do not belong into this one. "
        "Use the owner's own words.");
    return false;
}

const struct google_param *write_params(bool mail) {
    static const struct google_param all[] = {{"sendUpdates", "all"}, {NULL, NULL}};
    return mail ? all : NULL;
}

int write_look(struct turn *turn, struct tool_run *run, const char *id, json_t **ret,
               int *ret_status) {
    struct event_place place;
    struct google_answer answer = {0};
    *ret = NULL;
    *ret_status = 404;
    if (!event_place_of(id, &place))
        return 0;
    struct google_request request = {.method = "GET",
                                     .path = {"calendars", place.calendar, "events", place.id}};
    int r = google_do(turn->google, &request, &answer, &turn->fault);
    if (r < 0)
        return r;
    *ret_status = answer.status;
    if (answer.status == 200)
        *ret = json_incref(answer.json);
    else if (answer.status != 404 && answer.status != 410)
        (void)tool_google_refused(run, &answer);
    google_answer_free(&answer);
    return 0;
}

int write_unknown(struct turn *turn, bool maybe_done) {
    turn->pump.writing = false;
    if (maybe_done)
        turn->fault.unknown_writes = true;
    return fault_set(
        &turn->fault, -EIO, "google_unavailable", true,
        "Google Calendar has a problem at the moment; a change could not be completed.");
}

int write_pause(struct turn *turn, unsigned attempt) {
    return pump_backoff(&turn->pump, attempt, WRITE_BASE_MS, WRITE_MAX_MS, 0, &turn->fault);
}

json_t *write_result(const char *handle, const struct event_times *times, const char *result,
                     const char *note) {
    char start[STAMP_TEXT], end[STAMP_TEXT];
    stamp_format(&times->start, start);
    stamp_format(&times->end, end);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "result", result, "event", handle,
                             "start", start, "end", end, "timezone", times->zone);
    if (json != NULL && times->all_day)
        (void)json_object_set_new(json, "all_day", json_true());
    if (json != NULL && note != NULL)
        (void)json_object_set_new(json, "note", json_string(note));
    return json;
}
