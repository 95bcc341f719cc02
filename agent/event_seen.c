#include "agent/event_seen.h"

#include <string.h>

#include "agent/calendars.h"
#include "agent/guards.h"
#include "providers/json_get.h"

#define TITLE_MAX  200u
#define BODY_MAX   4000u
#define WORD_MAX   20u
#define GUESTS_MAX 50u
#define FILES_MAX  20u

static void put(json_t *to, const char *key, const char *text) {
    if (*text != '\0')
        (void)json_object_set_new(to, key, json_string(text));
}

/* Adds what somebody wrote, cut at `max` bytes, unless it is empty. */
static void put_text(struct turn *turn, const json_t *event, enum shown kind, json_t *to,
                     const char *key, const char *text, size_t max) {
    char *taken = turn_takes(turn, TAINT_GOOGLE, turn_about(event), kind, text, max);
    if (taken != NULL)
        put(to, key, taken);
    string_wipe(taken);
}

/* One of Google's own words ("accepted"); nothing else passes. */
static void put_word(json_t *to, const char *key, const char *word) {
    size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (word[len] == '\0' && len <= WORD_MAX)
        put(to, key, word);
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

/* The handle of an event of this calendar; nothing when there is no such id. */
static void put_handle(struct turn *turn, json_t *to, const char *key, const char *calendar,
                       const char *id) {
    char *reference = *id != '\0' ? event_reference(calendar, id) : NULL;
    if (reference != NULL)
        put(to, key, turn_handle(turn, reference));
    string_wipe(reference);
}

json_t *event_seen(struct turn *turn, const struct tool_run *run, const char *calendar,
                   const json_t *event) {
    struct event_times times;
    const struct calendar *named = calendars_find(turn->calendars, calendar);
    if (!event_id_valid(json_text(event, "id")) || !event_times_of(event, run->zone, &times))
        return NULL;
    json_t *seen = json_object();
    put_handle(turn, seen, "event", calendar, json_text(event, "id"));
    put_text(turn, event, SHOWN_TITLES, seen, "title", json_text(event, "summary"), TITLE_MAX);
    if (!times.all_day) { /* shown in the owner's zone, whatever zone the event names */
        stamp_of(times.from, zone_offset(run->zone, times.from), &times.start);
        stamp_of(times.to, zone_offset(run->zone, times.to), &times.end);
    }
    turn_shows(turn, SHOWN_TIMES);
    put_time(seen, "start", &times, false);
    put_time(seen, "end", &times, true);
    if (times.all_day)
        (void)json_object_set_new(seen, "all_day", json_true());
    put_text(turn, event, SHOWN_PLACES, seen, "place", json_text(event, "location"), TITLE_MAX);
    put_handle(turn, seen, "series", calendar, json_text(event, "recurringEventId"));
    if (named != NULL)
        put_text(turn, event, SHOWN_TITLES, seen, "calendar", named->name, CALENDAR_NAME_SIZE);
    put_word(seen, "owners_answer", own_answer(event));
    if (event_has_attendees(event))
        (void)json_object_set_new(
            seen, "guests",
            json_integer((json_int_t)json_array_size(json_object_get(event, "attendees"))));
    return seen;
}

/* ---- details ---- */

static bool wants(const struct tool_run *run, const char *what) {
    size_t i;
    json_t *item;
    if (!guard_holds(GUARD_MINIMISE_DETAILS))
        return true;
    json_array_foreach(json_object_get(run->args, "include"), i, item) {
        if (strcmp(json_string_value(item), what) == 0)
            return true;
    }
    return false;
}

/* Under an alias; with a name when the owner has said it, so that "Is Anna coming?" has an answer.
 * An address, and the name that goes with it, only when they were asked for. */
static json_t *person_seen(struct turn *turn, const struct tool_run *run, const json_t *event,
                           const json_t *person) {
    const char *address = json_text(person, "email"), *name = json_text(person, "displayName");
    const char *words[TURN_WORDS];
    bool plain = wants(run, "addresses") || !guard_holds(GUARD_MINIMISE_PEOPLE);
    json_t *seen = json_object();
    const char *alias = people_alias(turn->people, address, name);
    if (guard_holds(GUARD_MINIMISE_PEOPLE))
        put(seen, "guest", alias != NULL ? alias : "@guest");
    turn_shows(turn, SHOWN_PEOPLE);
    if (plain) {
        put_text(turn, event, SHOWN_ADDRESSES, seen, "email", address, TITLE_MAX);
        put_text(turn, event, SHOWN_PEOPLE, seen, "name", name, TITLE_MAX);
    } else {
        char *named = people_named(name, words, turn_words(turn, words));
        if (named != NULL)
            put_text(turn, event, SHOWN_PEOPLE, seen, "name", named, TITLE_MAX);
        string_wipe(named);
    }
    put_word(seen, "answer", json_text(person, "responseStatus"));
    return seen;
}

static void put_people(struct turn *turn, const struct tool_run *run, const json_t *event,
                       json_t *seen) {
    const json_t *organizer = json_object_get(event, "organizer");
    json_t *guests = json_array(), *person;
    size_t i;
    json_array_foreach(json_object_get(event, "attendees"), i, person) {
        if (i == GUESTS_MAX)
            break;
        if (!json_is_true(json_object_get(person, "self"))) /* see owners_answer */
            (void)json_array_append_new(guests, person_seen(turn, run, event, person));
    }
    if (json_array_size(guests) > 0)
        (void)json_object_set(seen, "guests", guests);
    json_decref(guests);
    if (organizer != NULL && !json_is_true(json_object_get(organizer, "self")))
        (void)json_object_set_new(seen, "organizer", person_seen(turn, run, event, organizer));
}

/* Where to join it by video: Google's own link, or another service's. */
static const char *call_of(const json_t *event) {
    const json_t *entries =
        json_object_get(json_object_get(event, "conferenceData"), "entryPoints");
    const char *link = json_text(event, "hangoutLink");
    size_t i;
    json_t *entry;
    json_array_foreach(entries, i, entry) {
        if (*link == '\0' && strcmp(json_text(entry, "entryPointType"), "video") == 0)
            link = json_text(entry, "uri");
    }
    return link;
}

static void put_files(struct turn *turn, const json_t *event, json_t *seen) {
    json_t *names = json_array(), *file;
    size_t i;
    json_array_foreach(json_object_get(event, "attachments"), i, file) {
        char *name = turn_takes(turn, TAINT_GOOGLE, turn_about(event), SHOWN_DESCRIPTIONS,
                                json_text(file, "title"), TITLE_MAX);
        if (name != NULL && *name != '\0' && i < FILES_MAX)
            (void)json_array_append_new(names, json_string(name));
        string_wipe(name);
    }
    if (json_array_size(names) > 0)
        (void)json_object_set(seen, "attachments", names);
    json_decref(names);
}

/* Only what a rule is made of: the lines, too, are written by others. */
static void put_recurrence(const json_t *event, json_t *seen) {
    static const char rule[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               ":;=,+-/_";
    json_t *lines = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(event, "recurrence"), i, item) {
        const char *line = json_is_string(item) ? json_string_value(item) : "";
        if (*line != '\0' && line[strspn(line, rule)] == '\0' && strlen(line) <= TITLE_MAX)
            (void)json_array_append(lines, item);
    }
    if (json_array_size(lines) > 0)
        (void)json_object_set(seen, "recurrence", lines);
    json_decref(lines);
}

void event_seen_details(struct turn *turn, const struct tool_run *run, const json_t *event,
                        json_t *seen) {
    const char *description = json_text(event, "description"), *call = call_of(event);
    put_recurrence(event, seen);
    put_people(turn, run, event, seen);
    bool body = *description != '\0' || json_array_size(json_object_get(event, "attachments")) > 0;
    if (wants(run, "description")) {
        put_text(turn, event, SHOWN_DESCRIPTIONS, seen, "description", description, BODY_MAX);
        put_files(turn, event, seen);
    } else {
        (void)json_object_set_new(seen, "has_description", json_boolean(body));
    }
    if (wants(run, "call"))
        put_text(turn, event, SHOWN_LINKS, seen, "call", call, TITLE_MAX);
    else
        (void)json_object_set_new(seen, "has_call", json_boolean(*call != '\0'));
}
