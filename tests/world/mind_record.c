/* Which event earlier turns spoke of: handles in records and in tools' results. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/world/mind.h"

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

bool handle_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* A word that can be a handle: five or more characters with a digit, or "ev" and ten hex digits. */
static size_t handle_length(const char *q, size_t cap) {
    size_t len = 0, digits = 0;
    for (; handle_char(q[len]); len++)
        digits += isdigit((unsigned char)q[len]) != 0;
    bool plain = len >= 5 && digits > 0, hex = len == 12 && strncmp(q, "ev", 2) == 0;
    return (plain || hex) && len < cap ? len : 0;
}

/* In "create_event 5f3a… ok": the words after a tool's name, as long as they can be handles. */
struct handles {
    char list[32][128];
    size_t count;
    bool timed; /* the record says when the event is */
    int64_t start, end;
};

/* "ok 2026-12-01T15:00:00+01:00 to 2026-12-01T16:00:00+01:00" after a handle. */
static void record_times(const char *q, struct handles *ret) {
    SCOPE_FREE char *rest = strndup(q, strcspn(q, ";)\n"));
    const char *p = rest;
    ret->timed = rest && context_moment(&p, &ret->start) && context_moment(&p, &ret->end);
}

static void after_name(const char *s, const char *name, struct handles *ret) {
    for (const char *p = s; (p = strcasestr(p, name)); p += strlen(name)) {
        const char *q = p + strlen(name);
        q += strspn(q, " :=(\"'`[");
        if (strncasecmp(q, "event", 5) == 0 && !handle_char(q[5]))
            q += 5 + strspn(q + 5, " :=(\"'`[");
        size_t len;
        bool first = true;
        while ((len = handle_length(q, sizeof(ret->list[0]))) > 0) {
            if (first) /* the last record of that tool counts */
                ret->count = 0;
            first = false;
            if (ret->count < COUNT_OF(ret->list))
                snprintf(ret->list[ret->count++], sizeof(ret->list[0]), "%.*s", (int)len, q);
            q += len + strspn(q + len, " ,");
        }
        if (!first)
            record_times(q, ret);
    }
}

/* The call that a result belongs to is one of this tool's. */
static bool result_of(const struct mind *m, const json_t *result, const char *name) {
    const json_t *call;
    size_t k;
    for (size_t t = 0; t < m->last; t++)
        json_array_foreach(json_object_get(json_array_get(m->turns, t), "calls"), k, call) {
            if (strcmp(text(call, "id"), text(result, "id")) == 0 &&
                strcmp(text(call, "name"), name) == 0)
                return true;
        }
    return false;
}

/* Handles in the structured results of an earlier turn. */
static void past_results(const struct mind *m, const json_t *turn, const char *name, bool list,
                         struct handles *ret) {
    static struct seen_event seen[COUNT_OF(ret->list)];
    const json_t *result;
    size_t i;
    char why[8];
    json_array_foreach(json_object_get(turn, "results"), i, result) {
        const char *said = text(result, "text");
        if (!result_of(m, result, name) ||
            result_error(said, json_is_true(json_object_get(result, "error")), why, sizeof(why)))
            continue;
        int count = list ? result_events(said, m->clock.zone, seen, COUNT_OF(seen))
                         : (int)result_event(said, m->clock.zone, &seen[0]);
        ret->count = 0;
        for (int k = 0; k < count; k++)
            if (seen[k].handle[0])
                snprintf(ret->list[ret->count++], sizeof(ret->list[0]), "%.127s", seen[k].handle);
    }
}

static void handles_in(const struct mind *m, const json_t *turn, enum tool_use use,
                       struct handles *ret) {
    const json_t *tool = tool_pick(m->tools, use), *block;
    size_t b;
    ret->count = 0;
    ret->timed = false;
    if (!tool)
        return;
    past_results(m, turn, tool_name(tool), use == USE_LIST, ret);
    json_array_foreach(json_object_get(turn, "blocks"), b, block)
        after_name(json_string_value(block), tool_name(tool), ret);
}

/* Latest turn first; `several`: a listing of more than one event will do as well. */
static bool latest(const struct mind *m, int nth, bool several, bool *ret_written,
                   struct seen_event *ret) {
    static const enum tool_use order[] = {USE_CREATE, USE_UPDATE, USE_GET, USE_LIST};
    static struct handles found;
    for (size_t t = m->last + 1; t-- > 0;)
        for (size_t u = 0; u < COUNT_OF(order); u++) {
            if (nth != 0 && order[u] != USE_LIST)
                continue;
            handles_in(m, json_array_get(m->turns, t), order[u], &found);
            size_t at = nth < 0 ? found.count - 1 : nth > 0 ? (size_t)nth - 1 : 0;
            bool fits = order[u] != USE_LIST || nth != 0 || several || found.count == 1;
            if (found.count == 0 || at >= found.count || !fits)
                continue;
            *ret_written = order[u] == USE_CREATE || order[u] == USE_UPDATE;
            *ret = (struct seen_event){
                .timed = found.timed && *ret_written, .start = found.start, .end = found.end};
            snprintf(ret->handle, sizeof(ret->handle), "%s", found.list[at]);
            return true;
        }
    return false;
}

bool context_handle(const struct mind *m, int nth, bool *ret_written, struct seen_event *ret) {
    static struct handles found;
    *ret_written = false;
    if (latest(m, nth, false, ret_written, ret))
        return true;
    const json_t *create = tool_pick(m->tools, USE_CREATE);
    found.count = 0;
    if (m->system && create)
        after_name(m->system, tool_name(create), &found);
    if (found.count > 0) {
        *ret = (struct seen_event){0};
        snprintf(ret->handle, sizeof(ret->handle), "%s", found.list[0]);
        return true;
    }
    return latest(m, nth, true, ret_written, ret);
}
