/* list_events and get_event. Their results hold text that other people wrote: they taint the turn.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/calendars.h"
#include "agent/event_seen.h"
#include "agent/tools_span.h"
#include "providers/json_get.h"

#define PAGES_MAX   10u
#define EVENTS_MAX  100u
#define HANDLES_MAX 20u

/* One event found, in which calendar, to be put in the order of their starts. */
struct found {
    json_t *event;
    size_t calendar, order;
    int64_t from;
};

struct findings {
    struct found *items;
    size_t n, cap;
    bool more; /* than are here */
};

static void findings_free(struct findings *findings) {
    for (size_t i = 0; i < findings->n; i++)
        json_decref(findings->items[i].event);
    free(findings->items);
}

static int begin_page(struct turn *turn, struct tool_run *run, const char *calendar,
                      const char *page, struct google_call **ret) {
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
        .method = "GET", .path = {"calendars", calendar, "events"}, .params = params};
    return google_begin(turn->google, &request, ret, &turn->fault);
}

/* All calendars' first pages are fetched side by side, as many as one tool may. */
int list_events_begin(struct turn *turn, struct tool_run *run) {
    const struct calendars *calendars;
    if (!span_read(turn, run))
        return 0;
    if (!turn_may_events(turn))
        return tool_missing_scope(run, "events");
    turn->reads++;
    int r = calendars_look(turn, true, &calendars);
    for (size_t i = 0; r == 0 && i < calendars->n && i < TOOL_CALLS_MAX; i++) {
        r = begin_page(turn, run, calendars->list[i].id, NULL, &run->calls[i]);
        run->ncalls += r == 0;
    }
    return r;
}

static int findings_add(struct findings *findings, const struct tool_run *run, size_t calendar,
                        json_t *event) {
    struct event_times times;
    if (!event_times_of(event, run->zone, &times))
        return -EPROTO;
    if (findings->n == findings->cap) {
        size_t cap = findings->cap > 0 ? 2 * findings->cap : 64;
        struct found *items = reallocarray(findings->items, cap, sizeof(*items));
        if (items == NULL)
            return -ENOMEM;
        findings->items = items;
        findings->cap = cap;
    }
    findings->items[findings->n] =
        (struct found){json_incref(event), calendar, findings->n, times.from};
    findings->n++;
    return 0;
}

/* At most EVENTS_MAX of one calendar: later ones could not be among the first of all. Google's
 * pages may be short, so the limit may fall into the middle of one, the last one too: what is left
 * out there no further page tells of. */
static int add_page(const struct tool_run *run, size_t calendar, const json_t *page,
                    struct findings *findings, size_t *added) {
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(page, "items"), i, event) {
        if (strcmp(json_text(event, "status"), "cancelled") == 0)
            continue;
        if (*added == EVENTS_MAX) {
            findings->more = true;
            return 0;
        }
        int r = findings_add(findings, run, calendar, event);
        if (r < 0)
            return r;
        (*added)++;
    }
    return 0;
}

/* One calendar's pages; takes `call`. */
static int collect(struct turn *turn, struct tool_run *run, const struct calendars *calendars,
                   size_t calendar, struct google_call *call, struct findings *findings) {
    size_t added = 0;
    int r = 0;
    for (unsigned pages = 1; r == 0 && call != NULL && !run->is_error; pages++) {
        struct google_answer answer = {0};
        r = google_finish(call, &answer, &turn->fault);
        call = NULL;
        if (r < 0)
            break;
        bool away = calendar > 0 && (answer.status == 404 || answer.status == 410);
        const char *next = json_text(answer.json, "nextPageToken");
        if (away) /* it is gone since it was listed */
            next = "";
        else if (answer.status != 200)
            (void)tool_google_refused(run, &answer);
        else if (add_page(run, calendar, answer.json, findings, &added) < 0)
            (void)tool_refuse(run, "unknown", "Google's list of events could not be read.");
        if (!run->is_error && *next != '\0') {
            bool enough = pages == PAGES_MAX || added == EVENTS_MAX;
            findings->more = findings->more || enough;
            r = enough ? 0 : begin_page(turn, run, calendars->list[calendar].id, next, &call);
        }
        google_answer_free(&answer);
    }
    return r;
}

static int by_start(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* What the model sees, and the record. */
static int show(struct turn *turn, struct tool_run *run, const struct calendars *calendars,
                struct findings *findings) {
    SCOPE_STRBUF struct strbuf handles = {0};
    json_t *events = json_array();
    if (calendars->n > 1 && findings->n > 1)
        qsort(findings->items, findings->n, sizeof(*findings->items), by_start);
    bool more = findings->more || findings->n > EVENTS_MAX;
    for (size_t i = 0; i < findings->n && i < EVENTS_MAX; i++) {
        const struct found *found = &findings->items[i];
        json_t *seen = event_seen(turn, run, calendars->list[found->calendar].id, found->event);
        if (seen == NULL) {
            json_decref(events);
            return tool_refuse(run, "unknown", "Google's list of events could not be read.");
        }
        if (i < HANDLES_MAX)
            strbuf_addf(&handles, "%s%s", handles.len > 0 ? " " : "", json_text(seen, "event"));
        (void)json_array_append_new(events, seen);
    }
    turn_record(turn, run->name, handles.len > 0 ? strbuf_str(&handles) : NULL,
                json_array_size(events) > 0 ? "found" : "none");
    json_t *result = json_pack("{s:s, s:o}", "timezone", run->zone, "events", events);
    if (result != NULL && more)
        (void)json_object_set_new(result, "more", json_true());
    return tool_succeed(turn, run, result);
}

int list_events_finish(struct turn *turn, struct tool_run *run) {
    struct findings findings = {0};
    const struct calendars *calendars;
    int r = calendars_look(turn, true, &calendars); /* known by now */
    for (size_t i = 0; r == 0 && !run->is_error && i < calendars->n; i++) {
        struct google_call *call = i < run->ncalls ? take_ptr(run->calls[i]) : NULL;
        if (call == NULL)
            r = begin_page(turn, run, calendars->list[i].id, NULL, &call);
        if (r == 0)
            r = collect(turn, run, calendars, i, call, &findings);
    }
    if (r == 0 && !run->is_error)
        r = show(turn, run, calendars, &findings);
    findings_free(&findings);
    return r;
}

int get_event_begin(struct turn *turn, struct tool_run *run) {
    const char *reference = tool_event(turn, run);
    struct event_place place;
    strcpy(run->zone, turn->zone);
    if (reference == NULL)
        return 0;
    if (!event_place_of(reference, &place))
        return tool_refuse(run, "not_found", "There is no such event.");
    if (!turn_may_events(turn))
        return tool_missing_scope(run, "events");
    turn->reads++;
    struct google_request request = {.method = "GET",
                                     .path = {"calendars", place.calendar, "events", place.id}};
    int r = google_begin(turn->google, &request, &run->calls[0], &turn->fault);
    if (r == 0)
        run->ncalls = 1;
    return r;
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
        struct event_place place = {.calendar = CALENDAR_MAIN};
        const char *reference = tool_event(turn, run);
        if (reference != NULL)
            (void)event_place_of(reference, &place);
        json_t *seen = event_seen(turn, run, place.calendar, answer.json);
        if (seen == NULL) {
            r = tool_refuse(run, "unknown", "Google's event could not be read.");
        } else {
            event_seen_details(turn, run, answer.json, seen);
            turn_record(turn, run->name, json_text(seen, "event"), "found");
            r = tool_succeed(turn, run, seen);
        }
    }
    google_answer_free(&answer);
    return r;
}
