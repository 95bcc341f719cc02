/* Text as search compares it: case and accents folded (Unicode casefold, NFKD, marks dropped),
 * every run of what is neither letter nor digit one blank. Language-neutral: no stems, no stop
 * words. Pure.
 */
#ifndef CLOISTER_BUSINESS_FOLD_H
#define CLOISTER_BUSINESS_FOLD_H

#include "ipc/base.h"

/* Words separated by single blanks; the caller frees it. NULL: no memory, or not UTF-8. */
char *fold_text(const char *text) MUST_CHECK;

#define FOLD_WORDS_MAX 10
#define FOLD_WORD_SIZE 121
/* The first different words of a folded text, each cut. Returns how many. */
size_t fold_words(const char *folded, char words[static FOLD_WORDS_MAX][FOLD_WORD_SIZE]);
/* Whether a folded text has a word that a search for `word` finds: the word itself, one that begins
 * with it (four letters and more), or, six and more, with all of it but the last letter. */
bool fold_has(const char *folded, const char *word);
/* How much of `word` must begin a word to be found; its length when the whole must match. */
size_t fold_stem(const char *word);

#endif
