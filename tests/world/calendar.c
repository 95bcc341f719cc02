/* Calendar API v3: who may call what, and the small resources. */
#include "tests/world/calendars.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BASE   "/calendar/v3/"
#define PREFIX "https://www.googleapis.com/auth/"

enum right {
    RIGHT_FREEBUSY,
    RIGHT_READ,
    RIGHT_WRITE,
    RIGHT_LIST,
    RIGHT_LIST_ONE,
    RIGHT_CALENDAR,
    RIGHT_SETTINGS
};

/* Scopes besides `calendar` of which any one suffices. */
static const char *const rights[][9] = {
    [RIGHT_FREEBUSY] = {"calendar.freebusy", "calendar.readonly", "calendar.events.freebusy"},
    [RIGHT_READ] = {"calendar.events", "calendar.readonly", "calendar.events.readonly",
                    "calendar.events.owned", "calendar.events.owned.readonly",
                    "calendar.events.freebusy", "calendar.events.public.readonly",
                    "calendar.app.created"},
    [RIGHT_WRITE] = {"calendar.events", "calendar.events.owned", "calendar.app.created"},
    [RIGHT_LIST] = {"calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly"},
    [RIGHT_LIST_ONE] = {"calendar.readonly", "calendar.calendarlist",
                        "calendar.calendarlist.readonly", "calendar.app.created"},
    [RIGHT_CALENDAR] = {"calendar.readonly", "calendar.calendars", "calendar.calendars.readonly",
                        "calendar.app.created"},
    [RIGHT_SETTINGS] = {"calendar.readonly", "calendar.settings.readonly"},
};

void calendar_error(struct exchange *x, int status, const char *reason, const char *message) {
    const char *domain = strstr(reason, "imitExceeded") || strcmp(reason, "quotaExceeded") == 0
                             ? "usageLimits"
                         : strncmp(reason, "timeRange", 9) == 0 ? "calendar"
                                                                : "global";
    json_t *one = json_pack("{s:s,s:s,s:s}", "domain", domain, "reason", reason, "message",
                            status == 401 ? "Invalid Credentials" : message);
    json_t *error = json_pack("{s:i,s:s,s:[O]}", "code", status, "message", message, "errors", one);
    if (status == 401) {
        json_object_set_new(one, "locationType", json_string("header"));
        json_object_set_new(one, "location", json_string("Authorization"));
        json_object_set_new(error, "status", json_string("UNAUTHENTICATED"));
        answer_header(x, "WWW-Authenticate",
                      "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"");
    }
    if (status == 403 && strcmp(reason, "insufficientPermissions") == 0) {
        json_object_set_new(error, "status", json_string("PERMISSION_DENIED"));
        answer_header(
            x, "WWW-Authenticate",
            "Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\"");
    }
    json_decref(one);
    answer_json(x, status, json_pack("{s:o}", "error", error));
}

static bool allowed(const char *scope, enum right right) {
    if (scope_has(scope, PREFIX "calendar"))
        return true;
    for (const char *const *s = rights[right]; *s; s++) {
        char full[96];
        snprintf(full, sizeof(full), PREFIX "%s", *s);
        if (scope_has(scope, full))
            return true;
    }
    return false;
}

/* True when the call may go on; otherwise the 403 is answered. */
static bool permit(struct cal *c, enum right right) {
    if (allowed(c->scope, right))
        return true;
    calendar_error(c->x, 403, "insufficientPermissions",
                   "Request had insufficient authentication scopes.");
    return false;
}

json_t *cal_body(struct cal *c) {
    const char *type = exchange_header(c->x, "Content-Type");
    json_t *body = json_loadb(c->x->body, c->x->body_len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(body) && type && strncasecmp(type, "application/json", 16) == 0)
        return body;
    json_decref(body);
    calendar_error(c->x, 400, "parseError", "Parse Error");
    return NULL;
}

bool cal_not_modified(struct cal *c, const char *etag) {
    const char *seen = exchange_header(c->x, "If-None-Match");
    if (!seen || !etag || strcmp(seen, etag) != 0)
        return false;
    answer_header(c->x, "ETag", etag);
    answer_json(c->x, 304, NULL);
    return true;
}

void cal_answer(struct cal *c, int status, json_t *json) {
    const char *fields = exchange_query(c->x, "fields");
    const char *etag = json_string_value(json_object_get(json, "etag"));
    if (etag)
        answer_header(c->x, "ETag", etag);
    if (fields && *fields && strcmp(fields, "*") != 0) {
        json_t *part = fields_select(fields, json);
        json_decref(json);
        json = part;
    }
    answer_json(c->x, status, json);
}

/* ---- small resources ---- */

static void calendar_list(struct cal *c, const char *id) {
    if (!id && permit(c, RIGHT_LIST))
        cal_answer(c, 200,
                   json_pack("{s:s,s:s,s:o,s:s}", "kind", "calendar#calendarList", "etag", "\"l1\"",
                             "items", calendars_entries(c), "nextSyncToken", "list-1"));
    else if (id && permit(c, RIGHT_LIST_ONE)) {
        if (cal_enter(c, id))
            cal_answer(c, 200, calendars_entry(c));
        else
            calendar_error(c->x, 404, "notFound", "Not Found");
    }
}

static void calendars_get(struct cal *c) {
    const char *id = account_text(c->account, "email"),
               *summary = account_text(c->account, "summary");
    if (permit(c, RIGHT_CALENDAR))
        cal_answer(c, 200,
                   json_pack("{s:s,s:s,s:s,s:s,s:s,s:{s:[s]}}", "kind", "calendar#calendar", "etag",
                             "\"c1\"", "id", id, "summary", *summary ? summary : id, "timeZone",
                             zone_name(c->zone), "conferenceProperties",
                             "allowedConferenceSolutionTypes", "hangoutsMeet"));
}

static void settings(struct cal *c, const char *id) {
    if (!permit(c, RIGHT_SETTINGS))
        return;
    const char *ids[] = {"timezone", "format24HourTime", "locale", "weekStart"};
    const char *values[] = {zone_name(c->zone), "true", "en", "1"};
    json_t *all = json_array();
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        json_t *one = json_pack("{s:s,s:s,s:s,s:s}", "kind", "calendar#setting", "etag", "\"s1\"",
                                "id", ids[i], "value", values[i]);
        if (id && strcmp(id, ids[i]) == 0) {
            json_decref(all);
            cal_answer(c, 200, one);
            return;
        }
        json_array_append_new(all, one);
    }
    if (id) {
        json_decref(all);
        calendar_error(c->x, 404, "notFound", "Not Found");
        return;
    }
    cal_answer(
        c, 200,
        json_pack("{s:s,s:s,s:o}", "kind", "calendar#settings", "etag", "\"s0\"", "items", all));
}

/* ---- routing ---- */

static void not_found(struct exchange *x) {
    calendar_error(x, 404, "notFound", "Not Found");
}

static bool is(const struct cal *c, const char *method) {
    return strcmp(c->x->method, method) == 0;
}

static void route_event(struct cal *c, const char *id, const char *more) {
    if (more) {
        if (strcmp(more, "instances") != 0 || !is(c, "GET"))
            not_found(c->x);
        else if (permit(c, RIGHT_READ))
            events_instances(c, id);
    } else if (is(c, "GET")) {
        if (permit(c, RIGHT_READ))
            events_get(c, id);
    } else if (is(c, "PUT") || is(c, "PATCH")) {
        if (permit(c, RIGHT_WRITE))
            events_change(c, id, is(c, "PUT"));
    } else if (is(c, "DELETE")) {
        if (permit(c, RIGHT_WRITE))
            events_delete(c, id);
    } else {
        not_found(c->x);
    }
}

static void route_calendar(struct cal *c, char *part[static 5]) {
    bool there = cal_enter(c, part[1]);
    if (!part[2]) {
        if (!is(c, "GET") || !there)
            not_found(c->x);
        else
            calendars_get(c);
    } else if (strcmp(part[2], "events") != 0 || !there) {
        /* A missing scope shows before a missing calendar. */
        if (permit(c, is(c, "GET") ? RIGHT_READ : RIGHT_WRITE))
            not_found(c->x);
    } else if (!is(c, "GET") && !cal_may_write(c)) {
        if (permit(c, RIGHT_WRITE))
            calendar_error(c->x, 403, "requiredAccessLevel",
                           "You need to have writer access to this calendar.");
    } else if (part[3]) {
        route_event(c, part[3], part[4]);
    } else if (is(c, "GET")) {
        if (permit(c, RIGHT_READ))
            events_list(c);
    } else if (is(c, "POST")) {
        if (permit(c, RIGHT_WRITE))
            events_insert(c);
    } else {
        not_found(c->x);
    }
}

/* Splits and decodes the path below the base; part[n] are malloc'd. */
static void split(const char *path, char *part[static 5]) {
    SCOPE_FREE char *copy = strdup(path + strlen(BASE));
    char *save = NULL, *s = strtok_r(copy, "/", &save);
    for (size_t i = 0; i < 5 && s; i++, s = strtok_r(NULL, "/", &save))
        part[i] = evhttp_uridecode(s, 0, NULL);
}

static void route(struct cal *c, char *part[static 5]) {
    if (part[0] && strcmp(part[0], "calendars") == 0 && part[1]) {
        route_calendar(c, part);
    } else if (part[0] && strcmp(part[0], "freeBusy") == 0 && is(c, "POST")) {
        if (permit(c, RIGHT_FREEBUSY))
            freebusy_query(c);
    } else if (part[0] && part[1] && part[2] && strcmp(part[0], "users") == 0 && is(c, "GET")) {
        if (strcmp(part[2], "calendarList") == 0)
            calendar_list(c, part[3]);
        else if (strcmp(part[2], "settings") == 0)
            settings(c, part[3]);
        else
            not_found(c->x);
    } else {
        not_found(c->x);
    }
}

void calendar_handle(struct exchange *x) {
    const char *token = bearer(x);
    const json_t *record = token ? token_check_access(x->world, token) : NULL;
    struct cal c = {.x = x};
    if (record) {
        c.account = account_find(x->world, account_text(record, "account"));
        c.scope = account_text(record, "scope");
    }
    if (!c.account) {
        calendar_error(x, 401, "authError",
                       "Request had invalid authentication credentials. Expected OAuth 2 access "
                       "token, login cookie or other valid authentication credential.");
        return;
    }
    c.home = c.account;
    c.zone = account_zone(c.account);
    answer_header(x, "Cache-Control", "no-cache, no-store, max-age=0, must-revalidate");
    char *part[5] = {NULL};
    split(x->path, part);
    route(&c, part);
    for (size_t i = 0; i < COUNT_OF(part); i++)
        free(part[i]);
}
