/* What the operational log may keep of arguments that are asked again and again: found by a keyed
 * hash of them, so that a customer's own words stay nowhere. Bounded; whoever comes later to a full
 * place takes it. Loop thread. */
#ifndef CLOISTER_BUSINESS_NOTED_H
#define CLOISTER_BUSINESS_NOTED_H

#include "business/business.h"

struct noted_list;

struct noted {
    const char *arguments;   /* redacted, as the log has them */
    char slug[SLUG_MAX + 1]; /* whom they are about, or "" */
};

/* A place of the list, by what was asked and what became of it. */
struct noted_key {
    uint8_t bytes[16];
};

int noted_new(struct noted_list **ret) MUST_CHECK;
void noted_free(struct noted_list *list);
void noted_key(const struct noted_list *list, const char *operation, const char *arguments,
               bool refused, struct noted_key *ret);
/* NULL: not known. Valid until the next noted_put. */
const struct noted *noted_get(const struct noted_list *list, const struct noted_key *key);
/* Takes `arguments`, to be freed. What was put, which lasts as long; NULL: `arguments` is NULL. */
const struct noted *noted_put(struct noted_list *list, const struct noted_key *key, char *arguments,
                              const char *slug);

#endif
