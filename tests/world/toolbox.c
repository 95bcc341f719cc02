#include "tests/world/toolbox.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct habit {
    const char *names;     /* parts of names that speak for it */
    const char *words;     /* of descriptions */
    const char *not_names; /* parts of names that rule it out */
};

static const struct habit habits[] = {
    [USE_AVAILABILITY] = {"avail free busy", "availability free busy", "list create update delete"},
    [USE_LIST] = {"list search find agenda", "list lists search",
                  "create update delete remember forget"},
    [USE_GET] = {"get read show details", "", "list create update delete free avail"},
    [USE_CREATE] = {"create add insert book schedule new", "create creates schedule book",
                    "list update delete avail free note memory"},
    [USE_UPDATE] = {"update move change edit modify patch reschedule",
                    "update updates move changes", "list create delete avail"},
    [USE_DELETE] = {"delete cancel remove", "delete deletes cancel",
                    "list create update memory note forget"},
    [USE_REMEMBER] = {"remember memorize save_note save_memory store note", "",
                      "forget delete list"},
    [USE_FORGET] = {"forget delete_memory delete_note remove_note", "", "list create"},
};

static const char *const params[][10] = {
    [ARG_TITLE] = {"title", "summary", "name", "subject"},
    [ARG_START] = {"start", "start_time", "from", "begin", "start_at", "timeMin", "time_min",
                   "startTime"},
    [ARG_END] = {"end", "end_time", "to", "until", "end_at", "timeMax", "time_max", "endTime"},
    [ARG_ZONE] = {"timezone", "time_zone", "tz", "timeZone", "zone"},
    [ARG_ALL_DAY] = {"all_day", "allDay", "whole_day"},
    [ARG_RECURRENCE] = {"recurrence", "rrule", "repeat", "rule"},
    [ARG_ATTENDEES] = {"attendees", "guests", "invitees", "participants", "emails"},
    [ARG_EVENT] = {"event", "event_id", "id", "handle", "eventId"},
    [ARG_QUERY] = {"query", "q", "search", "text", "title"},
    [ARG_TEXT] = {"text", "note", "content", "memory", "preference", "fact"},
    [ARG_ID] = {"id", "note", "memory", "note_id", "memory_id", "text"},
    [ARG_INCLUDE] = {"include", "fields", "with"},
};

/* How many words of `list` occur in `text`, in any case. */
static int hits(const char *text, const char *list) {
    SCOPE_FREE char *copy = strdup(list);
    char *save = NULL;
    int n = 0;
    for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
        n += strcasestr(text, s) != NULL;
    return n;
}

const char *tool_name(const json_t *tool) {
    const char *name = json_string_value(json_object_get(tool, "name"));
    return name ? name : "";
}

const json_t *tool_pick(const json_t *tools, enum tool_use use) {
    const struct habit *h = &habits[use];
    const json_t *tool, *best = NULL;
    int most = 0;
    size_t i;
    json_array_foreach(tools, i, tool) {
        const char *name = tool_name(tool);
        const char *about = json_string_value(json_object_get(tool, "description"));
        if (hits(name, h->not_names))
            continue;
        int score = 10 * hits(name, h->names) + hits(about ? about : "", h->words);
        if (hits(name, "event calendar meeting appointment") && use != USE_REMEMBER &&
            use != USE_FORGET)
            score += score > 0;
        if (score > most) {
            most = score;
            best = tool;
        }
    }
    return best;
}

static const json_t *properties(const json_t *tool) {
    return json_object_get(json_object_get(tool, "schema"), "properties");
}

const char *tool_param(const json_t *tool, enum tool_arg arg) {
    for (const char *const *p = params[arg]; *p; p++)
        if (json_object_get(properties(tool), *p))
            return *p;
    return NULL;
}

void tool_set(const json_t *tool, json_t *args, enum tool_arg arg, json_t *value) {
    const char *name = tool_param(tool, arg);
    if (!name) {
        json_decref(value);
        return;
    }
    const char *type =
        json_string_value(json_object_get(json_object_get(properties(tool), name), "type"));
    if (type && strcmp(type, "array") == 0 && !json_is_array(value))
        value = json_pack("[o]", value);
    if (type && strcmp(type, "string") == 0 && json_is_array(value)) {
        json_t *first = json_incref(json_array_get(value, 0));
        json_decref(value);
        value = first;
    }
    json_object_set_new(args, name, value);
}

void tool_set_span(const json_t *tool, json_t *args, int64_t start, int64_t end,
                   const struct zone *zone, bool dates) {
    char from[STAMP_N], to[STAMP_N];
    rfc3339_format(start, zone, from);
    rfc3339_format(end, zone, to);
    if (dates)
        from[10] = to[10] = '\0';
    tool_set(tool, args, ARG_START, json_string(from));
    tool_set(tool, args, ARG_END, json_string(to));
    tool_set(tool, args, ARG_ZONE, json_string(zone_name(zone)));
}
