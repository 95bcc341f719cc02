/* What a request tells besides its last message: the time, the zone, what was spoken of before. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/world/mind.h"

static const char *text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* True when one of the words stands in the `n` bytes before `p`. */
static bool near(const char *start, const char *p, size_t n, const char *const *words) {
    char before[96];
    size_t len = (size_t)(p - start) < n ? (size_t)(p - start) : n;
    snprintf(before, sizeof(before), "%.*s", (int)len, p - len);
    for (; *words; words++)
        if (strcasestr(before, *words))
            return true;
    return false;
}

static const char *const example_words[] = {"example", "such as", "e.g.", NULL};

/* A date-time with an offset in `s`; one introduced by "now" and the like goes before others. */
static bool find_moment(const char *s, int64_t *ret) {
    static const char *const now_words[] = {"now", "current", "today", "time is", "it is", NULL};
    bool found = false;
    for (const char *p = s; s && *p; p++) {
        char piece[48];
        struct civil c;
        int offset = 0;
        if (!isdigit((unsigned char)*p) || (p > s && isalnum((unsigned char)p[-1])))
            continue;
        snprintf(piece, sizeof(piece), "%.*s", (int)strspn(p, "0123456789-:.+TZtz"), p);
        size_t len = strlen(piece);
        while (len > 0 && strchr(".:-+", piece[len - 1]))
            piece[--len] = '\0';
        if (rfc3339_parse(piece, &c, &offset) != RFC3339_OFFSET || near(s, p, 30, example_words))
            continue;
        bool named = near(s, p, 60, now_words);
        if (named || !found)
            *ret = civil_seconds(&c) - offset;
        found = true;
        if (named)
            return true;
    }
    return found;
}

static const struct zone *find_zone(const char *s) {
    for (const char *p = s; s && *p; p++) {
        if (!isupper((unsigned char)*p) ||
            (p > s && (isalnum((unsigned char)p[-1]) || p[-1] == '/')))
            continue;
        char name[64];
        size_t len =
            strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/");
        snprintf(name, sizeof(name), "%.*s", (int)(len < 63 ? len : 63), p);
        if ((strchr(name, '/') || strcmp(name, "UTC") == 0) && !near(s, p, 30, example_words)) {
            const struct zone *zone = zone_find(name);
            if (zone)
                return zone;
        }
    }
    return NULL;
}

void context_clock(struct mind *m, int64_t fallback) {
    bool moment = find_moment(m->system, &m->clock.now);
    const struct zone *zone = find_zone(m->system);
    for (size_t i = 0; i <= m->last && (!moment || !zone); i++) {
        const json_t *turn = json_array_get(m->turns, i), *blocks = json_object_get(turn, "blocks");
        size_t count = json_array_size(blocks);
        for (size_t b = 0; b < count; b++) {
            const char *s = json_string_value(json_array_get(blocks, b));
            if (s == m->message) /* the request itself may name other times */
                break;
            if (!moment)
                moment = find_moment(s, &m->clock.now);
            if (!zone)
                zone = find_zone(s);
        }
    }
    if (!moment)
        m->clock.now = fallback;
    m->clock.zone = zone ? zone : zone_find("UTC");
}

void context_before(struct mind *m) {
    static struct intents earlier;
    for (size_t i = 0; i < m->last; i++) {
        const json_t *turn = json_array_get(m->turns, i), *blocks = json_object_get(turn, "blocks"),
                     *block;
        size_t b;
        if (strcmp(text(turn, "role"), "user") != 0)
            continue;
        json_array_foreach(blocks, b, block) {
            intents_read(json_string_value(block), &m->clock, &earlier);
            for (size_t k = 0; k < earlier.count; k++) {
                struct intent *in = &earlier.list[k];
                if (in->kind == INTENT_CHAT || in->kind == INTENT_REMEMBER ||
                    in->kind == INTENT_FORGET)
                    continue;
                if (in->kind == INTENT_AGAIN) {
                    when_fill(&in->when, &m->before.when);
                    in->kind = m->before.kind;
                }
                if (in->when.there && m->has_when)
                    when_fill(&in->when, &m->when);
                if (in->when.has_time || in->when.has_day || in->when.from_now) {
                    m->when = in->when;
                    m->has_when = true;
                }
                m->before = *in;
            }
        }
    }
}

/* Next date-time with an offset in `line`; moves past it. */
static bool next_moment(const char **line, int64_t *ret) {
    for (const char *p = *line; *p; p++) {
        char piece[48];
        struct civil c;
        int offset = 0;
        size_t len = strspn(p, "0123456789-:.+TZ");
        snprintf(piece, sizeof(piece), "%.*s", (int)(len < 47 ? len : 47), p);
        while (len > 0 && len < 47 && strchr(".:-", piece[len - 1]))
            piece[--len] = '\0';
        if (rfc3339_parse(piece, &c, &offset) == RFC3339_OFFSET) {
            *ret = civil_seconds(&c) - offset;
            *line = p + len;
            return true;
        }
    }
    return false;
}

void context_earlier(struct mind *m) {
    const char *list = m->system ? strcasestr(m->system, "already done") : NULL;
    SCOPE_FREE char *copy = strdup(list ? list : "");
    char *save = NULL;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct seen_event e = {.timed = true};
        const char *p = line;
        if (m->earlier_count < COUNT_OF(m->earlier) && strcasestr(line, "created") &&
            next_moment(&p, &e.start) && next_moment(&p, &e.end))
            m->earlier[m->earlier_count++] = e;
    }
}

static bool handle_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* In "create_event 5f3a… ok": the word after a tool's name, when it can be a handle. */
static bool after_name(const char *s, const char *name, char *out, size_t cap) {
    bool found = false;
    for (const char *p = s; (p = strcasestr(p, name)); p += strlen(name)) {
        const char *q = p + strlen(name);
        q += strspn(q, " :=(\"'`[");
        if (strncasecmp(q, "event", 5) == 0 && !handle_char(q[5]))
            q += 5 + strspn(q + 5, " :=(\"'`[");
        size_t len = 0;
        bool digit = false;
        for (; handle_char(q[len]); len++)
            digit = digit || isdigit((unsigned char)q[len]);
        if (len >= 5 && len < cap && digit) {
            snprintf(out, cap, "%.*s", (int)len, q);
            found = true;
        }
    }
    return found;
}

/* Handles in structured results of earlier turns: the last write's. */
static bool past_results(const struct mind *m, const json_t *turn, const char *name, char *out,
                         size_t cap) {
    size_t i, k;
    const json_t *result, *call;
    bool found = false;
    json_array_foreach(json_object_get(turn, "results"), i, result) for (size_t t = 0; t < m->last;
                                                                         t++)
        json_array_foreach(json_object_get(json_array_get(m->turns, t), "calls"), k, call) {
        struct seen_event e;
        char why[8];
        if (strcmp(text(call, "id"), text(result, "id")) == 0 &&
            strcmp(text(call, "name"), name) == 0 &&
            !result_error(text(result, "text"), json_is_true(json_object_get(result, "error")), why,
                          sizeof(why)) &&
            result_event(text(result, "text"), m->clock.zone, &e)) {
            snprintf(out, cap, "%s", e.handle);
            found = true;
        }
    }
    return found;
}

bool context_handle(const struct mind *m, char *out, size_t cap) {
    static const enum tool_use order[] = {USE_CREATE, USE_UPDATE, USE_GET, USE_LIST};
    const json_t *writers[2] = {tool_pick(m->tools, USE_CREATE), tool_pick(m->tools, USE_UPDATE)};
    bool found = false;
    for (size_t t = 0; t <= m->last; t++) {
        const json_t *turn = json_array_get(m->turns, t), *block;
        size_t b;
        for (size_t w = 0; w < COUNT_OF(writers); w++) {
            if (!writers[w])
                continue;
            found = past_results(m, turn, tool_name(writers[w]), out, cap) || found;
            json_array_foreach(json_object_get(turn, "blocks"), b, block) found =
                after_name(json_string_value(block), tool_name(writers[w]), out, cap) || found;
        }
    }
    for (size_t u = 0; u < COUNT_OF(order) && !found; u++) {
        const json_t *tool = tool_pick(m->tools, order[u]);
        if (!tool)
            continue;
        found = m->system && after_name(m->system, tool_name(tool), out, cap);
        for (size_t t = 0; t <= m->last && order[u] != USE_CREATE; t++) {
            const json_t *block, *turn = json_array_get(m->turns, t);
            size_t b;
            json_array_foreach(json_object_get(turn, "blocks"), b, block) found =
                after_name(json_string_value(block), tool_name(tool), out, cap) || found;
        }
    }
    return found;
}

/* ---- remembered lines ---- */

static int common_words(const char *line, const char *wanted) {
    static struct words words;
    int n = 0;
    words_split(wanted, &words);
    for (size_t i = 0; i < words.count; i++) {
        const char *low = words.list[i].low;
        if (strlen(low) > 2 && !word_in(&words.list[i], "that the and what about you remember") &&
            strcasestr(line, low))
            n += (int)strlen(low);
    }
    return n;
}

/* Something that looks like an id in a line: hexadecimal or with digits, at least 6 long. */
static bool id_in(const char *line, char *out, size_t cap) {
    for (const char *p = line; *p; p++) {
        if (!handle_char(*p) || (p > line && handle_char(p[-1])))
            continue;
        size_t len = 0, digits = 0;
        for (; handle_char(p[len]); len++)
            digits += isdigit((unsigned char)p[len]) != 0;
        bool listed = p > line && strchr("[(#", p[-1]);
        if (len < cap && ((len >= 6 && digits > 0) || (listed && len > 0))) {
            snprintf(out, cap, "%.*s", (int)len, p);
            return true;
        }
    }
    return false;
}

bool context_memory(const struct mind *m, const char *wanted, char *out, size_t cap) {
    int most = 0;
    for (size_t t = 0; t <= m->last + 1; t++) {
        const char *all = t == 0 ? m->system : text(json_array_get(m->turns, t - 1), "text");
        SCOPE_FREE char *copy = strdup(all ? all : "");
        char *save = NULL;
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            char id[128];
            int n = common_words(line, wanted);
            if (n > most && id_in(line, id, sizeof(id))) {
                most = n;
                snprintf(out, cap, "%s", id);
            }
        }
    }
    return most > 0;
}

/* "- 5f3a…: text": a line that begins with an id. */
static const char *memory_text(const char *line) {
    const char *p = line + strspn(line, " -*[(#");
    size_t len = 0, digits = 0;
    for (; handle_char(p[len]); len++)
        digits += isdigit((unsigned char)p[len]) != 0;
    if (p == line || len < 6 || digits == 0)
        return NULL;
    p += len + strspn(p + len, "]) ");
    return *p == ':' ? p + 1 + strspn(p + 1, " ") : NULL;
}

bool context_memories(const struct mind *m, char *out, size_t cap) {
    SCOPE_FREE char *copy = strdup(m->system ? m->system : "");
    char *save = NULL;
    out[0] = '\0';
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *said = memory_text(line);
        size_t n = strlen(out);
        if (said)
            snprintf(out + n, cap - n, "%s%s", n ? "; " : "", said);
    }
    return out[0] != '\0';
}
