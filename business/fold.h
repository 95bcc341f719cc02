/* Text as search compares it: case and accents folded (Unicode casefold, NFKD, marks dropped, and
 * letters such as Ł and Ø, which Unicode keeps whole, as they are typed without them), every run of
 * what is neither letter nor digit one blank. Language-neutral: no stems, no stop words. Pure.
 *
 * Scripts that put no blanks between words (Chinese, Japanese, Thai and the like) have no words
 * that could be told apart without a dictionary: there every two neighbours are a word. */
#ifndef CLOISTER_BUSINESS_FOLD_H
#define CLOISTER_BUSINESS_FOLD_H

#include "ipc/base.h"

/* Words separated by single blanks; the caller frees it. NULL: no memory, or not UTF-8. */
char *fold_text(const char *text) MUST_CHECK;

#define FOLD_WORDS_MAX 10
#define FOLD_WORD_SIZE 121
/* The first different words of a folded text, each cut. Returns how many. */
size_t fold_words(const char *folded, char words[static FOLD_WORDS_MAX][FOLD_WORD_SIZE]);
/* The same of what somebody looks for: scripts without blanks as pairs of neighbours. */
size_t fold_sought(const char *folded, char words[static FOLD_WORDS_MAX][FOLD_WORD_SIZE]);
/* A folded text, and behind it each character and each pair of neighbours of scripts without
 * blanks, so that what is sought is one of its words. The caller frees it; NULL: no memory. */
char *fold_spread(const char *folded) MUST_CHECK;
/* Whether a word is of such a script. */
bool fold_unspaced(const char *word);
/* Whether a folded text has a word that a search for `word` finds: the word itself, one that begins
 * with it (four letters and more), or, six and more, with all of it but the last letter; in scripts
 * without blanks one that it is a part of. */
bool fold_has(const char *folded, const char *word);
/* How much of `word` must begin a word to be found; its length when the whole must match. */
size_t fold_stem(const char *word);

#endif
