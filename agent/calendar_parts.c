/* Recurrence lines and busy intervals. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/calendar.h"
#include "providers/strbuf.h"

#define LINES_MAX     16u
#define LINE_MAX      512u
#define INTERVALS_MAX 10000u

/* Printable ASCII only: a line break would smuggle another property in. */
static bool line_clean(const char *line) {
    for (const char *c = line; *c != '\0'; c++)
        if (*c < 0x20 || *c > 0x7e)
            return false;
    return strlen(line) <= LINE_MAX;
}

static bool frequency_known(const char *rule) {
    static const char *const known[] = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
    const char *freq = strstr(rule, "FREQ=");
    if (freq == NULL || (freq[-1] != ':' && freq[-1] != ';'))
        return false;
    freq += 5;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        size_t len = strlen(known[i]);
        if (strncmp(freq, known[i], len) == 0 && (freq[len] == '\0' || freq[len] == ';'))
            return true;
    }
    return false;
}

static bool date_list(const char *line, const char *name) {
    size_t len = strlen(name);
    return strncmp(line, name, len) == 0 && (line[len] == ':' || line[len] == ';') &&
           strchr(line, ':') != NULL && strchr(line, ':')[1] != '\0';
}

const char *event_recurrence_read(const json_t *lines, json_t **ret) {
    json_t *out = json_array();
    const char *wrong = NULL;
    size_t i;
    json_t *item;
    if (json_array_size(lines) > LINES_MAX)
        wrong = "\"recurrence\" has too many lines.";
    json_array_foreach(lines, i, item) {
        const char *line = json_string_value(item);
        SCOPE_STRBUF struct strbuf whole = {0};
        if (wrong == NULL && line == NULL)
            wrong = "A recurrence line must be a string.";
        if (wrong != NULL)
            break;
        strbuf_addf(&whole, "%s%s", strncmp(line, "FREQ=", 5) == 0 ? "RRULE:" : "", line);
        const char *text = strbuf_str(&whole);
        bool rule = strncmp(text, "RRULE:", 6) == 0;
        if (!line_clean(text))
            wrong = "A recurrence line must be one line of plain characters.";
        else if (rule && !frequency_known(text))
            wrong = "An RRULE needs FREQ=DAILY, WEEKLY, MONTHLY or YEARLY.";
        else if (!rule && !date_list(text, "RDATE") && !date_list(text, "EXDATE"))
            wrong = "A recurrence line must begin with RRULE:, RDATE or EXDATE.";
        (void)json_array_append_new(out, json_string(text));
    }
    if (wrong != NULL)
        json_decref(out);
    else
        *ret = out;
    return wrong;
}

/* Both "20271231T225959Z" and what models write as well, "2027-12-31T22:59:59Z". */
static bool until_parse(const char *value, size_t len, struct stamp *ret) {
    char text[STAMP_TEXT];
    if (len >= sizeof(text))
        return false;
    if (memchr(value, '-', len) != NULL)
        (void)snprintf(text, sizeof(text), "%.*s", (int)len, value);
    else if (len == 8)
        (void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2s", value, value + 4, value + 6);
    else if ((len == 15 || len == 16) && value[8] == 'T')
        (void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s%.*s", value, value + 4,
                       value + 6, value + 9, value + 11, value + 13, (int)len - 15, value + 15);
    else
        return false;
    return stamp_parse(text, ret) == 0;
}

static void until_add(struct strbuf *out, struct stamp *until, const struct event_times *times) {
    if (times->all_day) {
        if (until->kind == STAMP_INSTANT) {
            int64_t utc = stamp_utc(until);
            stamp_of(utc, zone_offset(times->zone, utc), until);
        }
        strbuf_addf(out, "%04d%02d%02d", until->year, until->month, until->day);
        return;
    }
    if (until->kind == STAMP_DATE) {
        until->kind = STAMP_LOCAL;
        until->hour = 23;
        until->minute = until->second = 59;
    }
    stamp_of(zone_moment(times->zone, until), 0, until);
    strbuf_addf(out, "%04d%02d%02dT%02d%02d%02dZ", until->year, until->month, until->day,
                until->hour, until->minute, until->second);
}

const char *event_recurrence_fit(json_t *lines, const struct event_times *times) {
    size_t i;
    json_t *item;
    json_array_foreach(lines, i, item) {
        const char *line = json_string_value(item), *until = strstr(line, "UNTIL=");
        SCOPE_STRBUF struct strbuf whole = {0};
        struct stamp stamp;
        if (strncmp(line, "RRULE:", 6) != 0 || until == NULL)
            continue;
        until += strlen("UNTIL=");
        size_t len = strcspn(until, ";");
        if (!until_parse(until, len, &stamp))
            return "UNTIL in an RRULE must be a date or a time in UTC, for example "
                   "20271231T225959Z.";
        strbuf_addf(&whole, "%.*s", (int)(until - line), line);
        until_add(&whole, &stamp, times);
        strbuf_puts(&whole, until + len);
        (void)json_array_set_new(lines, i, json_string(strbuf_str(&whole)));
    }
    return NULL;
}

int intervals_add(struct intervals *list, int64_t from, int64_t to, int64_t start, int64_t end) {
    if (from < start)
        from = start;
    if (to > end)
        to = end;
    if (from >= to)
        return 0;
    if (list->n == INTERVALS_MAX)
        return -EFBIG;
    if (list->n == list->cap) {
        size_t cap = list->cap > 0 ? list->cap * 2 : 32;
        struct interval *items = reallocarray(list->items, cap, sizeof(*items));
        if (items == NULL)
            return -ENOMEM;
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = (struct interval){from, to};
    return 0;
}

static int compare_from(const void *a, const void *b) {
    const struct interval *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

void intervals_merge(struct intervals *list) {
    size_t kept = 0;
    if (list->n == 0)
        return;
    qsort(list->items, list->n, sizeof(*list->items), compare_from);
    for (size_t i = 1; i < list->n; i++) {
        struct interval *last = &list->items[kept], *next = &list->items[i];
        if (next->from > last->to)
            list->items[++kept] = *next;
        else if (next->to > last->to)
            last->to = next->to;
    }
    list->n = kept + 1;
}

void intervals_free(struct intervals *list) {
    free(list->items);
    *list = (struct intervals){0};
}
