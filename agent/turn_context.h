/* Texts that came with a request. In turns only. */
#ifndef CLOISTER_AGENT_TURN_CONTEXT_H
#define CLOISTER_AGENT_TURN_CONTEXT_H

#include "agent/turn_state.h"

/* Taints the turn when somebody else's words are in front of the model from the start. */
void turn_take_context(struct turn *turn);
/* What the model is shown of them, before the message. malloc'd; NULL: there are none, or out of
 * memory. */
char *turn_context_text(struct turn *turn);

#endif
