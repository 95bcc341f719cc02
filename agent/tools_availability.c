/* check_availability: intervals only, whichever scope gives them, joined over all calendars that
 * keep the owner busy. What the appointments are is not even fetched, so its results do not taint.
 */
#include <errno.h>
#include <string.h>

#include "agent/calendars.h"
#include "agent/guards.h"
#include "agent/tools_span.h"
#include "providers/json_get.h"

#define CHUNK_S   (INT64_C(60) * 86400) /* longer free/busy spans are refused by Google */
#define PAGES_MAX 20u
#define BUSY_MAX  200u

void span_utc(int64_t moment, char out[static STAMP_TEXT]) {
    struct stamp stamp;
    stamp_of(moment, 0, &stamp);
    stamp_format(&stamp, out);
    strcpy(strchr(out, '+'), "Z");
}

bool span_read(struct turn *turn, struct tool_run *run) {
    const char *zone = tool_arg(run, "timezone");
    struct stamp start, end;
    if (zone == NULL)
        zone = turn->zone;
    if (!zone_valid(zone)) {
        (void)tool_refuse(run, "bad_arguments",
                          "\"timezone\" is not an IANA time zone such as Europe/Berlin.");
        return false;
    }
    strcpy(run->zone, zone);
    if (stamp_parse(tool_arg(run, "start"), &start) < 0 ||
        stamp_parse(tool_arg(run, "end"), &end) < 0) {
        (void)tool_refuse(run, "bad_arguments",
                          "\"start\" and \"end\" must be RFC 3339 times such as "
                          "2026-12-01T15:00:00+01:00.");
        return false;
    }
    run->from = zone_moment(zone, &start);
    run->to = zone_moment(zone, &end);
    if (start.kind == STAMP_DATE && end.kind == STAMP_DATE && run->to <= run->from) {
        stamp_add_days(&end, 1); /* "from Monday to Monday" means that Monday */
        run->to = zone_moment(zone, &end);
    }
    if (run->to <= run->from || run->to - run->from > SPAN_MAX_S) {
        (void)tool_refuse(run, "bad_arguments", "%s",
                          run->to <= run->from ? "\"end\" must be after \"start\"."
                                               : "The span is longer than a year.");
        return false;
    }
    return true;
}

/* The calendars that are asked about, as freeBusy takes them. */
static json_t *busy_items(const struct calendars *calendars) {
    json_t *items = json_array();
    for (size_t i = 0; i < calendars->n; i++)
        if (calendars->list[i].busy)
            (void)json_array_append_new(items, json_pack("{s:s}", "id", calendars->list[i].id));
    return items;
}

static int begin_freebusy(struct turn *turn, struct tool_run *run,
                          const struct calendars *calendars) {
    for (int64_t at = run->from; at < run->to && run->ncalls < TOOL_CALLS_MAX; at += CHUNK_S) {
        char from[STAMP_TEXT], to[STAMP_TEXT];
        span_utc(at, from);
        span_utc(at + CHUNK_S < run->to ? at + CHUNK_S : run->to, to);
        json_t *body = json_pack("{s:s, s:s, s:o}", "timeMin", from, "timeMax", to, "items",
                                 busy_items(calendars));
        struct google_request request = {.method = "POST", .path = {"freeBusy"}, .body = body};
        int r = google_begin(turn->google, &request, &run->calls[run->ncalls], &turn->fault);
        json_decref(body);
        if (r < 0)
            return r;
        run->ncalls++;
    }
    return 0;
}

static int begin_list(struct turn *turn, const struct tool_run *run, const char *calendar,
                      const char *page, struct google_call **ret) {
    char from[STAMP_TEXT], to[STAMP_TEXT];
    const char *busy =
        "items(id,status,transparency,eventType,start,end,attendees(self,responseStatus)),"
        "nextPageToken,timeZone";
    span_utc(run->from, from);
    span_utc(run->to, to);
    const struct google_param params[] = {
        {"singleEvents", "true"}, {"timeMin", from},
        {"timeMax", to},          {"maxResults", "2500"},
        {"maxAttendees", "1"},    {"fields", guard_holds(GUARD_ORIGIN_TEXT) ? busy : NULL},
        {"pageToken", page},      {NULL, NULL}};
    struct google_request request = {
        .method = "GET", .path = {"calendars", calendar, "events"}, .params = params};
    return google_begin(turn->google, &request, ret, &turn->fault);
}

int availability_begin(struct turn *turn, struct tool_run *run) {
    if (!span_read(turn, run))
        return 0;
    run->by_list = !turn_may_freebusy(turn);
    return availability_ask(turn, run);
}

int availability_ask(struct turn *turn, struct tool_run *run) {
    const struct calendars *calendars;
    if (run->by_list && !turn_may_events(turn))
        return tool_missing_scope(run, "availability");
    turn->reads++;
    int r = calendars_look(turn, false, &calendars);
    if (r < 0)
        return r;
    if (!run->by_list)
        return begin_freebusy(turn, run, calendars);
    r = begin_list(turn, run, CALENDAR_MAIN, NULL, &run->calls[0]);
    if (r == 0)
        run->ncalls = 1;
    return r;
}

/* A calendar that is gone since it was listed keeps nobody busy. */
static bool gone(const json_t *calendar) {
    const json_t *errors = json_object_get(calendar, "errors");
    return json_array_size(errors) == 1 &&
           strcmp(json_text(json_array_get(errors, 0), "reason"), "notFound") == 0;
}

/* Google answers 200 even when it could not look into a calendar: that is unknown, not free. */
static const json_t *busy_of(const json_t *answer, const char *id) {
    json_t *calendars = json_object_get(answer, "calendars");
    const json_t *calendar = json_object_get(calendars, id);
    if (calendar == NULL && json_object_size(calendars) == 1)
        calendar = json_object_iter_value(json_object_iter(calendars));
    if (strcmp(id, CALENDAR_MAIN) != 0 && gone(calendar))
        return calendar;
    if (json_array_size(json_object_get(calendar, "errors")) > 0)
        return NULL;
    const json_t *busy = json_object_get(calendar, "busy");
    return json_is_array(busy) ? busy : NULL;
}

static int add_freebusy(const struct tool_run *run, const json_t *busy, struct intervals *list) {
    size_t i;
    json_t *item;
    json_array_foreach(busy, i, item) {
        struct stamp from, to;
        if (stamp_parse(json_text(item, "start"), &from) < 0 ||
            stamp_parse(json_text(item, "end"), &to) < 0)
            return -EPROTO;
        int r = intervals_add(list, zone_moment(run->zone, &from), zone_moment(run->zone, &to),
                              run->from, run->to);
        if (r < 0)
            return r;
    }
    return 0;
}

/* All calendars of one answer. */
static int add_answer(const struct tool_run *run, const struct calendars *calendars,
                      const json_t *answer, struct intervals *list) {
    for (size_t i = 0; i < calendars->n; i++) {
        if (!calendars->list[i].busy)
            continue;
        const json_t *busy = busy_of(answer, calendars->list[i].id);
        if (busy == NULL || add_freebusy(run, busy, list) < 0)
            return -EPROTO;
    }
    return 0;
}

static int collect_freebusy(struct turn *turn, struct tool_run *run,
                            const struct calendars *calendars, struct intervals *list) {
    for (size_t i = 0; i < run->ncalls; i++) {
        struct google_answer answer = {0};
        struct google_call *call = take_ptr(run->calls[i]);
        int r = google_finish(call, &answer, &turn->fault);
        if (r < 0)
            return r;
        if (answer.status != 200)
            (void)tool_google_refused(run, &answer);
        else if (add_answer(run, calendars, answer.json, list) < 0)
            (void)tool_refuse(
                run, "unknown",
                "Google could not say when the owner is busy. This does not mean free.");
        google_answer_free(&answer);
        if (run->is_error)
            return 0;
    }
    return 0;
}

static int add_events(const struct tool_run *run, const json_t *page, struct intervals *list) {
    const char *named = json_text(page, "timeZone");
    const char *zone =
        zone_valid(named) ? named : run->zone; /* whole days are the calendar's days */
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(page, "items"), i, event) {
        struct event_times times;
        if (!event_is_busy(event) ||
            (run->except != NULL && strcmp(json_text(event, "id"), run->except) == 0))
            continue;
        if (!event_times_of(event, zone, &times))
            return -EPROTO;
        int r = intervals_add(list, times.from, times.to, run->from, run->to);
        if (r < 0)
            return r;
    }
    return 0;
}

/* One calendar's pages; takes `call`. */
static int collect_pages(struct turn *turn, struct tool_run *run, const char *calendar,
                         struct google_call *call, struct intervals *list) {
    bool main = strcmp(calendar, CALENDAR_MAIN) == 0;
    for (unsigned pages = 1; call != NULL; pages++) {
        struct google_answer answer = {0};
        int r = google_finish(call, &answer, &turn->fault);
        call = NULL;
        if (r < 0)
            return r;
        bool away = !main && (answer.status == 404 || answer.status == 410);
        const char *next = away ? "" : json_text(answer.json, "nextPageToken");
        if (answer.status != 200 && !away)
            (void)tool_google_refused(run, &answer);
        else if (!away &&
                 (add_events(run, answer.json, list) < 0 || (*next != '\0' && pages == PAGES_MAX)))
            (void)tool_refuse(run, "unknown",
                              "There is too much in that span. Ask for a shorter one.");
        else if (*next != '\0')
            r = begin_list(turn, run, calendar, next, &call);
        google_answer_free(&answer);
        if (r < 0 || run->is_error)
            return r;
    }
    return 0;
}

static int collect_list(struct turn *turn, struct tool_run *run, const struct calendars *calendars,
                        struct intervals *list) {
    int r = collect_pages(turn, run, CALENDAR_MAIN, take_ptr(run->calls[0]), list);
    for (size_t i = 1; r == 0 && !run->is_error && i < calendars->n; i++) {
        struct google_call *call = NULL;
        if (!calendars->list[i].busy)
            continue;
        r = begin_list(turn, run, calendars->list[i].id, NULL, &call);
        if (r == 0)
            r = collect_pages(turn, run, calendars->list[i].id, call, list);
    }
    return r;
}

static json_t *busy_json(const struct tool_run *run, const struct intervals *list) {
    char from[STAMP_TEXT], to[STAMP_TEXT];
    json_t *busy = json_array();
    for (size_t i = 0; i < list->n && i < BUSY_MAX; i++) {
        zone_show(run->zone, list->items[i].from, from);
        zone_show(run->zone, list->items[i].to, to);
        (void)json_array_append_new(busy, json_pack("{s:s, s:s}", "start", from, "end", to));
    }
    zone_show(run->zone, run->from, from);
    zone_show(run->zone, run->to, to);
    json_t *result = json_pack("{s:s, s:s, s:s, s:b, s:o}", "start", from, "end", to, "timezone",
                               run->zone, "free", list->n == 0, "busy", busy);
    if (result != NULL && list->n > BUSY_MAX)
        (void)json_object_set_new(result, "more", json_true());
    return result;
}

int availability_take(struct turn *turn, struct tool_run *run, struct intervals *list) {
    const struct calendars *calendars;
    int r = calendars_look(turn, false, &calendars); /* known by now */
    if (r == 0)
        r = run->by_list ? collect_list(turn, run, calendars, list)
                         : collect_freebusy(turn, run, calendars, list);
    if (r == 0 && !run->is_error)
        intervals_merge(list);
    return r;
}

int availability_finish(struct turn *turn, struct tool_run *run) {
    struct intervals list = {0};
    int r = availability_take(turn, run, &list);
    if (r == 0 && !run->is_error) {
        r = tool_succeed(turn, run, busy_json(run, &list));
        turn_record(turn, run->name, NULL, list.n == 0 ? "free" : "busy");
    }
    intervals_free(&list);
    return r;
}
