/* events.insert, update, patch and delete. */
#include <stdio.h>
#include <string.h>

#include "tests/world/calendar.h"

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* Query parameters of every modifying call; answers 400 on nonsense. */
static bool modes_fit(struct cal *c) {
    const char *send = exchange_query(c->x, "sendUpdates");
    if (send && strcmp(send, "all") != 0 && strcmp(send, "externalOnly") != 0 &&
        strcmp(send, "none") != 0) {
        calendar_error(c->x, 400, "invalidParameter", "Invalid value for sendUpdates.");
        return false;
    }
    return true;
}

/* conferenceData counts only with conferenceDataVersion=1; a createRequest is done at once. */
static void conference(struct cal *c, json_t *resource) {
    const char *version = exchange_query(c->x, "conferenceDataVersion");
    if (!version || strcmp(version, "1") != 0) {
        json_object_del(resource, "conferenceData");
        return;
    }
    json_t *data = json_object_get(resource, "conferenceData");
    json_t *request = json_object_get(data, "createRequest");
    if (!json_is_object(request) || text(resource, "hangoutLink"))
        return;
    char hex[11];
    random_hex(hex, 10);
    json_object_set_new(
        resource, "hangoutLink",
        json_sprintf("https://meet.google.com/%.3s-%.4s-%.3s", hex, hex + 3, hex + 7));
    json_object_set_new(request, "status", json_pack("{s:s}", "statusCode", "success"));
    json_object_set_new(
        data, "entryPoints",
        json_pack("[{s:s,s:s}]", "entryPointType", "video", "uri", text(resource, "hangoutLink")));
}

static void mark_self(const struct cal *c, json_t *resource) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(resource, "attendees"), i,
                       one) if (text(one, "email") &&
                                strcmp(text(one, "email"), account_text(c->account, "email")) == 0)
        json_object_set_new(one, "self", json_true());
}

static void drop_read_only(json_t *body) {
    static const char *const keys[] = {"organizer", "creator", "recurringEventId",
                                       "originalStartTime", "sequence"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        json_object_del(body, keys[i]);
}

void events_insert(struct cal *c) {
    json_t *body = modes_fit(c) ? cal_body(c) : NULL;
    if (!body)
        return;
    const char *asked = text(body, "id"), *message = NULL;
    char id[1025];
    event_random_id(id);
    if (json_object_get(body, "id") && (!asked || !event_id_valid(asked))) {
        calendar_error(c->x, 400, "invalid", "Invalid resource id value.");
        json_decref(body);
        return;
    }
    if (asked)
        snprintf(id, sizeof(id), "%s", asked);
    event_strip(body);
    drop_read_only(body);
    json_t *clean = json_object(); /* nulls mean absent */
    event_merge(clean, body);
    json_decref(body);
    const char *reason = event_check(clean, c->zone, &message);
    if (reason) {
        calendar_error(c->x, 400, reason, message);
        json_decref(clean);
    } else if (event_find(c->account, id)) {
        calendar_error(c->x, 409, "duplicate", "The requested identifier already exists.");
        json_decref(clean);
    } else {
        conference(c, clean);
        mark_self(c, clean);
        cal_answer(c, 200, json_incref(event_store(c->x->world, c->account, id, clean)));
    }
}

/* If-Match; answers 412 when it names another version. */
static bool etag_fits(struct cal *c, const json_t *resource) {
    const char *want = exchange_header(c->x, "If-Match"), *etag = text(resource, "etag");
    if (!want || strcmp(want, "*") == 0 || (etag && strcmp(want, etag) == 0))
        return true;
    calendar_error(c->x, 412, "conditionNotMet", "Precondition Failed");
    return false;
}

/* On another organizer's event only one's own view may change. */
static bool may_change(struct cal *c, const json_t *resource, const json_t *body) {
    static const char *const own[] = {
        "extendedProperties", "reminders", "colorId", "transparency", "visibility",
        "attendees",          "id",        "start",   "end",          NULL};
    const json_t *organizer = json_object_get(resource, "organizer");
    if (json_is_true(json_object_get(organizer, "self")) ||
        json_is_true(json_object_get(resource, "guestsCanModify")))
        return true;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)body, key, value) {
        bool fine = json_equal(value, json_object_get(resource, key));
        for (const char *const *o = own; *o && !fine; o++)
            fine = strcmp(key, *o) == 0 && strcmp(key, "start") != 0 && strcmp(key, "end") != 0;
        if (!fine) {
            calendar_error(c->x, 403, "forbiddenForNonOrganizer",
                           "Shared properties can only be changed by the organizer of the event.");
            return false;
        }
    }
    return true;
}

/* The new resource of a PUT: the body plus what only Google writes. */
static json_t *replaced(const json_t *old, const json_t *body) {
    static const char *const kept[] = {
        "id",          "iCalUID",   "created",          "creator",
        "organizer",   "htmlLink",  "recurringEventId", "originalStartTime",
        "hangoutLink", "eventType", "sequence"};
    json_t *fresh = json_object();
    event_merge(fresh, body);
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (json_object_get(old, kept[i]))
            json_object_set(fresh, kept[i], json_object_get(old, kept[i]));
    return fresh;
}

static void count_sequence(const json_t *old, json_t *fresh) {
    bool moved = !json_equal(json_object_get(old, "start"), json_object_get(fresh, "start")) ||
                 !json_equal(json_object_get(old, "end"), json_object_get(fresh, "end"));
    json_int_t n = json_integer_value(json_object_get(old, "sequence"));
    json_object_set_new(fresh, "sequence", json_integer(n + (moved ? 1 : 0)));
}

static void change(struct cal *c, const char *id, json_t *old, json_t *body, bool replace) {
    const char *message = NULL, *type = text(body, "eventType");
    if (type && text(old, "eventType") && strcmp(type, text(old, "eventType")) != 0) {
        calendar_error(c->x, 400, "eventTypeRestriction", "The event type cannot be changed.");
        return;
    }
    const char *status = text(body, "status");
    if (event_cancelled(old) && (!status || strcmp(status, "cancelled") == 0)) {
        calendar_error(c->x, 410, "deleted", "Resource has been deleted");
        return;
    }
    json_t *fresh = replace ? replaced(old, body) : json_deep_copy(old);
    if (!replace)
        event_merge(fresh, body);
    else if (!status)
        json_object_set_new(fresh, "status", json_string("confirmed"));
    const char *reason = event_check(fresh, c->zone, &message);
    if (reason) {
        calendar_error(c->x, 400, reason, message);
        json_decref(fresh);
        return;
    }
    if (json_object_get(body, "conferenceData"))
        conference(c, fresh);
    mark_self(c, fresh);
    count_sequence(old, fresh);
    cal_answer(c, 200, json_incref(event_store(c->x->world, c->account, id, fresh)));
}

void events_change(struct cal *c, const char *id, bool replace) {
    json_t *body = modes_fit(c) ? cal_body(c) : NULL;
    if (!body)
        return;
    json_t *old = events_lookup(c, id);
    event_strip(body);
    drop_read_only(body);
    if (!old)
        calendar_error(c->x, 404, "notFound", "Not Found");
    else if (etag_fits(c, old) && may_change(c, old, body))
        change(c, id, old, body, replace);
    json_decref(old);
    json_decref(body);
}

static void cancel(struct cal *c, const char *id, const json_t *resource) {
    json_t *gone = json_deep_copy(resource);
    json_object_set_new(gone, "status", json_string("cancelled"));
    (void)event_store(c->x->world, c->account, id, gone);
}

/* Changed instances go with their series. */
static void cancel_exceptions(struct cal *c, const char *series) {
    json_t *ids = json_array(), *record, *one;
    const char *id;
    size_t i;
    json_object_foreach(json_object_get(c->account, "events"), id, record) {
        const json_t *resource = json_object_get(record, "r");
        const char *of = text(resource, "recurringEventId");
        if (of && strcmp(of, series) == 0 && !event_cancelled(resource))
            json_array_append_new(ids, json_string(id));
    }
    json_array_foreach(ids, i, one)
        cancel(c, json_string_value(one), event_find(c->account, json_string_value(one)));
    json_decref(ids);
}

void events_delete(struct cal *c, const char *id) {
    if (!modes_fit(c))
        return;
    json_t *old = events_lookup(c, id);
    if (!old) {
        calendar_error(c->x, 404, "notFound", "Not Found");
    } else if (event_cancelled(old)) {
        calendar_error(c->x, 410, "deleted", "Resource has been deleted");
    } else if (etag_fits(c, old)) {
        cancel(c, id, old);
        if (json_object_get(old, "recurrence"))
            cancel_exceptions(c, id);
        answer_json(c->x, 204, NULL);
    }
    json_decref(old);
}
