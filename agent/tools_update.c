/* update_event: what the arguments mean for the event as it stands, and one attempt at making it
 * so. */
#include <errno.h>
#include <string.h>

#include "agent/proposal.h"
#include "agent/tools_write.h"
#include "providers/json_get.h"

#define DAY_S 86400

static void date_of(const char *zone, int64_t moment, struct stamp *ret) {
    stamp_of(moment, zone_offset(zone, moment), ret);
    ret->kind = STAMP_DATE;
    ret->hour = ret->minute = ret->second = ret->offset = 0;
}

/* How long an event lasts once it is one of whole days: as many as it touches now by its own zone's
 * clocks, whose days are not all of 24 hours. The day of its end counts unless it ends with that
 * day's first moment, which need not be midnight either. */
static int64_t whole_days(const struct event_times *times) {
    struct stamp first, last;
    if (times->all_day)
        return stamp_seconds(&times->end) - stamp_seconds(&times->start);
    date_of(times->zone, times->from, &first);
    date_of(times->zone, times->to, &last);
    if (zone_moment(times->zone, &last) < times->to)
        stamp_add_days(&last, 1);
    int64_t seconds = stamp_seconds(&last) - stamp_seconds(&first);
    return seconds > 0 ? seconds : DAY_S;
}

/* Its start as an argument would say it: on the day of the event's own zone, whichever zone Google
 * tells it in. */
static void present_start(const struct event_times *old, char out[static STAMP_TEXT]) {
    if (old->all_day)
        stamp_format(&old->start, out);
    else
        zone_show(old->zone, old->from, out);
}

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
        present_start(old, present);
        start = present;
        if (whole < 0)
            whole = old->all_day;
        if (end == NULL && zone != NULL && all_day == NULL)
            return "\"timezone\" has a meaning only together with \"start\" or \"end\".";
    }
    struct stamp parsed;
    bool will_be_whole =
        whole == 1 || (whole < 0 && stamp_parse(start, &parsed) == 0 && parsed.kind == STAMP_DATE);
    if (will_be_whole)
        seconds = whole_days(old);
    else if (old->all_day)
        seconds = 3600;
    const char *wrong =
        event_times_read(start, end, zone != NULL ? zone : change->turn->zone, whole, seconds, ret);
    if (wrong == NULL && end == NULL && !ret->all_day && old->all_day && whole_days(old) > DAY_S)
        return "The event lasts several days: give \"end\" as well, or a date as \"start\" to keep "
               "them whole."; /* an hour on the first of them is not what anybody meant */
    if (wrong == NULL && zone == NULL && !ret->all_day && !old->all_day) {
        strcpy(ret->zone, old->zone); /* an event keeps the zone it was made in */
        stamp_of(ret->from, zone_offset(old->zone, ret->from), &ret->start);
        stamp_of(ret->to, zone_offset(old->zone, ret->to), &ret->end);
    }
    return wrong;
}

static bool same_times(const struct event_times *a, const struct event_times *b) {
    return a->from == b->from && a->to == b->to && a->all_day == b->all_day &&
           (a->all_day || strcmp(a->zone, b->zone) == 0);
}

/* The patch, or NULL with the run's result set. What the event has already is no change: nobody is
 * asked for a word on it, and no guest gets mail. */
static json_t *update_body(struct change *change, const json_t *event, const json_t *invited,
                           struct event_times *times) {
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
    if (wrong == NULL && timed && !same_times(&old, times)) {
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
    if (title != NULL && strcmp(title, json_text(event, "summary")) != 0)
        (void)json_object_set_new(body, "summary", json_string(title));
    if (json_array_size(invited) > 0)
        (void)json_object_set_new(body, "attendees", guests_json(event, invited));
    if (wrong == NULL && json_object_size(body) == 0)
        wrong = timed || title != NULL ? "The event is like that already: nothing was changed."
                                       : "Nothing to change was given.";
    if (wrong != NULL)
        (void)tool_refuse(run, "bad_arguments", "%s", wrong);
    if (wrong != NULL || (title != NULL && !write_title(change->turn, run, title, event))) {
        json_decref(body);
        return NULL;
    }
    SCOPE_FREE char *tags = event_tags_with(event, change->tag);
    (void)json_object_set_new(
        body, "extendedProperties",
        json_pack("{s:{s:s}}", "private", EVENT_PROP_TAGS, tags != NULL ? tags : change->tag));
    return body;
}

static int update_send(struct change *change, const json_t *event, const json_t *body,
                       const struct event_times *times, bool mail, enum step *ret_step) {
    struct turn *turn = change->turn;
    struct event_place place = {0};
    (void)event_place_of(change->id, &place); /* it was read from there */
    struct google_request request = {.method = "PATCH",
                                     .path = {"calendars", place.calendar, "events", place.id},
                                     .params = write_params(mail),
                                     .body = (json_t *)body,
                                     .if_match = json_text(event, "etag"),
                                     .write = true};
    struct google_answer answer = {0};
    int r = google_do(turn->google, &request, &answer, &turn->fault);
    if (r < 0)
        return r;
    bool ok = !answer.unknown && answer.status / 100 == 2;
    r = change_answer(change, &answer, ret_step);
    if (r == 0 && ok)
        r = change_done(change, times, event_times_note(times));
    return r;
}

static int update_applied(struct change *change, const json_t *event) {
    struct event_times times;
    if (!event_times_of(event, change->turn->zone, &times))
        times = (struct event_times){0};
    return change_done(change, &times, NULL);
}

/* The change with a tag of its own: the proposal is another request than this one. */
static int update_propose(struct change *change, const json_t *event, const json_t *invited,
                          bool mail) {
    uint8_t request[32];
    char hex[65];
    struct proposal_draft draft = {.tool = change->run->id,
                                   .event = change->id,
                                   .handle = change->handle,
                                   .old = event,
                                   .invited = invited,
                                   .mail = mail,
                                   .request = hex};
    proposal_request(request, hex);
    event_tag_make(change->turn->keys->user, request, 0, change->tag);
    json_t *body = update_body(change, event, invited, &draft.after);
    if (body == NULL)
        return 0;
    draft.body = body;
    (void)event_times_of(event, change->turn->zone, &draft.before);
    int r = proposal_add(change->turn, change->run, &draft);
    json_decref(body);
    return r;
}

static int update_judged(struct change *change, const json_t *event, const json_t *invited,
                         enum step *ret_step) {
    struct turn *turn = change->turn;
    bool own = event_is_own(turn->keys->user, event);
    bool guests = event_has_attendees(event) || json_array_size(invited) > 0;
    struct event_times times;
    switch (write_judge(turn, change->run->id, own, guests)) {
    case VERDICT_ALLOW:
        break;
    case VERDICT_PROPOSE:
        return update_propose(change, event, invited, guests);
    case VERDICT_REFUSE:
        return write_unconfirmable(change->run);
    }
    json_t *body = update_body(change, event, invited, &times);
    if (body == NULL)
        return 0;
    int r = update_send(change, event, body, &times, guests, ret_step);
    json_decref(body);
    return r;
}

int update_once(struct change *change, const json_t *event, enum step *ret_step) {
    json_t *invited = NULL;
    *ret_step = STEP_DONE;
    if (event == NULL || strcmp(json_text(event, "status"), "cancelled") == 0)
        return tool_refuse(change->run, "not_found", "There is no such event any more.");
    if (event_has_tag(event, change->tag))
        return update_applied(change, event);
    change->turn->guests = change->guests; /* not again for another attempt */
    if (!guests_read(change->turn, change->run, event, &invited))
        return 0;
    int r = update_judged(change, event, invited, ret_step);
    json_decref(invited);
    return r;
}
