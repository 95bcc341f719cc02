/* What the mind does for each intent. */
#include <stdio.h>
#include <string.h>

#include "tests/world/mind.h"

#define LIST_MAX 64

void clock_words(int64_t at, const struct zone *zone, char out[static 8]) {
    struct civil c = zone_local(zone, at);
    snprintf(out, 8, "%02d:%02d", c.hour % 100, c.minute % 100);
}

static int64_t local_day(int64_t at, const struct zone *zone) {
    struct civil c = zone_local(zone, at);
    return civil_days(c.year, c.month, c.day);
}

static void day_words(int64_t day, char *out, size_t cap) {
    struct civil c = {0};
    civil_from_days(day, &c);
    snprintf(out, cap, "%s %d %s %d", day_name(day), c.day, month_name(c.month), c.year);
}

void span_words(int64_t start, int64_t end, bool all_day, const struct zone *zone, char *out,
                size_t cap) {
    int64_t first = local_day(start, zone), last = local_day(end - 1, zone);
    char from[48], to[48], a[8], b[8];
    day_words(first, from, sizeof(from));
    day_words(last, to, sizeof(to));
    clock_words(start, zone, a);
    clock_words(end, zone, b);
    bool whole = strcmp(a, "00:00") == 0 && strcmp(b, "00:00") == 0;
    if ((all_day || whole) && first == last)
        snprintf(out, cap, "%s, all day", from);
    else if (all_day || whole)
        snprintf(out, cap, "%s to %s", from, to);
    else if (first == last || (end - start < DAY_S && strcmp(b, "00:00") == 0))
        snprintf(out, cap, "%s from %s to %s", from, a, b);
    else
        snprintf(out, cap, "%s %s to %s %s", from, a, to, b);
}

static void no_tool(struct mind *m, const char *what) {
    mind_say(m, "I have no tool to %s.", what);
}

static const struct zone *zone_of(const struct mind *m, const struct when *w) {
    return w->zone ? w->zone : m->clock.zone;
}

/* "there" takes what it lacks from the time spoken of before. */
static void settle(struct mind *m, struct when *w) {
    if (m->has_when && w->there)
        when_fill(w, &m->when);
}

static void keep(struct mind *m, const struct when *w) {
    if (w->has_day || w->has_time || w->from_now) {
        m->when = *w;
        m->has_when = true;
    }
}

/* ---- questions ---- */

static void say_busy(struct mind *m, const struct availability *a, const struct zone *zone) {
    char list[1024] = "";
    for (size_t i = 0; i < a->count; i++) {
        char from[8], to[8], day[48] = "";
        size_t n = strlen(list);
        clock_words(a->busy[i].start, zone, from);
        clock_words(a->busy[i].end, zone, to);
        if (local_day(a->busy[i].start, zone) != local_day(a->busy[0].start, zone))
            day_words(local_day(a->busy[i].start, zone), day, sizeof(day));
        snprintf(list + n, sizeof(list) - n, "%s%s%s%s to %s",
                 i == 0              ? ""
                 : i + 1 == a->count ? " and "
                                     : ", ",
                 day, day[0] ? " " : "", from, to);
    }
    mind_say(m, "You are busy from %s.", list);
}

static bool ask_availability(struct mind *m, const struct when *w, int length,
                             struct availability *ret, int64_t *start, int64_t *end, bool *ret_ok) {
    const json_t *tool = tool_pick(m->tools, USE_AVAILABILITY);
    const struct zone *zone = zone_of(m, w);
    *ret_ok = false;
    when_span(w, &m->clock, length, start, end);
    if (!tool)
        tool = tool_pick(m->tools, USE_LIST);
    if (!tool) {
        no_tool(m, "look into your calendar");
        return true;
    }
    json_t *args = json_object();
    tool_set_span(tool, args, *start, *end, zone, false);
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    if (out.error[0]) {
        mind_say(m, "I could not check your availability: %s", out.error);
        m->refused = true;
        return true;
    }
    result_availability(out.text, *start, *end, zone, ret);
    *ret_ok = ret->known;
    if (!ret->known)
        mind_say(m, "I could not tell whether you are free.");
    return true;
}

static bool act_free(struct mind *m, struct intent *in) {
    struct availability a;
    int64_t start, end;
    bool ok;
    char span[160];
    settle(m, &in->when);
    keep(m, &in->when);
    if (!ask_availability(m, &in->when, 60, &a, &start, &end, &ok))
        return false;
    if (!ok)
        return true;
    const struct zone *zone = zone_of(m, &in->when);
    span_words(start, end, false, zone, span, sizeof(span));
    m->refused = a.count > 0;
    const char *where = in->when.zone ? zone_name(zone) : "";
    if (a.count == 0) {
        mind_say(m, "Yes, you are free on %s%s%s.", span, *where ? ", " : "", where);
    } else {
        bool all = a.busy[0].start <= start && a.busy[0].end >= end;
        mind_say(m, "No, you are not%s free on %s%s%s.",
                 all || end - start <= 7200 ? "" : " entirely", span, *where ? ", " : "", where);
        say_busy(m, &a, zone);
    }
    return true;
}

static bool likes(const struct mind *m, const char *word) {
    return m->system && strcasestr(m->system, word) != NULL;
}

/* First gap of the wanted length within waking hours; mornings or afternoons first when remembered.
 */
static bool first_gap(const struct mind *m, const struct availability *a, int64_t start,
                      int64_t end, int64_t length, const struct zone *zone, int64_t *ret) {
    for (int pass = 0; pass < 2; pass++)
        for (int64_t at = (start + 1799) / 1800 * 1800; at + length <= end; at += 1800) {
            struct civil c = zone_local(zone, at);
            int last = c.hour * 60 + c.minute + (int)(length / 60);
            bool fits = c.hour >= 8 && last <= 20 * 60 && at >= m->clock.now;
            if (pass == 0 && likes(m, "morning"))
                fits = fits && last <= 12 * 60;
            else if (pass == 0 && likes(m, "afternoon"))
                fits = fits && c.hour >= 12;
            for (size_t i = 0; i < a->count && fits; i++)
                fits = at + length <= a->busy[i].start || at >= a->busy[i].end;
            if (fits) {
                *ret = at;
                return true;
            }
        }
    return false;
}

static bool act_find(struct mind *m, struct intent *in) {
    struct availability a;
    int64_t start, end, at;
    bool ok;
    char span[160];
    int length = in->when.length ? in->when.length : 60;
    struct when range = in->when;
    range.length = 0;
    if (!when_any(&range)) {
        range.has_day = true;
        range.day = local_day(m->clock.now, m->clock.zone);
        range.day_end = range.day + 7;
    }
    if (!ask_availability(m, &range, length, &a, &start, &end, &ok))
        return false;
    if (!ok)
        return true;
    const struct zone *zone = zone_of(m, &in->when);
    if (!first_gap(m, &a, start, end, length * 60, zone, &at)) {
        span_words(start, end, false, zone, span, sizeof(span));
        mind_say(m, "I found no free %d minutes on %s.", length, span);
        m->refused = true;
        return true;
    }
    span_words(at, at + length * 60, false, zone, span, sizeof(span));
    mind_say(m, "You are free on %s.", span);
    if (a.count > 0)
        say_busy(m, &a, zone);
    m->refused = false;
    m->has_when = true;
    m->when =
        (struct when){.from_now = true, .moment = at, .length = length, .zone = in->when.zone};
    return true;
}

static void say_event(struct mind *m, const struct seen_event *e, const struct zone *zone,
                      bool with_day) {
    char span[160], from[8], to[8];
    const char *title = e->title[0] ? e->title : "(no title)";
    span_words(e->start, e->end, e->all_day, zone, span, sizeof(span));
    clock_words(e->start, zone, from);
    clock_words(e->end, zone, to);
    if (!e->timed)
        mind_say(m, "“%s”.", title);
    else if (with_day)
        mind_say(m, "“%s” on %s.", title, span);
    else if (e->all_day)
        mind_say(m, "“%s” all day.", title);
    else
        mind_say(m, "“%s” from %s to %s.", title, from, to);
}

static bool act_list(struct mind *m, struct intent *in) {
    static struct seen_event list[LIST_MAX];
    const json_t *tool = tool_pick(m->tools, USE_LIST);
    const struct zone *zone = zone_of(m, &in->when);
    int64_t start, end;
    char span[160];
    if (!tool) {
        no_tool(m, "list your events");
        return true;
    }
    settle(m, &in->when);
    bool next = !when_any(&in->when);
    when_span(&in->when, &m->clock, 60, &start, &end);
    if (next)
        end = start + 7 * DAY_S;
    json_t *args = json_object();
    tool_set_span(tool, args, start, end, zone, false);
    if (in->title[0])
        tool_set(tool, args, ARG_QUERY, json_string(in->title));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    keep(m, &in->when);
    if (out.error[0]) {
        mind_say(m, "I could not read your calendar: %s", out.error);
        return true;
    }
    int count = result_events(out.text, zone, list, LIST_MAX);
    span_words(start, end, false, zone, span, sizeof(span));
    if (count < 0)
        mind_say(m, "Your calendar says: %s", out.text);
    else if (count == 0)
        mind_say(m, "You have nothing%s%s on %s.", in->title[0] ? " about " : "", in->title, span);
    else
        mind_say(m, "You have %d event%s on %s:", count, count == 1 ? "" : "s", span);
    bool days = local_day(start, zone) != local_day(end - 1, zone);
    for (int i = 0; i < count; i++)
        say_event(m, &list[i], zone, days);
    if (count == 1) {
        m->event = list[0];
        m->has_event = true;
    }
    return true;
}

static bool act_when_is(struct mind *m, struct intent *in) {
    struct seen_event e;
    int r = mind_event(m, in, &e);
    if (r > 0) {
        m->event = e;
        m->has_event = true;
        say_event(m, &e, m->clock.zone, true);
    }
    return r != 0;
}

/* ---- writes ---- */

/* After a write: what came back, kept for "it". */
static void keep_event(struct mind *m, const char *result, const struct seen_event *known) {
    struct seen_event back;
    m->event = *known;
    if (result_event(result, m->clock.zone, &back))
        snprintf(m->event.handle, sizeof(m->event.handle), "%s", back.handle);
    m->has_event = m->event.handle[0] != '\0';
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
        no_tool(m, "create events");
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
    const struct zone *zone = zone_of(m, w);
    bool all_day = w->all_day || (!w->has_time && !w->from_now && w->part == PART_NONE);
    when_span(w, &m->clock, 60, &start, &end);
    if (w->part != PART_NONE && !w->has_time &&
        !w->from_now) /* "tomorrow morning": its first hour */
        end = start + (w->length ? w->length : 60) * 60;
    json_t *args = json_object();
    tool_set(tool, args, ARG_TITLE, json_string(title));
    tool_set_span(tool, args, start, end, zone, all_day);
    if (all_day)
        tool_set(tool, args, ARG_ALL_DAY, json_true());
    if (w->rule[0])
        tool_set(tool, args, ARG_RECURRENCE, json_sprintf("RRULE:%s", w->rule));
    if (in->emails)
        tool_set(tool, args, ARG_ATTENDEES, email_list(in));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    span_words(start, end, all_day, zone, span, sizeof(span));
    if (out.error[0]) {
        mind_say(m, "I could not put “%s” into your calendar: %s", title, out.error);
        return true;
    }
    struct seen_event made = {.timed = true, .all_day = all_day, .start = start, .end = end};
    snprintf(made.title, sizeof(made.title), "%s", title);
    keep(m, w);
    keep_event(m, out.text, &made);
    mind_say(m, "I have put “%s” into your calendar on %s%s%s.", title, span,
             w->zone      ? ", "
             : w->rule[0] ? ", repeating"
                          : "",
             w->zone ? zone_name(zone) : "");
    return true;
}

/* The new span of a moved event. */
static bool moved_span(struct mind *m, const struct when *w, const struct seen_event *e,
                       int64_t *start, int64_t *end) {
    const struct zone *zone = zone_of(m, w);
    int64_t length = e->timed && !e->all_day ? e->end - e->start : 3600;
    struct when full = *w;
    if (w->shift) {
        *start = e->start + w->shift * 60;
        *end = e->end + w->shift * 60;
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
        no_tool(m, "change events");
        return true;
    }
    int r = mind_event(m, in, &e);
    if (r <= 0)
        return r < 0;
    if (in->when.there && m->has_when)
        when_fill(&in->when, &m->when);
    if (!moved_span(m, &in->when, &e, &start, &end)) {
        mind_say(m, "Where should I move “%s”?", e.title[0] ? e.title : in->title);
        return true;
    }
    bool all_day = e.all_day && !in->when.has_time && !in->when.from_now;
    json_t *args = json_object();
    tool_set(tool, args, ARG_EVENT, json_string(e.handle));
    tool_set_span(tool, args, start, end, zone_of(m, &in->when), all_day);
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    span_words(start, end, all_day, zone_of(m, &in->when), span, sizeof(span));
    const char *title = e.title[0] ? e.title : in->title[0] && !in->it ? in->title : "the event";
    if (out.error[0]) {
        mind_say(m, "I could not move “%s”: %s", title, out.error);
        return true;
    }
    e.start = start;
    e.end = end;
    e.timed = true;
    keep_event(m, out.text, &e);
    mind_say(m, "I have moved “%s” to %s.", title, span);
    return true;
}

static bool act_cancel(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_DELETE);
    struct seen_event e;
    if (!tool) {
        no_tool(m, "delete events");
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
    const char *title = e.title[0] ? e.title : in->title[0] && !in->it ? in->title : "the event";
    if (out.error[0])
        mind_say(m, "I could not delete “%s”: %s", title, out.error);
    else
        mind_say(m, "I have deleted “%s”.", title);
    return true;
}

/* Rename and invite: an update without a new time. */
static bool act_update(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_UPDATE);
    struct seen_event e;
    bool rename = in->kind == INTENT_RENAME;
    if (!tool) {
        no_tool(m, "change events");
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
    const char *title = e.title[0] ? e.title : in->title[0] && !in->it ? in->title : "the event";
    if (out.error[0])
        mind_say(m, "I could not change “%s”: %s", title, out.error);
    else if (rename)
        mind_say(m, "I have renamed “%s” to “%s”.", title, in->to);
    else
        mind_say(m, "I have invited %s to “%s”.", in->email[0], title);
    if (rename && !out.error[0])
        snprintf(e.title, sizeof(e.title), "%s", in->to);
    keep_event(m, out.text, &e);
    return true;
}

/* ---- memory ---- */

static bool act_remember(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_REMEMBER);
    if (!tool) {
        no_tool(m, "remember things");
        return true;
    }
    json_t *args = json_object();
    tool_set(tool, args, ARG_TEXT, json_string(in->title));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    if (out.error[0])
        mind_say(m, "I could not remember that: %s", out.error);
    else
        mind_say(m, "I will remember: %s.", in->title);
    return true;
}

static bool act_forget(struct mind *m, struct intent *in) {
    const json_t *tool = tool_pick(m->tools, USE_FORGET);
    char id[128];
    if (!tool) {
        no_tool(m, "forget things");
        return true;
    }
    if (!context_memory(m, in->title, id, sizeof(id))) {
        mind_say(m, "I remember nothing like that.");
        return true;
    }
    json_t *args = json_object();
    tool_set(tool, args, ARG_ID, json_string(id));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    if (out.error[0])
        mind_say(m, "I could not forget that: %s", out.error);
    else
        mind_say(m, "I have forgotten: %s.", in->title);
    return true;
}

static bool act_recall(struct mind *m) {
    const char *list = m->system ? strcasestr(m->system, "prefer") : NULL;
    if (list)
        mind_say(m, "This is what I was told: %.600s", list);
    else
        mind_say(m, "I remember nothing about you.");
    return true;
}

bool act(struct mind *m, struct intent *in) {
    if (in->kind == INTENT_AGAIN) {
        when_fill(&in->when,
                  m->before.kind == INTENT_CHAT && m->has_when ? &m->when : &m->before.when);
        in->kind = m->before.kind == INTENT_CHAT ? INTENT_FREE : m->before.kind;
        snprintf(in->title, sizeof(in->title), "%s", m->before.title);
        in->it = m->before.it;
    }
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
