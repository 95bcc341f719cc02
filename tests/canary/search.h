/* Looks for many strings at once: 8 bytes at every place are looked up in a bit map, then in a
 * table. The time does not depend on how many strings there are. */
#ifndef CLOISTER_TESTS_CANARY_SEARCH_H
#define CLOISTER_TESTS_CANARY_SEARCH_H

#include "tests/canary/needles.h"

struct search;

struct search *search_new(void);
void search_free(struct search *search);
/* Copies it. The same bytes for another secret are another needle. */
void search_add(struct search *search, const struct needle *needle);
size_t search_count(const struct search *search);

typedef void search_hit(void *ctx, size_t offset, const struct needle *needle);
void search_run(const struct search *search, const uint8_t *data, size_t len, search_hit *hit,
                void *ctx);

#endif
