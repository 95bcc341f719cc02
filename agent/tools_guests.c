/* Guests: whom a change may invite. Only addresses that the owner wrote in this very message, or
 * that the event has already: whatever the model read elsewhere invites nobody. */
#include <string.h>
#include <strings.h>

#include "agent/address.h"
#include "agent/guards.h"
#include "agent/tools_write.h"
#include "providers/json_get.h"

#define ADDRESS_MAX 254u

/* Plain ASCII, one '@', a dot in the domain: what a frontend shows is what Google reads. */
static bool address_valid(const char *address) {
    const char *at = strchr(address, '@');
    size_t len = strlen(address);
    if (at == NULL || at == address || strchr(at + 1, '@') != NULL || len > ADDRESS_MAX ||
        strchr(at, '.') == NULL || at[1] == '.' || address[len - 1] == '.')
        return false;
    return strspn(address, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                           "@.!#$%&'*+/=?^_`{|}~-") == len;
}

static bool part_of_address(const char *text, size_t at) {
    if (text[at] != '\0' && strchr("_%+-@.", text[at]) != NULL)
        return true;
    size_t len = strlen(text);
    return address_letter_at(text, len, at) && !address_runs_together(text, len, at);
}

static bool part_before(const char *text, size_t at) {
    size_t last = at;
    while (last > 0 && ((unsigned char)text[--last] & 0xc0) == 0x80)
        continue;
    return at > 0 && part_of_address(text, last);
}

bool guests_named(const char *text, const char *address) {
    size_t len = strlen(address);
    for (const char *found = text; (found = strcasestr(found, address)) != NULL; found++) {
        size_t at = (size_t)(found - text), end = at + len;
        bool ends =
            text[end] == '.' ? !part_of_address(text, end + 1) : !part_of_address(text, end);
        if (!part_before(text, at) && ends)
            return true;
    }
    return false;
}

static bool on_event(const json_t *event, const char *address) {
    size_t i;
    json_t *person;
    json_array_foreach(json_object_get(event, "attendees"), i, person) {
        if (strcasecmp(json_text(person, "email"), address) == 0)
            return true;
    }
    return false;
}

static bool has(const json_t *list, const char *address) {
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        if (strcasecmp(json_string_value(item), address) == 0)
            return true;
    }
    return false;
}

/* One address; false: the run has its result. */
static bool take(struct turn *turn, struct tool_run *run, const json_t *event, const char *address,
                 json_t *into) {
    if (!address_valid(address)) {
        (void)tool_refuse(run, "bad_arguments",
                          "\"attendees\" must be e-mail addresses as the owner wrote them.");
        return false;
    }
    if (on_event(event, address) || has(into, address))
        return true;
    if (guard_holds(GUARD_GUESTS_OWNERS) && !guests_named(turn->start->message, address)) {
        (void)tool_refuse(run, "not_the_owners_words",
                          "Only people whose e-mail address the owner wrote in this message can be "
                          "invited. Ask the owner for the address.");
        return false;
    }
    if (guard_holds(GUARD_LIMIT_GUESTS) && turn->guests >= LIMIT_GUESTS) {
        (void)tool_refuse(run, "budget_exhausted",
                          "This request has invited as many people as one request may.");
        return false;
    }
    turn->guests++;
    (void)json_array_append_new(into, json_string(address));
    return true;
}

/* An alias stands for the address behind it, and is judged like that. */
bool guests_read(struct turn *turn, struct tool_run *run, const json_t *event, json_t **ret) {
    size_t i;
    json_t *item, *invited = json_array();
    json_array_foreach(json_object_get(run->args, "attendees"), i, item) {
        const char *named = people_address(turn->people, json_string_value(item));
        if (!take(turn, run, event, named != NULL ? named : json_string_value(item), invited)) {
            json_decref(invited);
            return false;
        }
    }
    if (json_array_size(invited) > 0 && json_is_true(json_object_get(event, "attendeesOmitted"))) {
        json_decref(invited); /* the list that would be sent replaces the one that is there */
        (void)tool_refuse(run, "not_possible",
                          "This event has more guests than can be read, so nobody can be added.");
        return false;
    }
    *ret = invited;
    return true;
}

json_t *guests_json(const json_t *event, const json_t *invited) {
    /* What Google lets a writer set; the rest of a guest is Google's own. */
    static const char *const kept[] = {"email",   "displayName", "responseStatus",  "optional",
                                       "comment", "resource",    "additionalGuests"};
    size_t i;
    json_t *item, *list = json_array();
    json_array_foreach(json_object_get(event, "attendees"), i, item) {
        json_t *guest = json_object();
        for (size_t k = 0; k < COUNT_OF(kept); k++)
            if (json_object_get(item, kept[k]) != NULL)
                (void)json_object_set(guest, kept[k], json_object_get(item, kept[k]));
        (void)json_array_append_new(list, guest);
    }
    json_array_foreach(invited, i, item)(void)
        json_array_append_new(list, json_pack("{s:O}", "email", item));
    return list;
}
