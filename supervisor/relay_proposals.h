/* What a turn may say about proposals, one rule a function as in relay_rules.h: NULL, or what is
 * wrong with it. Pure. */
#ifndef CLOISTER_SUPERVISOR_RELAY_PROPOSALS_H
#define CLOISTER_SUPERVISOR_RELAY_PROPOSALS_H

#include "supervisor/agents.h"

/* An owner's chat proposes, and nothing else does. */
const char *relay_proposals_kind(const struct turn *turn, const Cloister__TurnDone *done);
const char *relay_proposals_count(const Cloister__TurnDone *done);
/* Something sealed, something to show, and neither of them without end. */
const char *relay_proposals_sizes(const Cloister__TurnDone *done);
const char *relay_proposals_text(const Cloister__TurnDone *done);
/* Each under an id of its own. */
const char *relay_proposals_ids(const Cloister__TurnDone *done);
/* A frontend is handed the arguments as they are: one JSON object, all of it. */
const char *relay_proposals_arguments(const Cloister__TurnDone *done);
/* A turn settles what it was given, each once. */
const char *relay_settled(const struct turn *turn, char *const *settled, size_t n);

#endif
