/* People of one turn. To the model a guest is "@guest1", "@guest2", … in the order in which they
 * are met, the same person always the same; who that is stays here, and the answer's filter writes
 * the name back. Aliases mean nothing in another turn. Pure; in turns only. */
#ifndef CLOISTER_AGENT_PEOPLE_H
#define CLOISTER_AGENT_PEOPLE_H

#include "ipc/base.h"

#define PEOPLE_MAX 500u
#define ALIAS_SIZE 12 /* "@guest500" and its NUL */

struct people;
struct people *people_new(void); /* NULL: out of memory */
void people_free(struct people *people);

/* The alias of whoever has this address (compared without case), or without one this name. Lives as
 * long as `people`. NULL: both are empty, too many people, or no memory. */
const char *people_alias(struct people *people, const char *address, const char *name);
/* Whose alias `text` begins with ("@guest12's" begins with @guest12): its length, and the index of
 * the person; 0 when it is none that was given. */
size_t people_match(const struct people *people, const char *text, size_t len, size_t *ret_index);
/* What the owner reads for that person: the name, or the address when there is none. */
const char *people_shown(const struct people *people, size_t index);
/* The address behind an alias; NULL when `text` is not exactly an alias that was given, or nobody's
 * address is known. */
const char *people_address(const struct people *people, const char *text);
/* Those words of the name that are also words of one of the owner's `said` (n strings), as the name
 * has them: what the model may know of a person because the owner has said it. malloc'd; NULL when
 * there are none. */
char *people_named(const char *name, const char *const *said, size_t n);

#endif
