/* Names, descriptions and schemas of the tools: the text a model reads. */
#include <stdio.h>
#include <string.h>

#include "agent/guards.h"
#include "agent/tools_business.h"
#include "agent/tools.h"

#define TIME_WORDS                                                                                 \
    "RFC 3339, for example 2026-12-01T15:00:00+01:00; without an offset it is local time in "      \
    "`timezone`"
#define ZONE_PROPERTY                                                                              \
    "\"timezone\":{\"type\":\"string\",\"description\":\"IANA time zone, for example "             \
    "Europe/Berlin. Left out: the owner's time zone.\"}"
#define EVENT_PROPERTIES                                                                           \
    "\"title\":{\"type\":\"string\",\"description\":\"Title of the event.\"},"                     \
    "\"start\":{\"type\":\"string\",\"description\":\"Start: " TIME_WORDS                          \
    ". For an all-day event a date such as 2026-12-01.\"},"                                        \
    "\"end\":{\"type\":\"string\",\"description\":\"End, exclusive, written like start. For an "   \
    "all-day event the day after its last day.\"}," ZONE_PROPERTY ","                              \
    "\"all_day\":{\"type\":\"boolean\",\"description\":\"True for an event of whole days.\"},"     \
    "\"recurrence\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":"          \
    "\"RFC 5545 lines beginning RRULE:, RDATE or EXDATE, for example "                             \
    "RRULE:FREQ=WEEKLY;BYDAY=MO. Left out: the event happens once.\"},"                            \
    "\"attendees\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":"           \
    "\"E-mail addresses of people to invite, only those that the owner wrote in this message. "    \
    "Whoever is invited already stays. The owner confirms every invitation before Google mails "   \
    "it. Left out: nobody is invited.\"}"
#define PROPOSES                                                                                   \
    " The result \"proposed\" means that nothing was changed yet: the owner sees this very "       \
    "change and decides."
#define OBJECT(properties, required)                                                               \
    "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required                 \
    "],\"additionalProperties\":false}"

static const struct model_tool tools[TOOL_COUNT] = {
    [TOOL_CHECK_AVAILABILITY] =
        {"check_availability",
         "Says when the owner is free or busy within a span of time. Returns whether the whole "
         "span is "
         "free and the busy intervals in it; never what the appointments are. Use this to answer "
         "whether the owner is free.",
         OBJECT("\"start\":{\"type\":\"string\",\"description\":\"Start of the span: " TIME_WORDS
                ".\"},\"end\":{\"type\":\"string\",\"description\":\"End of the span, exclusive, "
                "written like start.\"}," ZONE_PROPERTY,
                "\"start\",\"end\"")},
    [TOOL_LIST_EVENTS] =
        {"list_events",
         "Lists the owner's events within a span of time, in order of their start: handle, title, "
         "start, end. Repeating events are listed once for each time they happen.",
         OBJECT("\"start\":{\"type\":\"string\",\"description\":\"Start of the span: RFC 3339, "
                "without "
                "an offset local time in the owner's time zone.\"},\"end\":{\"type\":\"string\","
                "\"description\":\"End of the span, exclusive, written like start.\"},"
                "\"query\":{\"type\":\"string\",\"description\":\"Only events that contain these "
                "words.\"}",
                "\"start\",\"end\"")},
    [TOOL_GET_EVENT] =
        {"get_event",
         "Reads one event: title, times, place, repetition, guests under aliases such as @guest1 "
         "and "
         "their answers, and whether it has a description or a video call.",
         OBJECT(
             "\"event\":{\"type\":\"string\",\"description\":\"Handle of the event, as list_events "
             "or create_event gave it.\"},"
             "\"include\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":["
             "\"description\",\"addresses\",\"call\"]},\"description\":\"What else to read, only "
             "when the question needs it: the description and names of attachments; names and "
             "e-mail addresses of the guests; the address of the video call.\"}",
             "\"event\"")},
    [TOOL_CREATE_EVENT] = {"create_event",
                           "Puts a new event into the owner's calendar. Use it when the owner asks "
                           "to book, add, put or "
                           "schedule something." PROPOSES,
                           OBJECT(EVENT_PROPERTIES, "\"title\",\"start\",\"end\"")},
    [TOOL_UPDATE_EVENT] =
        {"update_event",
         "Changes an event: only what is given changes. Moving the start alone keeps the duration. "
         "Put all that changes into one call." PROPOSES,
         OBJECT("\"event\":{\"type\":\"string\",\"description\":\"Handle of the "
                "event.\"}," EVENT_PROPERTIES,
                "\"event\"")},
    [TOOL_DELETE_EVENT] =
        {"delete_event",
         "Deletes an event, or a whole series by the handle of its series." PROPOSES,
         OBJECT("\"event\":{\"type\":\"string\",\"description\":\"Handle of the event.\"}",
                "\"event\"")},
    [TOOL_REMEMBER] =
        {"remember",
         "Keeps a short note about what the owner prefers, for later conversations. Only when the "
         "owner asks to remember something.",
         OBJECT(
             "\"text\":{\"type\":\"string\",\"description\":\"The note, one line of at most 300 "
             "characters.\"},\"id\":{\"type\":\"string\",\"description\":\"Id of a kept note that "
             "this one replaces, when the owner corrects it.\"}",
             "\"text\"")},
    [TOOL_FORGET] =
        {"forget", "Deletes a note that was kept with remember.",
         OBJECT("\"id\":{\"type\":\"string\",\"description\":\"Id of the note, as listed among the "
                "owner's preferences.\"}",
                "\"id\"")},
    BUSINESS_TOOLS,
};

const struct model_tool *tools_list(size_t *ret_n) {
    *ret_n = COUNT_OF(tools);
    return tools;
}

size_t tools_offered(const struct turn *turn, struct model_tool out[static TOOL_COUNT]) {
    enum origin origin = guard_holds(GUARD_ORIGIN_TOOLS) ? turn->origin : ORIGIN_OWNER;
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(tools); i++)
        if (policy_offers((enum tool_id)i, origin))
            out[n++] = tools[i];
    return n;
}

bool tools_find(const char *name, enum tool_id *ret) {
    for (size_t i = 0; i < COUNT_OF(tools); i++)
        if (strcmp(tools[i].name, name) == 0) {
            *ret = (enum tool_id)i;
            return true;
        }
    return false;
}

static bool type_fits(const json_t *value, const char *type) {
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    size_t i;
    json_t *item;
    if (!json_is_array(value))
        return false;
    json_array_foreach(value, i, item) if (!json_is_string(item)) return false;
    return true;
}

/* What a string stands for where another type is asked for, or NULL. Models write JSON into one,
 * and a lone string for a list of one. */
static json_t *meant_by(const json_t *value, const char *type) {
    const char *text = json_string_value(value);
    if (text == NULL || strcmp(type, "string") == 0)
        return NULL;
    json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (parsed != NULL && type_fits(parsed, type))
        return parsed;
    json_decref(parsed);
    return strcmp(type, "array") == 0 ? json_pack("[s]", text) : NULL;
}

/* Models often write null for "not given". */
static void loosen(json_t *args, const json_t *properties) {
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(args, next, key, value) {
        const char *type =
            json_string_value(json_object_get(json_object_get(properties, key), "type"));
        if (json_is_null(value)) {
            (void)json_object_del(args, key);
            continue;
        }
        json_t *meant = type != NULL ? meant_by(value, type) : NULL;
        if (meant != NULL)
            (void)json_object_set_new(args, key, meant);
    }
}

static bool args_fit(json_t *args, const json_t *schema, char *why, size_t why_len) {
    const json_t *properties = json_object_get(schema, "properties");
    const char *key;
    json_t *value;
    size_t i;
    loosen(args, properties);
    json_object_foreach(args, key, value) {
        const char *type =
            json_string_value(json_object_get(json_object_get(properties, key), "type"));
        if (type == NULL) {
            (void)snprintf(why, why_len, "There is no argument \"%.*s\".",
                           (int)utf8_cut(key, strlen(key), 40), key);
            return false;
        }
        if (!type_fits(value, type)) {
            (void)snprintf(why, why_len, "\"%s\" must be %s.", key,
                           strcmp(type, "array") == 0 ? "an array of strings" : type);
            return false;
        }
    }
    json_array_foreach(json_object_get(schema, "required"), i, value) {
        if (json_object_get(args, json_string_value(value)) == NULL) {
            (void)snprintf(why, why_len, "\"%s\" is missing.", json_string_value(value));
            return false;
        }
    }
    return true;
}

const char *tools_check_args(enum tool_id id, json_t *args, char *why, size_t why_len) {
    json_t *schema = json_loads(tools[id].schema, 0, NULL);
    bool fit = args_fit(args, schema, why, why_len);
    json_decref(schema);
    return fit ? NULL : why;
}
