/* Words separated by blanks, as scopes and features are stored and sent. */
#ifndef CLOISTER_SUPERVISOR_WORDS_H
#define CLOISTER_SUPERVISOR_WORDS_H

#include "ipc/base.h"

#define WORDS_MAX 32 /* further ones are dropped */

struct words {
    char *text; /* holds them all */
    char *list[WORDS_MAX];
    size_t n;
};

/* Copies. A failed allocation leaves none. */
void words_split(const char *text, struct words *ret);
void words_done(struct words *words);
static inline void scope_words_fn(struct words *words) {
    words_done(words);
}
#define SCOPE_WORDS __attribute__((cleanup(scope_words_fn)))

bool words_has(char *const *list, size_t n, const char *word);
/* Joined by single blanks; malloc'd, NULL when out of memory. */
char *words_join(char *const *list, size_t n) MUST_CHECK;

#endif
