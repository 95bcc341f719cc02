/* update_event and delete_event: own events only, guarded by their etag, settled by looking. */
#include <errno.h>
#include <string.h>

#include "agent/tools_write.h"
#include "providers/json_get.h"

/* What one attempt led to. */
enum step {
    STEP_DONE,  /* the run has its result */
    STEP_AGAIN, /* look again: changed meanwhile, or the answer was lost */
};

struct change {
    struct turn *turn;
    struct tool_run *run;
    const char *id;
    char tag[EVENT_TAG_LEN + 1];
    bool silent;  /* some attempt got no answer at all */
    bool unknown; /* some attempt got no good answer */
    bool moved;   /* some attempt met a newer version */
};

static bool change_permitted(struct change *change, const json_t *event) {
    bool own = event_is_own(change->turn->keys->user, event), guests = event_has_attendees(event);
    if (policy_change(own, guests) == VERDICT_ALLOW)
        return true;
    (void)tool_refuse(
        change->run, "needs_confirmation",
        "%s Changing it needs the owner's confirmation, which is not possible yet; the "
        "owner can change it in Google Calendar.",
        own ? "This event has guests." : "This event was not made here.");
    return false;
}

/* ---- update ---- */

/* New times from the arguments and the event's present ones. NULL when fine. */
static const char *new_times(const struct change *change, const struct event_times *old,
                             struct event_times *ret) {
    const struct tool_run *run = change->run;
    const char *start = tool_arg(run, "start"), *end = tool_arg(run, "end");
    const char *zone = tool_arg(run, "timezone");
    const json_t *all_day = json_object_get(run->args, "all_day");
    char present[STAMP_TEXT];
    int whole = all_day == NULL ? -1 : json_is_true(all_day);
    int64_t seconds = old->to - old->from;
    if (start == NULL) { /* only the end moves, or the kind changes */
        stamp_format(&old->start, present);
        start = present;
        if (whole < 0)
            whole = old->all_day;
        if (end == NULL && zone != NULL && all_day == NULL)
            return "\"timezone\" has a meaning only together with \"start\" or \"end\".";
    }
    struct stamp parsed;
    bool will_be_whole =
        whole == 1 || (whole < 0 && stamp_parse(start, &parsed) == 0 && parsed.kind == STAMP_DATE);
    if (old->all_day)
        seconds = will_be_whole ? (stamp_seconds(&old->end) - stamp_seconds(&old->start)) : 3600;
    else if (will_be_whole)
        seconds = 86400;
    const char *wrong =
        event_times_read(start, end, zone != NULL ? zone : change->turn->zone, whole, seconds, ret);
    if (wrong == NULL && zone == NULL && !ret->all_day && !old->all_day) {
        strcpy(ret->zone, old->zone); /* an event keeps the zone it was made in */
        stamp_of(ret->from, zone_offset(old->zone, ret->from), &ret->start);
        stamp_of(ret->to, zone_offset(old->zone, ret->to), &ret->end);
    }
    return wrong;
}

/* The patch, or NULL with the run's result set. */
static json_t *update_body(struct change *change, const json_t *event, struct event_times *times) {
    struct tool_run *run = change->run;
    const json_t *lines = json_object_get(run->args, "recurrence");
    const char *title = tool_arg(run, "title"), *wrong = NULL;
    struct event_times old;
    json_t *body = json_object(), *rules = NULL;
    bool timed = tool_arg(run, "start") != NULL || tool_arg(run, "end") != NULL ||
                 tool_arg(run, "timezone") != NULL || json_object_get(run->args, "all_day") != NULL;
    if (!event_times_of(event, change->turn->zone, &old))
        wrong = "The event's present times could not be read.";
    *times = old;
    if (wrong == NULL && timed)
        wrong = new_times(change, &old, times);
    if (wrong == NULL && timed) {
        bool clear = times->all_day != old.all_day;
        (void)json_object_set_new(body, "start", event_time_json(times, false, clear));
        (void)json_object_set_new(body, "end", event_time_json(times, true, clear));
    }
    if (wrong == NULL && lines != NULL)
        wrong = event_recurrence_read(lines, &rules);
    if (wrong == NULL)
        wrong = event_recurrence_fit(rules, times);
    if (rules != NULL)
        (void)json_object_set_new(body, "recurrence", rules);
    if (wrong == NULL && title != NULL)
        wrong = title_wrong(title);
    if (title != NULL)
        (void)json_object_set_new(body, "summary", json_string(title));
    if (wrong == NULL && json_object_size(body) == 0)
        wrong = "Nothing to change was given.";
    if (wrong != NULL) {
        (void)tool_refuse(run, "bad_arguments", "%s", wrong);
        json_decref(body);
        return NULL;
    }
    SCOPE_FREE char *tags = event_tags_with(event, change->tag);
    (void)json_object_set_new(
        body, "extendedProperties",
        json_pack("{s:{s:s}}", "private", EVENT_PROP_TAGS, tags != NULL ? tags : change->tag));
    return body;
}

static int change_done(struct change *change, const struct event_times *times, const char *result,
                       const char *note) {
    struct turn *turn = change->turn;
    turn->writes_done++;
    turn_record(turn, change->run->name, change->id, "ok");
    return tool_succeed(turn, change->run, write_result(change->id, times, result, note));
}

static int update_applied(struct change *change, const json_t *event, const char *note) {
    struct event_times times;
    if (!event_times_of(event, change->turn->zone, &times))
        times = (struct event_times){0};
    return change_done(change, &times, "updated", note);
}

/* What a write's answer means; the answer is freed. */
static int change_answer(struct change *change, struct google_answer *answer, enum step *ret_step) {
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

static int update_once(struct change *change, const json_t *event, enum step *ret_step) {
    struct turn *turn = change->turn;
    struct event_times times;
    *ret_step = STEP_DONE;
    if (event == NULL || strcmp(json_text(event, "status"), "cancelled") == 0)
        return tool_refuse(change->run, "not_found", "There is no such event any more.");
    if (event_is_own(turn->keys->user, event) && event_has_tag(event, change->tag))
        return update_applied(change, event, NULL);
    if (!change_permitted(change, event))
        return 0;
    json_t *body = update_body(change, event, &times);
    if (body == NULL)
        return 0;
    struct google_request request = {.method = "PATCH",
                                     .path = {"calendars", "primary", "events", change->id},
                                     .body = body,
                                     .if_match = json_text(event, "etag"),
                                     .write = true};
    struct google_answer answer = {0};
    int r = google_do(turn->google, &request, &answer, &turn->fault);
    json_decref(body);
    if (r < 0)
        return r;
    bool ok = !answer.unknown && answer.status / 100 == 2;
    r = change_answer(change, &answer, ret_step);
    if (r == 0 && ok)
        r = change_done(change, &times, "updated", event_times_note(&times));
    return r;
}

/* ---- delete ---- */

static int delete_gone(struct change *change) {
    struct turn *turn = change->turn;
    turn->writes_done++;
    turn_record(turn, change->run->name, change->id, "ok");
    return tool_succeed(turn, change->run,
                        json_pack("{s:s, s:s}", "result", "deleted", "event", change->id));
}

static int delete_once(struct change *change, const json_t *event, enum step *ret_step) {
    struct turn *turn = change->turn;
    *ret_step = STEP_DONE;
    if (event == NULL && !change->unknown && !turn->start->repeated)
        return tool_refuse(change->run, "not_found", "There is no such event.");
    if (event == NULL || strcmp(json_text(event, "status"), "cancelled") == 0)
        return delete_gone(change);
    if (!change_permitted(change, event))
        return 0;
    struct google_request request = {.method = "DELETE",
                                     .path = {"calendars", "primary", "events", change->id},
                                     .if_match = json_text(event, "etag"),
                                     .write = true};
    struct google_answer answer = {0};
    int r = google_do(turn->google, &request, &answer, &turn->fault);
    if (r < 0)
        return r;
    bool gone = !answer.unknown &&
                (answer.status / 100 == 2 || answer.status == 404 || answer.status == 410);
    if (gone) {
        google_answer_free(&answer);
        return delete_gone(change);
    }
    return change_answer(change, &answer, ret_step);
}

/* ---- both ---- */

static int change_run(struct change *change,
                      int (*once)(struct change *, const json_t *, enum step *)) {
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

static bool change_open(struct turn *turn, struct tool_run *run, struct change *ret) {
    *ret = (struct change){.turn = turn, .run = run, .id = tool_arg(run, "event")};
    if (!event_id_valid(ret->id)) {
        (void)tool_refuse(run, "bad_arguments", "\"event\" is not an event's handle.");
        return false;
    }
    event_tag_make(turn->keys->user, turn->request, turn->changes, ret->tag);
    if (!write_allowed(turn, run))
        return false;
    turn->changes++;
    return true;
}

int update_event_run(struct turn *turn, struct tool_run *run) {
    struct change change;
    if (policy_create(json_array_size(json_object_get(run->args, "attendees")) > 0) !=
        VERDICT_ALLOW)
        return tool_refuse(
            run, "needs_confirmation",
            "Inviting people needs the owner's confirmation, which is not possible yet.");
    return change_open(turn, run, &change) ? change_run(&change, update_once) : 0;
}

int delete_event_run(struct turn *turn, struct tool_run *run) {
    struct change change;
    return change_open(turn, run, &change) ? change_run(&change, delete_once) : 0;
}
