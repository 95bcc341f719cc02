/* Runs of words and letters in a form that hides how they were written. For taint.c; pure. */
#ifndef CLOISTER_MEMORY_TAINT_RUNS_H
#define CLOISTER_MEMORY_TAINT_RUNS_H

#include "ipc/base.h"

/* A text's letters and digits in a row (case folded, NFKD, without marks), and its words' hashes.
 */
struct runs {
    uint32_t *letters;
    uint64_t *words;
    size_t nletters, nwords;
};
/* 0 or -ENOMEM. */
int runs_of(const char *text, size_t len, struct runs *ret) MUST_CHECK;
void runs_free(struct runs *runs); /* wipes */

/* Hashes of runs of the compared lengths. */
struct run_set {
    uint64_t *slots;
    size_t mask, used;
};
/* Room for the runs of so many letters and words. 0 or -ENOMEM. */
int run_set_new(size_t letters, size_t words, struct run_set *ret) MUST_CHECK;
void run_set_free(struct run_set *set);
/* Adds the runs of `runs` that `without` (may be NULL) lacks. */
void run_set_add(struct run_set *set, const struct runs *runs, const struct run_set *without);
/* Any of the runs is in the set. */
bool run_set_meets(const struct run_set *set, const struct runs *runs);

#endif
