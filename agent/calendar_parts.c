/* Recurrence lines and busy intervals. */
#include <errno.h>
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
        if (wrong != NULL || line == NULL)
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
