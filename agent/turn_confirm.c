/* Carrying out a proposal: exactly what was shown, on the version of the event that it was shown
 * for. A new event has its id from the proposal and a change leaves the proposal's tag, so that a
 * repeat finds what was done and does nothing twice. */
#include <errno.h>
#include <string.h>

#include "agent/guards.h"
#include "agent/proposal.h"
#include "agent/tools_write.h"
#include "agent/turn_decide.h"
#include "providers/json_get.h"

static int changed_meanwhile(struct tool_run *run) {
    return tool_refuse(run, "proposal_changed", "The event was changed after it was proposed.");
}

static int confirm_create(struct turn *turn, struct tool_run *run, const json_t *proposal) {
    enum created created = REFUSED;
    json_t *event = NULL;
    int r = create_try(turn, run, json_object_get(proposal, "body"),
                       json_is_true(json_object_get(proposal, "send_updates")), &created, &event);
    if (r == 0 && created == TAKEN) {
        r = changed_meanwhile(run);
    } else if (r == 0 && created != REFUSED) {
        turn->writes_done++;
        struct event_times times = {0};
        (void)event_times_of(event, turn->zone, &times);
        write_record(turn, run->name, turn_handle(turn, json_text(event, "id")), "confirmed",
                     &times);
    }
    json_decref(event);
    return r;
}

/* `event`: as it is now; NULL when it was deleted. */
static int confirm_done(struct change *change, const json_t *event) {
    struct event_times times = {0};
    if (event == NULL)
        return change_done(change, NULL, NULL);
    (void)event_times_of(event, change->turn->zone, &times);
    return change_done(change, &times, NULL);
}

static int confirm_send(struct change *change, enum step *ret_step) {
    const json_t *proposal = change->confirmed;
    const bool deletes = change->run->id == TOOL_DELETE_EVENT;
    struct event_place place = {0};
    (void)event_place_of(change->id, &place); /* it was read from there */
    struct google_request request = {
        .method = deletes ? "DELETE" : "PATCH",
        .path = {"calendars", place.calendar, "events", place.id},
        .params = write_params(json_is_true(json_object_get(proposal, "send_updates"))),
        .body = deletes ? NULL : json_object_get(proposal, "body"),
        .if_match = guard_holds(GUARD_PROPOSAL_ETAG) ? json_text(proposal, "etag") : NULL,
        .write = true};
    struct google_answer answer = {0};
    int r = google_do(change->turn->google, &request, &answer, &change->turn->fault);
    if (r < 0)
        return r;
    bool gone = deletes && (answer.status == 404 || answer.status == 410);
    if (answer.unknown || (answer.status / 100 != 2 && !gone))
        return change_answer(change, &answer, ret_step);
    r = confirm_done(change, deletes ? NULL : answer.json);
    google_answer_free(&answer);
    return r;
}

static int confirm_once(struct change *change, const json_t *event, enum step *ret_step) {
    const json_t *proposal = change->confirmed;
    const bool deletes = change->run->id == TOOL_DELETE_EVENT;
    const bool gone = event == NULL || strcmp(json_text(event, "status"), "cancelled") == 0;
    *ret_step = STEP_DONE;
    if (gone)
        return deletes ? confirm_done(change, NULL) : changed_meanwhile(change->run);
    if (!deletes && event_has_tag(event, change->tag))
        return confirm_done(change, event); /* by an earlier attempt */
    if (guard_holds(GUARD_PROPOSAL_ETAG) &&
        strcmp(json_text(event, "etag"), json_text(proposal, "etag")) != 0)
        return changed_meanwhile(change->run);
    return confirm_send(change, ret_step);
}

static int confirm_change(struct turn *turn, struct tool_run *run, const json_t *proposal) {
    uint8_t request[32] = {0};
    struct change change = {
        .turn = turn, .run = run, .id = json_text(proposal, "event"), .confirmed = proposal};
    change.handle = turn_handle(turn, change.id);
    if (!event_reference_valid(change.id) ||
        hex_decode(json_text(proposal, "request"), request, sizeof(request)) < 0)
        return changed_meanwhile(run);
    event_tag_make(turn->keys->user, request, 0, change.tag);
    return change_run(&change, confirm_once);
}

int turn_confirm(struct turn *turn, const json_t *proposal, enum confirmed *ret) {
    struct tool_run run = {.name = json_text(proposal, "tool")};
    int r = 0;
    *ret = CONFIRM_REJECTED;
    if (!tools_find(run.name, &run.id) || !policy_writes(run.id))
        return 0;
    if (!turn_may_events(turn))
        (void)tool_missing_scope(&run, "events");
    else if (run.id == TOOL_CREATE_EVENT)
        r = confirm_create(turn, &run, proposal);
    else
        r = confirm_change(turn, &run, proposal);
    const char *error = json_text(run.result, "error");
    if (!run.is_error)
        *ret = CONFIRM_DONE;
    else if (strcmp(error, "missing_permission") == 0)
        *ret = CONFIRM_NOT_PERMITTED;
    else if (strcmp(error, "google_rejected") != 0)
        *ret = CONFIRM_CHANGED;
    json_decref(run.result);
    return r;
}
