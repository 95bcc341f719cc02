/* A message as words: lower-cased, freed of punctuation, each knowing where it stood. */
#ifndef CLOISTER_WORLD_WORDS_H
#define CLOISTER_WORLD_WORDS_H

#include "ipc/base.h"

#define WORDS_MAX 512

struct word {
    const char *start; /* in the message; for quoted text what is inside the quotes */
    size_t len;
    char low[48];
    bool quoted;
    bool ends;  /* sentence ends after it */
    bool comma; /* a comma follows */
    bool used;  /* belongs to a time, a verb or filler, not to a title */
};

struct words {
    struct word list[WORDS_MAX];
    size_t count;
};

/* Splits `text`, which must outlive the result. Longer messages are read as far as there is room.
 */
void words_split(const char *text, struct words *ret);
bool word_is(const struct word *w, const char *low);
/* Is the word in the blank-separated list? */
bool word_in(const struct word *w, const char *list);
/* 0 … 59 from digits or English words ("one", "twenty", "forty-five"); -1 when it is neither. */
int word_number(const char *low);
/* Joins the words of [from, to) that are not used, as they were written. Bounded by `cap`. */
void words_join(const struct words *words, size_t from, size_t to, char *out, size_t cap);

#endif
