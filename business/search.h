/* Finding published businesses. Every filter may be left out; what is asked for and a profile does
 * not state is said, never assumed; a profile that states the contrary is no hit. Loop thread. */
#ifndef CLOISTER_BUSINESS_SEARCH_H
#define CLOISTER_BUSINESS_SEARCH_H

#include <jansson.h>

#include "business/business.h"

/* `error`: 0, and the result as search_businesses gives it (JSON text, borrowed) with so many hits;
 * -EINVAL, and a sentence that begins with the field; -EAGAIN: the database did not answer. */
typedef void search_done(void *ctx, int error, const char *why, const char *result, size_t hits);

/* `arguments`: those of search_businesses (others are ignored); only read. `limit` 0: as they say.
 * Calls back once, for an argument that cannot be from inside. */
void search_run(struct business_server *server, const json_t *arguments, unsigned limit,
                search_done *done, void *ctx);

#endif
