/* Changes to the calendar, and which act belongs to which intent. */
#include <stdio.h>
#include <string.h>

#include "tests/world/mind.h"

static bool made_before(const struct mind *m, int64_t start) {
    for (size_t k = 0; k < m->earlier_count; k++)
        if (m->earlier[k].start == start)
            return true;
    return false;
}

/* After a write: what came back, kept for "it". */
static void keep_event(struct mind *m, const char *result, const struct seen_event *known) {
    struct seen_event back;
    m->event = *known;
    if (result_event(result, m->clock.zone, &back))
        snprintf(m->event.handle, sizeof(m->event.handle), "%s", back.handle);
    m->has_event = m->event.handle[0] != '\0';
}

/* The change was not made: the owner is asked about it first. */
static bool awaits(struct mind *m, const char *result, const char *title) {
    if (!result_proposed(result))
        return false;
    mind_say(m, "I have not changed “%s” yet: that is for you to decide.", title);
    return true;
}

/* What the tool wants said besides: a clock change, an event that was there already. */
static void say_note(struct mind *m, const char *result) {
    char note[512];
    result_member(result, "note", note, sizeof(note));
    if (note[0])
        mind_say(m, "%s", note);
}

/* Near a clock change the start goes as the owner said it: the tool knows what becomes of it. */
static void set_spoken(const json_t *tool, json_t *args, const struct when *w,
                       const struct zone *zone, int64_t start) {
    struct civil c = {0};
    char spoken[STAMP_N];
    if (!w->has_day || !w->has_time || !tool_param(tool, ARG_ZONE) ||
        zone_offset(zone, start - DAY_S) == zone_offset(zone, start + DAY_S))
        return;
    civil_from_days(w->day, &c);
    snprintf(spoken, sizeof(spoken), "%04d-%02d-%02dT%02d:%02d:00", c.year % 10000, c.month % 100,
             c.day % 100, w->minute / 60 % 24, w->minute % 60);
    tool_set(tool, args, ARG_START, json_string(spoken));
}

static json_t *email_list(const struct intent *in) {
    json_t *list = json_array();
    for (size_t i = 0; i < in->emails; i++)
        json_array_append_new(list, json_string(in->email[i]));
    return list;
}

static bool act_create(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_CREATE);
    struct when *w = &in->when;
    int64_t start, end;
    char span[160];
    if (in->it && m->before.kind == INTENT_CREATE && m->before.title[0])
        snprintf(in->title, sizeof(in->title), "%s", m->before.title);
    const char *title = in->title[0] ? in->title : "Appointment";
    if (!tool) {
        mind_no_tool(m, "create events");
        return true;
    }
    bool there = w->there || !when_any(w);
    if (there && m->refused) {
        mind_say(m, "So I did not add “%s”.", title);
        return true;
    }
    if (there && m->has_when)
        when_fill(w, &m->when);
    if (!w->has_day && !w->has_time && !w->from_now && !w->rule[0] && w->part == PART_NONE) {
        mind_say(m, "When should “%s” be?", title);
        return true;
    }
    const struct zone *zone = mind_zone(m, w);
    bool all_day = w->all_day || (!w->has_time && !w->from_now && w->part == PART_NONE);
    when_span(w, &m->clock, 60, &start, &end);
    if (w->part != PART_NONE && !w->has_time &&
        !w->from_now) /* "tomorrow morning": its first hour */
        end = start + (w->length ? w->length : 60) * 60;
    span_words(start, end, all_day, zone, span, sizeof(span));
    if (context_zone_unknown(m))
        mind_say(m, "I do not know your time zone, so I took UTC.");
    if (made_before(m, start)) {
        mind_keep(m, w);
        mind_say(m, "I have put “%s” into your calendar on %s.", title, span);
        return true;
    }
    json_t *args = json_object();
    tool_set(tool, args, ARG_TITLE, json_string(title));
    tool_set_span(tool, args, start, end, zone, all_day);
    if (!all_day)
        set_spoken(tool, args, w, zone, start);
    if (all_day)
        tool_set(tool, args, ARG_ALL_DAY, json_true());
    if (w->rule[0])
        tool_set(tool, args, ARG_RECURRENCE, json_sprintf("RRULE:%s", w->rule));
    if (in->emails)
        tool_set(tool, args, ARG_ATTENDEES, email_list(in));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    if (out.error[0]) {
        mind_say(m, "I could not put “%s” into your calendar: %s", title, out.error);
        return true;
    }
    if (awaits(m, out.text, title))
        return true;
    struct seen_event made = {.timed = true, .all_day = all_day, .start = start, .end = end};
    snprintf(made.title, sizeof(made.title), "%s", title);
    mind_keep(m, w);
    keep_event(m, out.text, &made);
    mind_say(m, "I have put “%s” into your calendar on %s%s%s.", title, span,
             w->zone      ? ", "
             : w->rule[0] ? ", repeating"
                          : "",
             w->zone ? zone_name(zone) : "");
    say_note(m, out.text);
    return true;
}

bool mind_moved(struct mind *m, const struct when *w, const struct seen_event *e, int64_t *start,
                int64_t *end) {
    const struct zone *zone = mind_zone(m, w);
    int64_t length = e->timed && !e->all_day ? e->end - e->start : 3600;
    struct when full = *w;
    if (w->shift) {
        *start = e->start + w->shift * 60;
        *end = e->end + w->shift * 60;
        return e->timed;
    }
    if (w->extend || (w->length && !w->has_time && !w->has_day && !w->from_now)) {
        *start = e->start;
        *end = w->extend ? e->end + w->extend * 60 : e->start + w->length * 60;
        return e->timed;
    }
    struct civil at = zone_local(zone, e->start);
    if (!full.has_day && !full.from_now && e->timed) {
        full.has_day = true;
        full.day = local_day(e->start, zone);
        full.day_end = full.day + 1;
    }
    if (!full.has_time && !full.from_now && full.part == PART_NONE && e->timed && !e->all_day) {
        full.has_time = true;
        full.minute = at.hour * 60 + at.minute;
    }
    if (!full.has_day && !full.has_time && !full.from_now)
        return false;
    when_span(&full, &m->clock, (int)(length / 60), start, end);
    if (full.part != PART_NONE && !full.has_time)
        *end = *start + length;
    return true;
}

static bool act_move(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_UPDATE);
    struct seen_event e;
    int64_t start, end;
    char span[160];
    if (!tool) {
        mind_no_tool(m, "change events");
        return true;
    }
    int r = mind_event(m, in, &e);
    if (r <= 0)
        return r < 0;
    if (in->when.there && m->has_when)
        when_fill(&in->when, &m->when);
    if (!mind_moved(m, &in->when, &e, &start, &end)) {
        mind_say(m, "Where should I move “%s”?", e.title[0] ? e.title : in->title);
        return true;
    }
    bool all_day = e.all_day && !in->when.has_time && !in->when.from_now;
    json_t *args = json_object();
    tool_set(tool, args, ARG_EVENT, json_string(e.handle));
    tool_set_span(tool, args, start, end, mind_zone(m, &in->when), all_day);
    if (!in->when.zone && tool_param(tool, ARG_ZONE)) /* it keeps its own */
        json_object_del(args, tool_param(tool, ARG_ZONE));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    span_words(start, end, all_day, mind_zone(m, &in->when), span, sizeof(span));
    const char *title = mind_title(in, &e);
    if (out.error[0]) {
        mind_say(m, "I could not move “%s”: %s", title, out.error);
        return true;
    }
    if (awaits(m, out.text, title))
        return true;
    e.start = start;
    e.end = end;
    e.timed = true;
    keep_event(m, out.text, &e);
    mind_say(m, "I have moved “%s” to %s.", title, span);
    say_note(m, out.text);
    return true;
}

static bool act_cancel(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_DELETE);
    struct seen_event e;
    if (!tool) {
        mind_no_tool(m, "delete events");
        return true;
    }
    int r = mind_event(m, in, &e);
    if (r <= 0)
        return r < 0;
    json_t *args = json_object();
    tool_set(tool, args, ARG_EVENT, json_string(e.handle));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    const char *title = mind_title(in, &e);
    if (out.error[0])
        mind_say(m, "I could not delete “%s”: %s", title, out.error);
    else if (!awaits(m, out.text, title))
        mind_say(m, "I have deleted “%s”.", title);
    return true;
}

/* Rename and invite: an update without a new time. */
static bool act_update(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_UPDATE);
    struct seen_event e;
    bool rename = in->kind == INTENT_RENAME;
    if (!tool) {
        mind_no_tool(m, "change events");
        return true;
    }
    int r = mind_event(m, in, &e);
    if (r <= 0)
        return r < 0;
    json_t *args = json_object();
    tool_set(tool, args, ARG_EVENT, json_string(e.handle));
    if (rename)
        tool_set(tool, args, ARG_TITLE, json_string(in->to));
    else
        tool_set(tool, args, ARG_ATTENDEES, email_list(in));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    const char *title = mind_title(in, &e);
    if (out.error[0])
        mind_say(m, "I could not change “%s”: %s", title, out.error);
    else if (awaits(m, out.text, title))
        return true;
    else if (rename)
        mind_say(m, "I have renamed “%s” to “%s”.", title, in->to);
    else
        mind_say(m, "I have invited %s to “%s”.", in->email[0], title);
    if (rename && !out.error[0])
        snprintf(e.title, sizeof(e.title), "%s", in->to);
    keep_event(m, out.text, &e);
    return true;
}

bool act(struct mind *m, struct intent *in) {
    context_again(m, in);
    bool done = true;
    switch (in->kind) {
    case INTENT_FREE:
        done = act_free(m, in);
        break;
    case INTENT_FIND:
        done = act_find(m, in);
        break;
    case INTENT_LIST:
        done = act_list(m, in);
        break;
    case INTENT_WHEN_IS:
        done = act_when_is(m, in);
        break;
    case INTENT_CREATE:
        done = act_create(m, in);
        break;
    case INTENT_MOVE:
        done = act_move(m, in);
        break;
    case INTENT_CANCEL:
        done = act_cancel(m, in);
        break;
    case INTENT_RENAME:
    case INTENT_INVITE:
        done = act_update(m, in);
        break;
    case INTENT_REMEMBER:
        done = act_remember(m, in);
        break;
    case INTENT_FORGET:
        done = act_forget(m, in);
        break;
    case INTENT_RECALL:
        done = act_recall(m);
        break;
    case INTENT_WHO:
    case INTENT_TELL:
        done = act_details(m, in);
        break;
    case INTENT_AGAIN:
    case INTENT_CHAT:
        mind_say(
            m, "I am a stand-in model. I can tell when you are free, list what you have, and put, "
               "move, rename or cancel events.");
        break;
    }
    m->before = *in;
    return done;
}
