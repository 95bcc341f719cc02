/* Questions: free or busy, a free slot, what there is, when something is. */
#include <stdio.h>
#include <string.h>

#include "tests/world/mind.h"

#define LIST_MAX 64

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
    const struct zone *zone = mind_zone(m, w);
    *ret_ok = false;
    when_span(w, &m->clock, length, start, end);
    if (!tool)
        tool = tool_pick(m->tools, USE_LIST);
    if (!tool) {
        mind_no_tool(m, "look into your calendar");
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

/* What this request itself has made before it broke off does not stand in its way. */
static void forgive_own(const struct mind *m, struct availability *a) {
    size_t n = 0;
    for (size_t i = 0; i < a->count; i++) {
        bool own = false;
        for (size_t k = 0; k < m->earlier_count; k++)
            own = own ||
                  (a->busy[i].start >= m->earlier[k].start && a->busy[i].end <= m->earlier[k].end);
        if (!own)
            a->busy[n++] = a->busy[i];
    }
    a->count = n;
}

bool act_free(struct mind *m, struct intent *in) {
    struct availability a;
    int64_t start, end;
    bool ok;
    char span[160];
    mind_settle(m, &in->when);
    mind_keep(m, &in->when);
    if (!ask_availability(m, &in->when, 60, &a, &start, &end, &ok))
        return false;
    if (!ok)
        return true;
    const struct zone *zone = mind_zone(m, &in->when);
    forgive_own(m, &a);
    span_words(start, end, false, zone, span, sizeof(span));
    if (context_zone_unknown(m))
        mind_say(m, "I do not know your time zone, so I took UTC.");
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

bool act_find(struct mind *m, struct intent *in) {
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
    const struct zone *zone = mind_zone(m, &in->when);
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
    SCOPE_FREE char *named = NULL;
    if (e->calendar[0] && asprintf(&named, "%s” (%s", title, e->calendar) >= 0)
        title = named;
    const char *end = e->calendar[0] ? ")" : "”";
    span_words(e->start, e->end, e->all_day, zone, span, sizeof(span));
    clock_words(e->start, zone, from);
    clock_words(e->end, zone, to);
    if (!e->timed)
        mind_say(m, "“%s%s.", title, end);
    else if (with_day)
        mind_say(m, "“%s%s on %s.", title, end, span);
    else if (e->all_day)
        mind_say(m, "“%s%s all day.", title, end);
    else
        mind_say(m, "“%s%s from %s to %s.", title, end, from, to);
}

bool act_list(struct mind *m, struct intent *in) {
    static struct seen_event list[LIST_MAX];
    const json_t *tool = tool_pick(m->tools, USE_LIST);
    const struct zone *zone = mind_zone(m, &in->when);
    int64_t start, end;
    char span[160];
    if (!tool) {
        mind_no_tool(m, "list your events");
        return true;
    }
    mind_settle(m, &in->when);
    bool next = !when_any(&in->when);
    when_span(&in->when, &m->clock, 60, &start, &end);
    if (next)
        end = start + 7 * DAY_S;
    if (in->it) {
        start = m->clock.now;
        end = start + 30 * DAY_S;
    }
    json_t *args = json_object();
    tool_set_span(tool, args, start, end, zone, false);
    if (in->title[0])
        tool_set(tool, args, ARG_QUERY, json_string(in->title));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return false;
    mind_keep(m, &in->when);
    if (out.error[0]) {
        mind_say(m, "I could not read your calendar: %s", out.error);
        return true;
    }
    int count = result_events(out.text, zone, list, LIST_MAX), first = 0;
    if (in->it) {
        while (first < count && list[first].start < m->clock.now)
            first++;
        if (first < count) {
            list[0] = list[first];
            count = 1;
        } else {
            count = count < 0 ? count : 0;
        }
    }
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

bool act_when_is(struct mind *m, struct intent *in) {
    struct seen_event e;
    int r = mind_event(m, in, &e);
    if (r > 0) {
        m->event = e;
        m->has_event = true;
        say_event(m, &e, m->clock.zone, true);
    }
    return r != 0;
}
