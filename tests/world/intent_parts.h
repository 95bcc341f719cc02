/* Between the files that read what a clause asks for. */
#ifndef CLOISTER_WORLD_INTENT_PARTS_H
#define CLOISTER_WORLD_INTENT_PARTS_H

#include "tests/world/clause.h"

/* The words in [from, to) that name an existing event, and the time by which it is known. */
void intent_target(struct clause *c, size_t from, size_t to, struct intent *in);
/* False when the clause asks nothing that is understood. */
bool intent_question(struct clause *c, struct intent *in);

#endif
