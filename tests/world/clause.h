/* One clause of a message: looking for words in it, and taking titles out of it. Word indices count
 * from the clause's beginning. */
#ifndef CLOISTER_WORLD_CLAUSE_H
#define CLOISTER_WORLD_CLAUSE_H

#include "tests/world/intent.h"

struct clause {
    struct words *words;
    size_t from, to;
    const struct clock_view *clock;
    bool shared_verb; /* cut before "and": what follows has the same verb */
};

/* An empty word beyond the end. */
const struct word *clause_word(const struct clause *c, size_t i);
size_t clause_length(const struct clause *c);
bool clause_has(const struct clause *c, const char *list);
/* First word of the list at or after `start`, or -1. */
int clause_find(const struct clause *c, size_t start, const char *list);
/* Keeps `n` words out of titles. */
void clause_use(struct clause *c, size_t i, size_t n);
/* The same for "in my calendar" and the like. */
void clause_drop_calendar(struct clause *c);
/* Moves e-mail addresses, with the words that lead to them, into the intent. */
void clause_take_emails(struct clause *c, struct intent *in);
/* The quoted text at or after `start`, when there is one. `out` holds TITLE_N bytes. */
bool clause_quoted(const struct clause *c, size_t start, char *out);
/* The words of [from, to) that are free. */
void clause_join(const struct clause *c, size_t from, size_t to, char *out);
void clause_time(struct clause *c, size_t from, size_t to, struct when *ret);
/* Takes leading and trailing filler from a title. */
void title_tidy(char *title);
/* "it", "that meeting", nothing. */
bool title_pronoun(const char *title);

#endif
