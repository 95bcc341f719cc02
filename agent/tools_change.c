/* Changes of events that are there: guarded by their etag, settled by looking. delete_event. */
#include <errno.h>
#include <string.h>

#include "agent/proposal.h"
#include "agent/tools_write.h"
#include "providers/json_get.h"

int change_done(struct change *change, const struct event_times *times, const char *note) {
    struct turn *turn = change->turn;
    turn->writes_done++;
    write_record(turn, change->run->name, change->handle,
                 change->confirmed != NULL ? "confirmed" : "ok", times);
    return tool_succeed(
        turn, change->run,
        times != NULL ? write_result(change->handle, times, "updated", note)
                      : json_pack("{s:s, s:s}", "result", "deleted", "event", change->handle));
}

int change_answer(struct change *change, struct google_answer *answer, enum step *ret_step) {
    *ret_step = STEP_DONE;
    if (answer->unknown) {
        change->unknown = true;
        change->silent = change->silent || !answer->answered;
        *ret_step = STEP_AGAIN;
    } else if (answer->status == 412 || answer->status == 409) {
        change->moved = true;
        *ret_step = STEP_AGAIN;
    } else if (answer->status / 100 != 2) {
        (void)tool_google_refused(change->run, answer);
    }
    google_answer_free(answer);
    return 0;
}

int change_run(struct change *change, int (*once)(struct change *, const json_t *, enum step *)) {
    struct turn *turn = change->turn;
    for (unsigned i = 0; i < WRITE_TRIES; i++) {
        enum step step = STEP_DONE;
        json_t *event = NULL;
        int status, r = write_look(turn, change->run, change->id, &event, &status);
        turn->pump.writing = false;
        if (r == 0 && !change->run->is_error)
            r = once(change, event, &step);
        json_decref(event);
        if (r < 0) {
            turn->fault.unknown_writes |= change->unknown;
            return r;
        }
        if (step == STEP_DONE)
            return 0;
        r = i + 1 < WRITE_TRIES && change->unknown ? write_pause(turn, i) : 0;
        if (r < 0 && r != -EAGAIN) {
            turn->fault.unknown_writes |= change->unknown;
            return r;
        }
        if (r == -EAGAIN)
            break;
    }
    if (change->unknown)
        return write_unknown(turn, change->silent);
    return tool_refuse(
        change->run, "conflict",
        "The event was being changed by someone else at the same time. Read it again "
        "before changing it.");
}

/* ---- delete ---- */

static int delete_send(struct change *change, const json_t *event, bool mail, enum step *ret_step) {
    struct turn *turn = change->turn;
    struct event_place place = {0};
    (void)event_place_of(change->id, &place); /* it was read from there */
    struct google_request request = {.method = "DELETE",
                                     .path = {"calendars", place.calendar, "events", place.id},
                                     .params = write_params(mail),
                                     .if_match = json_text(event, "etag"),
                                     .write = true};
    struct google_answer answer = {0};
    int r = google_do(turn->google, &request, &answer, &turn->fault);
    if (r < 0)
        return r;
    bool gone = !answer.unknown &&
                (answer.status / 100 == 2 || answer.status == 404 || answer.status == 410);
    if (!gone)
        return change_answer(change, &answer, ret_step);
    google_answer_free(&answer);
    return change_done(change, NULL, NULL);
}

static int delete_propose(struct change *change, const json_t *event, bool mail) {
    uint8_t request[32];
    char hex[65];
    struct proposal_draft draft = {.tool = change->run->id,
                                   .event = change->id,
                                   .handle = change->handle,
                                   .old = event,
                                   .mail = mail,
                                   .request = hex};
    proposal_request(request, hex);
    if (!event_times_of(event, change->turn->zone, &draft.before))
        return tool_refuse(change->run, "unknown", "The event's times could not be read.");
    draft.after = draft.before;
    return proposal_add(change->turn, change->run, &draft);
}

static int delete_once(struct change *change, const json_t *event, enum step *ret_step) {
    struct turn *turn = change->turn;
    *ret_step = STEP_DONE;
    if (event == NULL && !change->unknown && !turn->start->repeated)
        return tool_refuse(change->run, "not_found", "There is no such event.");
    if (event == NULL || strcmp(json_text(event, "status"), "cancelled") == 0)
        return change_done(change, NULL, NULL);
    bool guests = event_has_attendees(event);
    switch (write_judge(turn, change->run->id, event_is_own(turn->keys->user, event), guests)) {
    case VERDICT_ALLOW:
        return delete_send(change, event, guests, ret_step);
    case VERDICT_PROPOSE:
        return delete_propose(change, event, guests);
    case VERDICT_REFUSE:
        break;
    }
    return write_unconfirmable(change->run);
}

/* ---- both ---- */

static bool change_open(struct turn *turn, struct tool_run *run, struct change *ret) {
    *ret = (struct change){.turn = turn,
                           .run = run,
                           .handle = tool_arg(run, "event"),
                           .id = tool_event(turn, run),
                           .guests = turn->guests};
    if (ret->id == NULL)
        return false;
    event_tag_make(turn->keys->user, turn->request, turn->changes, ret->tag);
    if (!write_allowed(turn, run))
        return false;
    turn->changes++;
    return true;
}

int update_event_run(struct turn *turn, struct tool_run *run) {
    struct change change;
    return change_open(turn, run, &change) ? change_run(&change, update_once) : 0;
}

int delete_event_run(struct turn *turn, struct tool_run *run) {
    struct change change;
    return change_open(turn, run, &change) ? change_run(&change, delete_once) : 0;
}
