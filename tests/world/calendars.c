#include "tests/world/calendars.h"

#include <string.h>
#include <strings.h>

static json_t *flag(const json_t *in, const char *name, bool otherwise) {
    const json_t *value = json_object_get(in, name);
    return json_boolean(json_is_boolean(value) ? json_is_true(value) : otherwise);
}

json_t *calendars_find(json_t *account, const char *id) {
    if (!id || strcmp(id, "primary") == 0 || strcasecmp(id, account_text(account, "email")) == 0)
        return account;
    return json_object_get(json_object_get(account, "calendars"), id);
}

bool cal_enter(struct cal *c, const char *id) {
    json_t *found = id ? calendars_find(c->home, id) : NULL;
    if (!found)
        return false;
    c->account = found;
    c->zone = account_zone(found);
    return true;
}

const char *cal_role(const struct cal *c) {
    return c->account == c->home ? "owner" : account_text(c->account, "role");
}

bool cal_may_write(const struct cal *c) {
    const char *role = cal_role(c);
    return strcmp(role, "owner") == 0 || strncmp(role, "writer", 6) == 0;
}

json_t *cal_veil(const struct cal *c, json_t *event) {
    static const char *const left[] = {
        "kind",   "etag",      "id",           "status",           "start",
        "end",    "eventType", "transparency", "recurringEventId", "originalStartTime",
        "iCalUID"};
    if (strcmp(cal_role(c), "freeBusyReader") != 0)
        return json_incref(event);
    json_t *veiled = json_pack("{s:s}", "visibility", "private");
    for (size_t i = 0; i < COUNT_OF(left); i++)
        if (json_object_get(event, left[i]))
            json_object_set(veiled, left[i], json_object_get(event, left[i]));
    return veiled;
}

static json_t *entry(const struct cal *c, json_t *calendar) {
    bool first = calendar == c->home;
    struct cal there = {.home = c->home, .account = calendar};
    const char *id = account_text(calendar, "email");
    json_t *one = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:[]}", "kind", "calendar#calendarListEntry", "etag", "\"1\"",
        "id", id, "summary", first ? id : account_text(calendar, "summary"), "timeZone",
        zone_name(account_zone(calendar)), "accessRole", cal_role(&there), "defaultReminders");
    /* Flags that are false are not there, as with Google. */
    if (first)
        json_object_set_new(one, "primary", json_true());
    if (first || json_is_true(json_object_get(calendar, "selected")))
        json_object_set_new(one, "selected", json_true());
    if (!first && json_is_true(json_object_get(calendar, "hidden")))
        json_object_set_new(one, "hidden", json_true());
    return one;
}

json_t *calendars_entry(const struct cal *c) {
    return entry(c, c->account);
}

json_t *calendars_entries(const struct cal *c) {
    json_t *list = json_array(), *calendar;
    const char *id, *hidden = exchange_query(c->x, "showHidden");
    json_array_append_new(list, entry(c, c->home));
    json_object_foreach(json_object_get(c->home, "calendars"), id, calendar) {
        if ((hidden && strcmp(hidden, "true") == 0) ||
            !json_is_true(json_object_get(calendar, "hidden")))
            json_array_append_new(list, entry(c, calendar));
    }
    return list;
}

static bool known_role(const char *role) {
    static const char *const roles[] = {"freeBusyReader", "reader", "writerWithoutPrivateAccess",
                                        "writer", "owner"};
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (strcmp(role, roles[i]) == 0)
            return true;
    return false;
}

json_t *calendars_put(struct world *w, json_t *account, const json_t *in,
                      const char **ret_message) {
    const char *id = account_text(in, "id"), *zone = account_text(in, "timeZone"),
               *role = account_text(in, "accessRole"), *summary = account_text(in, "summary");
    *ret_message = !strchr(id, '@') || calendars_find(account, id) == account
                       ? "id: an address of its own"
                   : *zone && !zone_find(zone)  ? "timeZone: no such zone"
                   : *role && !known_role(role) ? "accessRole: no such role"
                                                : NULL;
    if (*ret_message)
        return NULL;
    if (!json_object_get(account, "calendars"))
        json_object_set_new(account, "calendars", json_object());
    json_t *old = calendars_find(account, id), *events = json_object_get(old, "events");
    json_t *made = json_pack(
        "{s:s,s:s,s:s,s:s,s:o,s:o,s:O?}", "email", id, "summary", *summary ? summary : id, "zone",
        *zone ? zone : account_text(account, "zone"), "role", *role ? role : "owner", "selected",
        flag(in, "selected", true), "hidden", flag(in, "hidden", false), "events", events);
    if (!events)
        json_object_set_new(made, "events", json_object());
    json_object_set_new(json_object_get(account, "calendars"), id, made);
    world_touch(w);
    return made;
}
