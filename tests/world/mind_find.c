/* Which event is meant: "it", or words of its title. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/world/mind.h"

#define LOOK_AHEAD (60 * DAY_S)
#define SEEN_MAX   64

/* Every word of `title` is in `candidate`. */
static bool words_in(const char *title, const char *candidate) {
    SCOPE_FREE char *copy = strdup(title);
    char *save = NULL;
    size_t found = 0;
    for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
        if (strcasecmp(s, "with") == 0 || strcasecmp(s, "the") == 0 || strcasecmp(s, "my") == 0 ||
            strcasecmp(s, "meeting") == 0 || strcasecmp(s, "event") == 0 ||
            strcasecmp(s, "appointment") == 0)
            continue;
        if (!strcasestr(candidate, s))
            return false;
        found++;
    }
    return found > 0;
}

/* The best match of a listing; -1 when none fits. */
static int best(const struct seen_event *list, int count, const char *title) {
    for (int i = 0; i < count; i++)
        if (strcasecmp(list[i].title, title) == 0)
            return i;
    for (int i = 0; i < count; i++)
        if (words_in(title, list[i].title))
            return i;
    return -1;
}

static void look_span(const struct mind *m, const struct when *old, int64_t *start, int64_t *end) {
    if (old->has_day) {
        struct when day = {.has_day = true, .day = old->day, .day_end = old->day_end};
        when_span(&day, &m->clock, 60, start, end);
        return;
    }
    struct when today = {0};
    when_span(&today, &m->clock, 60, start, end);
    *end = *start + LOOK_AHEAD;
}

/* Looks the title up in the calendar. */
static int look_up(struct mind *m, const char *title, const struct when *old,
                   struct seen_event *ret) {
    static struct seen_event list[SEEN_MAX];
    const json_t *tool = tool_pick(m->tools, USE_LIST);
    if (!tool) {
        mind_say(m, "I have no tool to look through your calendar, so I cannot find “%s”.", title);
        return -1;
    }
    int64_t start, end;
    look_span(m, old, &start, &end);
    json_t *args = json_object();
    tool_set_span(tool, args, start, end, m->clock.zone, false);
    if (title[0])
        tool_set(tool, args, ARG_QUERY, json_string(title));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return 0;
    if (out.error[0]) {
        mind_say(m, "I could not look through your calendar: %s", out.error);
        return -1;
    }
    int count = result_events(out.text, m->clock.zone, list, SEEN_MAX);
    int found = -1;
    for (int i = 0; i < count && !title[0] && old->has_time && found < 0; i++) {
        struct civil at = zone_local(m->clock.zone, list[i].start); /* "my 3pm meeting" */
        if (at.hour * 60 + at.minute == old->minute)
            found = i;
    }
    if (found < 0 && title[0])
        found = best(list, count, title);
    if (found < 0 && !title[0] && count == 1)
        found = 0;
    if (found < 0) {
        mind_say(m,
                 title[0] ? "I could not find “%s” in your calendar."
                          : "I could not tell which event you mean.%s",
                 title);
        return -1;
    }
    *ret = list[found];
    return 1;
}

/* A handle without its times: read them. */
static int read_times(struct mind *m, const char *handle, struct seen_event *ret) {
    const json_t *tool = tool_pick(m->tools, USE_GET);
    *ret = (struct seen_event){0};
    snprintf(ret->handle, sizeof(ret->handle), "%s", handle);
    if (!tool)
        return 1;
    json_t *args = json_object();
    tool_set(tool, args, ARG_EVENT, json_string(handle));
    struct outcome out;
    if (!mind_step(m, tool, args, &out))
        return 0;
    if (out.error[0]) {
        mind_say(m, "I could not read that event: %s", out.error);
        return -1;
    }
    struct seen_event seen;
    if (result_event(out.text, m->clock.zone, &seen)) {
        *ret = seen;
        snprintf(ret->handle, sizeof(ret->handle), "%s", handle);
    }
    return 1;
}

const char *mind_title(const struct intent *in, const struct seen_event *e) {
    return e->title[0] ? e->title : in->title[0] && !in->it ? in->title : "the event";
}

/* Of one occurrence its series, when all of it is meant. */
static int whole_series(struct mind *m, const struct intent *in, struct seen_event *e) {
    if (!in->whole || !e->series[0])
        return 1;
    char handle[256];
    snprintf(handle, sizeof(handle), "%s", e->series);
    return read_times(m, handle, e);
}

static int which(struct mind *m, const struct intent *in, bool times, struct seen_event *ret) {
    bool written;
    if (!in->it && in->title[0]) {
        if (m->has_event && best(&m->event, 1, in->title) == 0) {
            *ret = m->event;
            return 1;
        }
        return look_up(m, in->title, &in->old, ret);
    }
    if (in->old.has_day || in->old.has_time) /* "my 3pm meeting" */
        return look_up(m, "", &in->old, ret);
    if (m->has_event) {
        *ret = m->event;
        return 1;
    }
    if (context_handle(m, in->nth, &written, ret)) {
        /* What was written at the owner's word need not be read again: the record says when it is,
         * or the owner has said it. */
        struct seen_event told = written ? m->told : (struct seen_event){0};
        char handle[256];
        snprintf(handle, sizeof(handle), "%s", ret->handle);
        if (ret->timed) {
            told.start = ret->start;
            told.end = ret->end;
            told.timed = true;
        }
        *ret = told;
        snprintf(ret->handle, sizeof(ret->handle), "%s", handle);
        return times && !told.timed ? read_times(m, handle, ret) : 1;
    }
    if (m->before.title[0] && !m->before.it)
        return look_up(m, m->before.kind == INTENT_RENAME ? m->before.to : m->before.title,
                       &in->old, ret);
    mind_say(m, "I do not know which event you mean.");
    return -1;
}

int mind_event(struct mind *m, const struct intent *in, struct seen_event *ret) {
    int r = which(m, in, true, ret);
    return r > 0 ? whole_series(m, in, ret) : r;
}

int mind_handle(struct mind *m, const struct intent *in, struct seen_event *ret) {
    return which(m, in, false, ret);
}
