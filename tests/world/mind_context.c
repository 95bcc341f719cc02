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

/* Next date-time with an offset in `line`; moves past it. */
bool context_moment(const char **line, int64_t *ret) {
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

void context_again(const struct mind *m, struct intent *in) {
    const struct intent *before = &m->before;
    bool written = before->kind == INTENT_CREATE || before->kind == INTENT_MOVE;
    if (in->kind != INTENT_AGAIN)
        return;
    if (in->correct && written) { /* "no, five" */
        in->kind = INTENT_MOVE;
        in->it = true;
        in->title[0] = '\0';
        return;
    }
    when_fill(&in->when, before->kind == INTENT_CHAT && m->has_when ? &m->when : &before->when);
    in->kind = before->kind == INTENT_CHAT ? INTENT_FREE : before->kind;
    snprintf(in->title, sizeof(in->title), "%s", before->title);
    in->it = before->it;
}

/* Follows when the event spoken of is, from the owner's words alone. */
static void track(struct mind *m, const struct intent *in) {
    struct seen_event *told = &m->told;
    const struct when *w = &in->when;
    int64_t start, end;
    if (in->kind == INTENT_CREATE && when_any(w)) {
        *told = (struct seen_event){.timed = true};
        told->all_day = w->all_day || (!w->has_time && !w->from_now && w->part == PART_NONE);
        when_span(w, &m->clock, 60, &told->start, &told->end);
        if (w->part != PART_NONE && !w->has_time)
            told->end = told->start + 3600;
        snprintf(told->title, sizeof(told->title), "%s", in->title);
    } else if (in->kind == INTENT_MOVE && in->it && told->timed &&
               mind_moved(m, w, told, &start, &end)) {
        told->start = start;
        told->end = end;
        told->all_day = told->all_day && !w->has_time && !w->from_now;
    } else if (in->kind == INTENT_RENAME && in->it) {
        snprintf(told->title, sizeof(told->title), "%s", in->to);
    } else if (in->kind == INTENT_MOVE || in->kind == INTENT_CANCEL || in->kind == INTENT_CREATE ||
               in->kind == INTENT_RENAME) {
        *told = (struct seen_event){0}; /* another event, or none any more */
    }
}

static void before_intent(struct mind *m, struct intent *in) {
    if (in->kind == INTENT_CHAT || in->kind == INTENT_REMEMBER || in->kind == INTENT_FORGET)
        return;
    context_again(m, in);
    if (in->when.there && m->has_when)
        when_fill(&in->when, &m->when);
    if (in->when.has_time || in->when.has_day || in->when.from_now) {
        m->when = in->when;
        m->has_when = true;
    }
    track(m, in);
    m->before = *in;
}

/* "You are free on Thursday … from 12:00 to 13:00.": what was found is what "there" means. */
static void before_answer(struct mind *m, const char *said) {
    static struct words words;
    const char *at = said ? strstr(said, "You are free on ") : NULL;
    struct when found;
    if (!at || m->before.kind != INTENT_FIND)
        return;
    words_split(at, &words);
    size_t end = 0;
    while (end < words.count && !words.list[end++].ends)
        ;
    when_read(&words, 0, end, &m->clock, &found);
    if (found.has_day && found.has_time) {
        m->when = found;
        m->has_when = true;
    }
}

void context_before(struct mind *m) {
    static struct intents earlier;
    for (size_t i = 0; i < m->last; i++) {
        const json_t *turn = json_array_get(m->turns, i), *blocks = json_object_get(turn, "blocks"),
                     *block;
        size_t b;
        bool owner = strcmp(text(turn, "role"), "user") == 0;
        json_array_foreach(blocks, b, block) {
            if (!owner) {
                before_answer(m, json_string_value(block));
                continue;
            }
            intents_read(json_string_value(block), &m->clock, &earlier);
            for (size_t k = 0; k < earlier.count; k++)
                before_intent(m, &earlier.list[k]);
        }
    }
}

void context_earlier(struct mind *m) {
    const char *list = m->system ? strcasestr(m->system, "already done") : NULL;
    SCOPE_FREE char *copy = strdup(list ? list : "");
    char *save = NULL;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct seen_event e = {.timed = true};
        const char *p = line;
        if (m->earlier_count < COUNT_OF(m->earlier) && strcasestr(line, "created") &&
            context_moment(&p, &e.start) && context_moment(&p, &e.end))
            m->earlier[m->earlier_count++] = e;
    }
}

bool context_zone_unknown(const struct mind *m) {
    return m->system && strcasestr(m->system, "time zone is not known");
}
