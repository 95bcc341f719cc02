/* Refusals of Google's that are about one call, in words of our own. */
#include <string.h>

#include "agent/guards.h"
#include "agent/tools.h"
#include "providers/json_get.h"

/* What Google's reasons mean, in words of our own: what stands in an answer is anybody's. */
static const char *reason_words(const char *reason) {
    static const struct {
        const char *reason, *words;
    } known[] = {
        {"timeRangeEmpty", "the end must come after the start"},
        {"timeRangeTooLong", "the span is too long"},
        {"invalid", "a value is not one that it takes"},
        {"invalidParameter", "a value is not one that it takes"},
        {"badRequest", "a value is not one that it takes"},
        {"parseError", "a value is not one that it takes"},
        {"required", "something is missing"},
        {"requiredParameter", "something is missing"},
        {"forbidden", "it is not allowed in this calendar"},
        {"forbiddenForNonOrganizer", "only the organizer of the event may change that"},
        {"forbiddenForServiceAccounts", "it is not allowed for this account"},
        {"insufficientPermissions", "it is not allowed for this account"},
        {"requiredAccessLevel", "the owner may not write in this calendar"},
        {"calendarUsageLimitsExceeded", "the calendar's limits are reached"},
        {"quotaExceeded", "the calendar's limits are reached"},
        {"rateLimitExceeded", "there were too many requests"},
        {"userRateLimitExceeded", "there were too many requests"},
        {"conditionNotMet", "the event has changed meanwhile"},
        {"duplicate", "there is such an event already"},
        {"malformedCalendarId", "there is no such calendar"},
        {"eventTypeRestriction", "events of this type cannot be changed so"},
        {"cannotChangeOrganizer", "the organizer cannot be changed"},
        {"participantIsNeitherOrganizerNorAttendee", "the owner does not take part in it"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(reason, known[i].reason) == 0)
            return known[i].words;
    return "it gave no reason that is known here";
}

/* As it came. */
static const char *reason_written(const json_t *body) {
    const json_t *error = json_object_get(body, "error");
    const char *reason = json_text(json_array_get(json_object_get(error, "errors"), 0), "reason");
    return *reason != '\0' ? reason : json_text(error, "message");
}

static bool names_event(enum tool_id tool) {
    return tool == TOOL_GET_EVENT || tool == TOOL_UPDATE_EVENT || tool == TOOL_DELETE_EVENT;
}

int tool_google_refused(struct tool_run *run, const struct google_answer *answer) {
    if (answer->status == 403 && strcmp(answer->reason, "insufficientPermissions") == 0)
        return tool_missing_scope(
            run, run->id == TOOL_CHECK_AVAILABILITY && !run->by_list ? "availability" : "events");
    if (answer->status == 404 || answer->status == 410)
        return tool_refuse(run, "not_found",
                           names_event(run->id) ? "There is no such event."
                                                : "The calendar is not there any more, or this "
                                                  "account may not use it.");
    if (!guard_holds(GUARD_ERRORS_OWN_WORDS))
        return tool_refuse(run, "google_rejected", "Google did not accept this: %s.",
                           reason_written(answer->json));
    return tool_refuse(run, "google_rejected", "Google did not accept this (status %d): %s.",
                       answer->status, reason_words(answer->reason));
}
