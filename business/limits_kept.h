/* Making limits, and keeping them over a restart. Loop thread. */
#ifndef CLOISTER_BUSINESS_LIMITS_KEPT_H
#define CLOISTER_BUSINESS_LIMITS_KEPT_H

#include "business/limits.h"

int limits_new(struct business_server *server, struct limits **ret) MUST_CHECK;
void limits_free(struct limits *limits);
/* Loads what was kept, or begins to save what changed. True when nothing is under way. */
bool limits_flush(struct limits *limits);

#endif
