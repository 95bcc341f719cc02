/* One step of the business front door (TURN_FRONT): reading when the owner is busy, and making,
 * moving, removing or looking at the one event that stands for a booking. Every step can be
 * repeated: the event's id comes from the booking, so a repeat meets what an earlier attempt did.
 *
 * An event is inserted or moved only where every calendar that keeps the owner busy is free, as the
 * events themselves say at that moment: free/busy would not tell the booking's own event from
 * others' (https://developers.google.com/workspace/calendar/api/v3/reference/freebusy/query). */
#include <errno.h>
#include <string.h>

#include "agent/front.h"
#include "agent/tools_span.h"
#include "providers/json_get.h"

#define ID_MIN   5u /* of an event's, as Google has it */
#define ID_MAX   1024u
#define BUSY_MAX 4000u

static bool id_sound(const char *id) {
    size_t len = strspn(id, "abcdefghijklmnopqrstuv0123456789");
    return id[len] == '\0' && len >= ID_MIN && len <= ID_MAX;
}

static bool span_sound(int64_t from, int64_t to) {
    return from > 0 && from < to && to - from <= SPAN_MAX_S;
}

static bool step_sound(const Cloister__FrontStep *step) {
    const Cloister__FrontEvent *event = step != NULL ? step->event : NULL;
    if (event == NULL || !(event->timezone[0] == '\0' || zone_valid(event->timezone)))
        return false;
    switch (step->kind) {
    case CLOISTER__FRONT_KIND__FRONT_BUSY:
        return span_sound(event->start, event->end);
    case CLOISTER__FRONT_KIND__FRONT_BOOK:
    case CLOISTER__FRONT_KIND__FRONT_MOVE:
        return id_sound(event->id) && span_sound(event->start, event->end) &&
               span_sound(event->busy_from, event->busy_until) &&
               event->busy_from <= event->start && event->end <= event->busy_until;
    case CLOISTER__FRONT_KIND__FRONT_REMOVE:
    case CLOISTER__FRONT_KIND__FRONT_LOOK:
        return id_sound(event->id);
    case _CLOISTER__FRONT_KIND_IS_INT_SIZE:
        break;
    }
    return false;
}

/* ---- when the owner is busy ---- */

/* What was refused, or could not be read, ends the step: not knowing is never being free. */
static int unreadable(struct turn *turn, const struct tool_run *run) {
    if (strcmp(json_text(run->result, "error"), "missing_permission") == 0)
        return fault_set(&turn->fault, -EACCES, "missing_permission", false,
                         "The owner's connection does not allow reading the calendar.");
    return fault_set(&turn->fault, -EIO, "google_unavailable", true,
                     "The owner's calendar could not be read completely.");
}

/* `except`: the id of an event that does not count; NULL: all do. */
static int read_busy(struct turn *turn, int64_t from, int64_t to, const char *except,
                     struct intervals *ret) {
    struct tool_run run = {.id = TOOL_CHECK_AVAILABILITY, .from = from, .to = to, .except = except};
    strcpy(run.zone, turn->zone);
    run.by_list = except != NULL || !turn_may_freebusy(turn);
    int r = availability_ask(turn, &run);
    if (r == 0 && !run.is_error)
        r = availability_take(turn, &run, ret);
    for (size_t i = 0; i < run.ncalls; i++)
        google_abandon(run.calls[i]);
    if (r == 0 && run.is_error)
        r = unreadable(turn, &run);
    json_decref(run.result);
    return r;
}

static int tell_busy(struct turn *turn, const struct intervals *list,
                     struct turn_outcome *outcome) {
    if (list->n > BUSY_MAX)
        return fault_set(&turn->fault, -EFBIG, "google_unavailable", false,
                         "There is too much in that span of the owner's calendar.");
    outcome->busy = calloc(list->n + 1, sizeof(*outcome->busy));
    outcome->busy_list = (Cloister__Interval **)calloc(list->n + 1, sizeof(*outcome->busy_list));
    if (outcome->busy == NULL || outcome->busy_list == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < list->n; i++) {
        cloister__interval__init(&outcome->busy[i]);
        outcome->busy[i].start = list->items[i].from;
        outcome->busy[i].end = list->items[i].to;
        outcome->busy_list[i] = &outcome->busy[i];
    }
    outcome->front.busy = outcome->busy_list;
    outcome->front.n_busy = list->n;
    return 0;
}

static int step_busy(struct turn *turn, const Cloister__FrontEvent *span,
                     struct turn_outcome *outcome) {
    struct intervals list = {0};
    turn->reads++;
    int r = read_busy(turn, span->start, span->end, NULL, &list);
    if (r == 0)
        r = tell_busy(turn, &list, outcome);
    intervals_free(&list);
    return r;
}

/* Whether the whole of the wanted time is free, buffers included. */
static int check_free(struct turn *turn, const Cloister__FrontEvent *wanted, bool *ret_free) {
    struct intervals list = {0};
    turn->reads++;
    int r = read_busy(turn, wanted->busy_from, wanted->busy_until, wanted->id, &list);
    *ret_free = r == 0 && list.n == 0;
    intervals_free(&list);
    return r;
}

/* ---- the event ---- */

static void tell_event(const struct front_event *event, Cloister__FrontDone *front) {
    front->exists = event->json != NULL;
    front->confirmed_gone = event->gone;
    front->absent = event->absent;
    front->start = front->exists ? event->start : 0;
    front->end = front->exists ? event->end : 0;
}

/* Where the time is taken the event may still be there: made by an earlier attempt, before whatever
 * else lies there now. */
static int step_book(struct turn *turn, const Cloister__FrontEvent *wanted,
                     Cloister__FrontDone *front) {
    struct front_event event = {0};
    bool is_free;
    int r = check_free(turn, wanted, &is_free);
    if (r == 0)
        r = is_free ? front_event_insert(turn, wanted, &event)
                    : front_event_look(turn, wanted->id, &event);
    if (r == 0) {
        tell_event(&event, front);
        front->conflict = !front->exists;
    }
    front_event_free(&event);
    return r;
}

/* 1: settled. 0: look again. */
static int move_once(struct turn *turn, const Cloister__FrontEvent *wanted,
                     struct front_attempts *attempts, struct front_event *event,
                     Cloister__FrontDone *front) {
    bool is_free, again;
    int r = front_event_look(turn, wanted->id, event);
    if (r < 0)
        turn->fault.unknown_writes |= attempts->unknown;
    if (r < 0 || event->gone || (event->start == wanted->start && event->end == wanted->end))
        return r < 0 ? r : 1;
    r = check_free(turn, wanted, &is_free);
    if (r < 0)
        turn->fault.unknown_writes |= attempts->silent;
    if (r < 0 || !is_free) {
        front->conflict = true;
        return r < 0 ? r : 1;
    }
    r = front_event_move(turn, wanted, attempts, event, &again);
    return r < 0 ? r : again ? 0 : 1;
}

static int step_move(struct turn *turn, const Cloister__FrontEvent *wanted,
                     Cloister__FrontDone *front) {
    struct front_event event = {0};
    struct front_attempts attempts = {0};
    int r = 0;
    while (r == 0)
        r = move_once(turn, wanted, &attempts, &event, front);
    if (r > 0)
        tell_event(&event, front);
    front_event_free(&event);
    return r < 0 ? r : 0;
}

static int step_look(struct turn *turn, const char *id, Cloister__FrontDone *front) {
    struct front_event event = {0};
    int r = front_event_look(turn, id, &event);
    if (r == 0)
        tell_event(&event, front);
    front_event_free(&event);
    return r;
}

static int take_step(struct turn *turn, const Cloister__FrontStep *step,
                     struct turn_outcome *outcome) {
    const Cloister__FrontEvent *event = step->event;
    switch (step->kind) {
    case CLOISTER__FRONT_KIND__FRONT_BUSY:
        return step_busy(turn, event, outcome);
    case CLOISTER__FRONT_KIND__FRONT_BOOK:
        return step_book(turn, event, &outcome->front);
    case CLOISTER__FRONT_KIND__FRONT_MOVE:
        return step_move(turn, event, &outcome->front);
    case CLOISTER__FRONT_KIND__FRONT_REMOVE:
        outcome->front.confirmed_gone = true;
        return front_event_remove(turn, event->id);
    case CLOISTER__FRONT_KIND__FRONT_LOOK:
        return step_look(turn, event->id, &outcome->front);
    case _CLOISTER__FRONT_KIND_IS_INT_SIZE:
        break;
    }
    return -EPROTO;
}

int turn_front(struct turn *turn, struct turn_outcome *outcome) {
    const Cloister__FrontStep *step = turn->start->front;
    if (!step_sound(step))
        return fault_set(&turn->fault, -EPROTO, "internal", false, "This step makes no sense.");
    if (!turn->keys->has_booking)
        return fault_set(&turn->fault, -EKEYREVOKED, "keys_unavailable", true,
                         "The key of this user is away at the moment.");
    strcpy(turn->zone, step->event->timezone[0] != '\0' ? step->event->timezone : "UTC");
    cloister__front_done__init(&outcome->front);
    int r = turn_open_tokens(turn);
    if (r == 0 && step->kind != CLOISTER__FRONT_KIND__FRONT_BUSY && !turn_may_events(turn))
        r = fault_set(&turn->fault, -EACCES, "missing_permission", false,
                      "The owner's connection does not allow changing the calendar.");
    if (r < 0)
        return r;
    google_refresh_begin(turn->google);
    r = take_step(turn, step, outcome);
    outcome->done.front = &outcome->front;
    return r;
}
