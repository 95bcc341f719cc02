/* Hears from the database what changed in public (NOTIFY business_changed, 'SLUG'), whoever changed
 * it, empties the cache and tells the public gateway. While it cannot hear, nothing is trusted.
 * A connection of its own. Loop thread. */
#ifndef CLOISTER_BUSINESS_CHANGES_H
#define CLOISTER_BUSINESS_CHANGES_H

#include "business/business.h"

int changes_new(struct business_server *server, struct changes **ret) MUST_CHECK;
void changes_free(struct changes *changes);

#endif
