#include "tests/world/clause.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct word *clause_word(const struct clause *c, size_t i) {
    static const struct word none = {.low = ""};
    return c->from + i < c->to ? &c->words->list[c->from + i] : &none;
}

bool clause_has(const struct clause *c, const char *list) {
    for (size_t i = c->from; i < c->to; i++)
        if (!c->words->list[i].quoted && word_in(&c->words->list[i], list))
            return true;
    return false;
}

/* Index in the clause of the first word of the list, or -1. */
int clause_find(const struct clause *c, size_t start, const char *list) {
    for (size_t i = start; c->from + i < c->to; i++)
        if (!clause_word(c, i)->quoted && word_in(clause_word(c, i), list))
            return (int)i;
    return -1;
}

void clause_use(struct clause *c, size_t i, size_t n) {
    for (size_t k = 0; k < n && c->from + i + k < c->to; k++)
        c->words->list[c->from + i + k].used = true;
}

/* "in my calendar", "to the diary" */
void clause_drop_calendar(struct clause *c) {
    for (size_t i = 0; c->from + i < c->to; i++) {
        if (!word_in(clause_word(c, i), "calendar calendar's agenda diary schedule") ||
            clause_word(c, i)->quoted)
            continue;
        size_t n = 1;
        if (i >= 1 && word_in(clause_word(c, i - 1), "my the our your"))
            n++;
        else if (i == 0 || !word_in(clause_word(c, i - 1), "in on to into from"))
            continue;
        if (i >= n && word_in(clause_word(c, i - n), "in on to into from of onto"))
            n++;
        clause_use(c, i + 1 - n, n);
    }
}

void clause_take_emails(struct clause *c, struct intent *in) {
    for (size_t i = 0; c->from + i < c->to; i++) {
        const struct word *w = clause_word(c, i);
        if (w->quoted || w->used || !memchr(w->start, '@', w->len) ||
            w->len >= sizeof(in->email[0]))
            continue;
        if (in->emails < EMAILS_N)
            snprintf(in->email[in->emails++], sizeof(in->email[0]), "%.*s", (int)w->len, w->start);
        clause_use(c, i, 1);
        for (size_t k = i; k > 0 && word_in(clause_word(c, k - 1), "with invite and inviting to");
             k--)
            clause_use(c, k - 1, 1);
    }
}

static bool strip_front(char *title, const char *word_text) {
    size_t len = strlen(word_text);
    if (strncasecmp(title, word_text, len) != 0 || title[len] != ' ')
        return false;
    memmove(title, title + len + 1, strlen(title + len + 1) + 1);
    return true;
}

static bool strip_back(char *title, const char *word_text) {
    size_t len = strlen(title), n = strlen(word_text);
    if (len <= n || strcasecmp(title + len - n, word_text) != 0 || title[len - n - 1] != ' ')
        return false;
    title[len - n - 1] = '\0';
    return true;
}

/* Takes leading and trailing filler from a title until nothing changes. */
void title_tidy(char *title) {
    static const char *const front[] = {"a",   "an",      "the",  "my",   "me", "up",
                                        "in",  "for",     "that", "off",  "to", "new",
                                        "out", "another", "some", "down", "us"};
    static const char *const back[] = {"in",     "on",    "at",    "to",    "from",   "for",
                                       "please", "there", "by",    "as",    "and",    "an",
                                       "a",      "the",   "then",  "again", "back",   "of",
                                       "event",  "with",  "every", "each",  "instead"};
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < COUNT_OF(front); i++)
            changed = strip_front(title, front[i]) || changed;
        for (size_t i = 0; i < COUNT_OF(back); i++)
            changed = strip_back(title, back[i]) || changed;
    }
    size_t len = strlen(title);
    while (len > 0 && strchr(" ,;:-", title[len - 1]))
        title[--len] = '\0';
}

bool title_pronoun(const char *title) {
    static const char *const words[] = {"it",
                                        "that",
                                        "this",
                                        "them",
                                        "the event",
                                        "that event",
                                        "the meeting",
                                        "that meeting",
                                        "the appointment",
                                        "that appointment",
                                        "this event",
                                        "this meeting",
                                        "event",
                                        "meeting",
                                        "appointment",
                                        "one",
                                        "that one"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcasecmp(title, words[i]) == 0)
            return true;
    return title[0] == '\0';
}

/* The only quoted text of a clause is the title, whatever stands around it. */
bool clause_quoted(const struct clause *c, size_t start, char *out) {
    for (size_t i = start; c->from + i < c->to; i++)
        if (clause_word(c, i)->quoted) {
            snprintf(
                out, TITLE_N, "%.*s",
                (int)(clause_word(c, i)->len < TITLE_N - 1 ? clause_word(c, i)->len : TITLE_N - 1),
                clause_word(c, i)->start);
            return true;
        }
    return false;
}

void clause_join(const struct clause *c, size_t from, size_t to, char *out) {
    words_join(c->words, c->from + from, c->from + to < c->to ? c->from + to : c->to, out, TITLE_N);
}

size_t clause_length(const struct clause *c) {
    return c->to - c->from;
}

void clause_time(struct clause *c, size_t from, size_t to, struct when *ret) {
    when_read(c->words, c->from + from, c->from + to, c->clock, ret);
}
