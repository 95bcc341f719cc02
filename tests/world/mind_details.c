/* Questions about one event: who is in it, what it is about, where it is. */
#include <stdio.h>
#include <string.h>

#include "tests/world/mind.h"

static json_t *wanted(const struct intent *in) {
    if (in->kind == INTENT_TELL)
        return json_pack("[s]", "description");
    return in->addresses ? json_pack("[s]", "addresses") : NULL;
}

static void say_who(struct mind *m, const char *result, const char *title) {
    char guests[2048];
    result_guests(result, guests, sizeof(guests));
    if (guests[0])
        mind_say(m, "In “%s” there are: %s.", title, guests);
    else
        mind_say(m, "There is nobody else in “%s”.", title);
}

static void say_what(struct mind *m, const char *result, const char *title) {
    char about[4096], place[512];
    result_member(result, "description", about, sizeof(about));
    result_member(result, "place", place, sizeof(place));
    if (place[0])
        mind_say(m, "“%s” is at: %s.", title, place);
    if (about[0])
        mind_say(m, "“%s” says: %s", title, about);
    if (!place[0] && !about[0])
        mind_say(m, "“%s” says nothing more.", title);
}

bool act_details(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_GET);
    struct seen_event e, seen;
    if (!tool) {
        mind_no_tool(m, "read events");
        return true;
    }
    int r = mind_handle(m, in, &e);
    if (r <= 0)
        return r < 0;
    json_t *args = json_object(), *include = wanted(in);
    tool_set(tool, args, ARG_EVENT, json_string(e.handle));
    if (include)
        tool_set(tool, args, ARG_INCLUDE, include);
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    if (out.error[0]) {
        mind_say(m, "I could not read that event: %s", out.error);
        return true;
    }
    if (result_event(out.text, m->clock.zone, &seen))
        e = seen;
    m->event = e;
    m->has_event = true;
    if (in->kind == INTENT_WHO)
        say_who(m, out.text, mind_title(in, &e));
    else
        say_what(m, out.text, mind_title(in, &e));
    return true;
}
