#include "tests/world/words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *open, *close;
} quotes[] = {{"\"", "\""}, {"“", "”"}, {"„", "“"}, {"«", "»"}, {"「", "」"}, {"‘", "’"}};

/* Length of a quotation beginning at `p`, counting both marks; 0 when there is none. */
static size_t quotation(const char *p, size_t *ret_open, size_t *ret_inner) {
    for (size_t i = 0; i < COUNT_OF(quotes); i++) {
        size_t open = strlen(quotes[i].open);
        if (strncmp(p, quotes[i].open, open) != 0)
            continue;
        const char *end = strstr(p + open, quotes[i].close);
        if (!end || end == p + open)
            continue;
        *ret_open = open;
        *ret_inner = (size_t)(end - p) - open;
        return (size_t)(end - p) + strlen(quotes[i].close);
    }
    return 0;
}

static bool edge(char c) {
    return strchr(".,;:!?()[]{}\"'", c) != NULL;
}

/* "a.m." and "p.m." keep their sense without the dots. */
static void lower(struct word *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->len && n < sizeof(w->low) - 1; i++)
        w->low[n++] = (char)tolower((unsigned char)w->start[i]);
    w->low[n] = '\0';
    if (strcmp(w->low, "a.m") == 0 || strcmp(w->low, "p.m") == 0) {
        w->low[1] = 'm';
        w->low[2] = '\0';
    }
    for (char *p; (p = strstr(w->low, "’"));) { /* typographic apostrophe */
        *p = '\'';
        memmove(p + 1, p + 3, strlen(p + 3) + 1);
    }
}

static bool ordinal_dot(const struct word *w, const char *rest) {
    return w->len <= 2 && isdigit((unsigned char)w->start[0]) && rest[0] == ' ';
}

/* "Dr. Jones" is no end of a sentence. */
static bool abbreviation(const struct word *w) {
    return word_in(w, "am pm dr mr mrs ms prof st nr no vs approx");
}

/* What follows the word's own text: sentence end, comma. */
static void tail(struct word *w, const char *p, const char *end) {
    if (p < end && *p == '.' && abbreviation(w) && !word_in(w, "am pm")) {
        w->len++; /* titles keep the dot */
        return;
    }
    for (; p < end; p++) {
        if (*p == '?' || *p == '!' || *p == ';')
            w->ends = true;
        if (*p == '.' && !ordinal_dot(w, p + 1) && !abbreviation(w))
            w->ends = true;
        if (*p == '.' && (strcmp(w->low, "am") == 0 || strcmp(w->low, "pm") == 0) &&
            (p[1] == '\0' || (p[1] == ' ' && isupper((unsigned char)p[2]))))
            w->ends = true;
        if (*p == ',' || *p == ':')
            w->comma = true;
    }
}

static const char *plain_word(const char *p, struct words *ret) {
    const char *end = p + strcspn(p, " \t\r\n");
    const char *from = p, *to = end;
    while (from < to && edge(*from))
        from++;
    while (to > from && edge(to[-1]))
        to--;
    if (from == to) {
        if (ret->count > 0)
            tail(&ret->list[ret->count - 1], p, end);
        return end;
    }
    struct word *w = &ret->list[ret->count++];
    *w = (struct word){.start = from, .len = (size_t)(to - from)};
    lower(w);
    tail(w, to, end);
    return end;
}

void words_split(const char *text, struct words *ret) {
    ret->count = 0;
    for (const char *p = text; *p && ret->count < WORDS_MAX;) {
        size_t open = 0, inner = 0;
        if (isspace((unsigned char)*p)) {
            if (*p == '\n' && ret->count > 0)
                ret->list[ret->count - 1].ends = true;
            p++;
        } else if (quotation(p, &open, &inner)) {
            size_t whole = quotation(p, &open, &inner);
            struct word *w = &ret->list[ret->count++];
            *w = (struct word){.start = p + open, .len = inner, .quoted = true};
            const char *end = p + whole + strspn(p + whole, ".,;:!?)");
            w->low[0] = '"';
            tail(w, p + whole, end);
            p = end;
        } else {
            p = plain_word(p, ret);
        }
    }
    if (ret->count > 0)
        ret->list[ret->count - 1].ends = true;
}

bool word_is(const struct word *w, const char *low) {
    return strcmp(w->low, low) == 0;
}

bool word_in(const struct word *w, const char *list) {
    size_t len = strlen(w->low);
    for (const char *p = list; len && (p = strstr(p, w->low)); p += len)
        if ((p == list || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
            return true;
    return false;
}

int word_number(const char *low) {
    static const char *const ones[] = {"zero",    "one",     "two",       "three",    "four",
                                       "five",    "six",     "seven",     "eight",    "nine",
                                       "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                       "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
    static const char *const tens[] = {"twenty", "thirty", "forty", "fifty"};
    if (isdigit((unsigned char)low[0])) {
        uint64_t n;
        return parse_u64(low, 0, 1000, &n) == 0 ? (int)n : -1;
    }
    for (size_t i = 0; i < COUNT_OF(ones); i++)
        if (strcmp(low, ones[i]) == 0)
            return (int)i;
    if (strcmp(low, "sixty") == 0)
        return 60;
    if (strcmp(low, "ninety") == 0)
        return 90;
    for (size_t i = 0; i < COUNT_OF(tens); i++) {
        size_t len = strlen(tens[i]);
        if (strncmp(low, tens[i], len) != 0)
            continue;
        if (low[len] == '\0')
            return (int)(20 + 10 * i);
        int rest = low[len] == '-' ? word_number(low + len + 1) : -1;
        return rest > 0 && rest < 10 ? (int)(20 + 10 * i) + rest : -1;
    }
    return -1;
}

void words_join(const struct words *words, size_t from, size_t to, char *out, size_t cap) {
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = from; i < to; i++) {
        const struct word *w = &words->list[i];
        if (w->used)
            continue;
        size_t need = w->len + (n > 0);
        if (n + need + 2 > cap)
            break;
        if (n > 0)
            out[n++] = ' ';
        memcpy(out + n, w->start, w->len);
        n += w->len;
        if (w->comma && i + 1 < to && !words->list[i + 1].used)
            out[n++] = ',';
        out[n] = '\0';
    }
}
