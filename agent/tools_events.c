/* list_events and get_event. Their results hold text that other people wrote: they taint the turn.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/calendar.h"
#include "agent/tools_span.h"
#include "providers/json_get.h"

#define PAGES_MAX   10u
#define EVENTS_MAX  100u
#define HANDLES_MAX 20u
#define TITLE_MAX   200u
#define BODY_MAX    4000u

static int begin_page(struct turn *turn, struct tool_run *run, const char *page,
                      struct google_call **ret) {
    char from[STAMP_TEXT], to[STAMP_TEXT];
    span_utc(run->from, from);
    span_utc(run->to, to);
    const struct google_param params[] = {{"singleEvents", "true"},
                                          {"orderBy", "startTime"},
                                          {"timeMin", from},
                                          {"timeMax", to},
                                          {"timeZone", run->zone},
                                          {"maxResults", "100"},
                                          {"q", tool_arg(run, "query")},
                                          {"pageToken", page},
                                          {NULL, NULL}};
    struct google_request request = {
        .method = "GET", .path = {"calendars", "primary", "events"}, .params = params};
    return google_begin(turn->google, &request, ret, &turn->fault);
}

int list_events_begin(struct turn *turn, struct tool_run *run) {
    if (!span_read(turn, run))
        return 0;
    if (!turn_may_events(turn))
        return tool_missing_scope(run, "events");
    turn->reads++;
    int r = begin_page(turn, run, NULL, &run->calls[0]);
    if (r == 0)
        run->ncalls = 1;
    return r;
}

/* Adds a string member, cut at `max` bytes, unless it is empty. */
static void put_text(json_t *to, const char *key, const char *text, size_t max) {
    size_t len = utf8_cut(text, strlen(text), max);
    if (len > 0)
        (void)json_object_set_new(to, key, json_stringn(text, len));
}

static void put_time(json_t *to, const char *key, const struct event_times *times, bool end) {
    char text[STAMP_TEXT];
    stamp_format(end ? &times->end : &times->start, text);
    (void)json_object_set_new(to, key, json_string(text));
}

static const char *own_answer(const json_t *event) {
    size_t i;
    json_t *person;
    json_array_foreach(json_object_get(event, "attendees"), i, person) {
        if (json_is_true(json_object_get(person, "self")))
            return json_text(person, "responseStatus");
    }
    return "";
}

/* What the model sees of an event; NULL when Google's answer makes no sense. */
static json_t *event_for_model(const struct turn *turn, const struct tool_run *run,
                               const json_t *event) {
    struct event_times times;
    const char *id = json_text(event, "id");
    if (!event_id_valid(id) || !event_times_of(event, run->zone, &times))
        return NULL;
    json_t *seen = json_pack("{s:s}", "event", id);
    put_text(seen, "title", json_text(event, "summary"), TITLE_MAX);
    if (!times.all_day) { /* shown in the owner's zone, whatever zone the event names */
        stamp_of(times.from, zone_offset(run->zone, times.from), &times.start);
        stamp_of(times.to, zone_offset(run->zone, times.to), &times.end);
    }
    put_time(seen, "start", &times, false);
    put_time(seen, "end", &times, true);
    if (times.all_day)
        (void)json_object_set_new(seen, "all_day", json_true());
    put_text(seen, "place", json_text(event, "location"), TITLE_MAX);
    put_text(seen, "series", json_text(event, "recurringEventId"), 1024);
    put_text(seen, "owners_answer", own_answer(event), 20);
    if (event_has_attendees(event))
        (void)json_object_set_new(
            seen, "guests",
            json_integer((json_int_t)json_array_size(json_object_get(event, "attendees"))));
    bool own = turn->keys->has_user && event_is_own(turn->keys->user, event);
    (void)json_object_set_new(
        seen, "changeable",
        json_boolean(policy_change(own, event_has_attendees(event)) == VERDICT_ALLOW));
    return seen;
}

static int add_page(struct turn *turn, struct tool_run *run, const json_t *page, json_t *events,
                    struct strbuf *handles) {
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(page, "items"), i, event) {
        if (json_array_size(events) == EVENTS_MAX)
            return 0;
        if (strcmp(json_text(event, "status"), "cancelled") == 0)
            continue;
        json_t *seen = event_for_model(turn, run, event);
        if (seen == NULL)
            return -EPROTO;
        if (json_array_size(events) < HANDLES_MAX)
            strbuf_addf(handles, "%s%s", handles->len > 0 ? " " : "", json_text(event, "id"));
        (void)json_array_append_new(events, seen);
    }
    return 0;
}

int list_events_finish(struct turn *turn, struct tool_run *run) {
    struct google_call *call = take_ptr(run->calls[0]);
    SCOPE_STRBUF struct strbuf handles = {0};
    json_t *events = json_array();
    bool more = false;
    int r = 0;
    for (unsigned pages = 1; r == 0 && call != NULL && !run->is_error; pages++) {
        struct google_answer answer = {0};
        r = google_finish(call, &answer, &turn->fault);
        call = NULL;
        if (r < 0)
            break;
        const char *next = json_text(answer.json, "nextPageToken");
        if (answer.status != 200)
            (void)tool_google_refused(run, &answer);
        else if (add_page(turn, run, answer.json, events, &handles) < 0)
            (void)tool_refuse(run, "unknown", "Google's list of events could not be read.");
        else if (*next != '\0') {
            more = pages == PAGES_MAX || json_array_size(events) == EVENTS_MAX;
            r = more ? 0 : begin_page(turn, run, next, &call);
        }
        google_answer_free(&answer);
    }
    if (r < 0 || run->is_error) {
        json_decref(events);
        return r;
    }
    turn_record(turn, run->name, handles.len > 0 ? strbuf_str(&handles) : NULL,
                json_array_size(events) > 0 ? "found" : "none");
    json_t *result = json_pack("{s:s, s:o}", "timezone", run->zone, "events", events);
    if (result != NULL && more)
        (void)json_object_set_new(result, "more", json_true());
    return tool_succeed(turn, run, result);
}

int get_event_begin(struct turn *turn, struct tool_run *run) {
    const char *id = tool_arg(run, "event");
    strcpy(run->zone, turn->zone);
    if (!event_id_valid(id))
        return tool_refuse(run, "bad_arguments", "\"event\" is not an event's handle.");
    if (!turn_may_events(turn))
        return tool_missing_scope(run, "events");
    turn->reads++;
    struct google_request request = {.method = "GET",
                                     .path = {"calendars", "primary", "events", id}};
    int r = google_begin(turn->google, &request, &run->calls[0], &turn->fault);
    if (r == 0)
        run->ncalls = 1;
    return r;
}

static void put_details(json_t *seen, const json_t *event) {
    size_t i;
    json_t *item, *guests = json_array();
    put_text(seen, "description", json_text(event, "description"), BODY_MAX);
    put_text(seen, "organizer", json_text(json_object_get(event, "organizer"), "email"), TITLE_MAX);
    put_text(seen, "call", json_text(event, "hangoutLink"), TITLE_MAX);
    const json_t *lines = json_object_get(event, "recurrence");
    if (json_array_size(lines) > 0)
        (void)json_object_set_new(seen, "recurrence", json_deep_copy(lines));
    json_array_foreach(json_object_get(event, "attendees"), i, item) {
        json_t *guest = json_object();
        put_text(guest, "email", json_text(item, "email"), TITLE_MAX);
        put_text(guest, "name", json_text(item, "displayName"), TITLE_MAX);
        put_text(guest, "answer", json_text(item, "responseStatus"), 20);
        (void)json_array_append_new(guests, guest);
        if (i == 49)
            break;
    }
    if (json_array_size(guests) > 0)
        (void)json_object_set(seen, "guests", guests);
    json_decref(guests);
}

int get_event_finish(struct turn *turn, struct tool_run *run) {
    struct google_answer answer = {0};
    struct google_call *call = take_ptr(run->calls[0]);
    int r = google_finish(call, &answer, &turn->fault);
    if (r < 0)
        return r;
    if (answer.status != 200) {
        r = tool_google_refused(run, &answer);
    } else if (strcmp(json_text(answer.json, "status"), "cancelled") == 0) {
        r = tool_refuse(run, "not_found", "That event was deleted.");
    } else {
        json_t *seen = event_for_model(turn, run, answer.json);
        if (seen == NULL) {
            r = tool_refuse(run, "unknown", "Google's event could not be read.");
        } else {
            put_details(seen, answer.json);
            turn_record(turn, run->name, json_text(answer.json, "id"), "found");
            r = tool_succeed(turn, run, seen);
        }
    }
    google_answer_free(&answer);
    return r;
}
