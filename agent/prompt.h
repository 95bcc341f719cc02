/* What the model is told besides the owner's words. */
#ifndef CLOISTER_AGENT_PROMPT_H
#define CLOISTER_AGENT_PROMPT_H

#include "agent/turn_state.h"

/* The part that never changes: static. */
const char *prompt_stable(void);
/* Time, zone, preferences, what was already done. malloc'd or NULL. */
char *prompt_current(const struct turn *turn, int64_t now_ms);
/* Earlier turns and, last, the owner's words alone. Array, or NULL. */
json_t *prompt_messages(const struct turn *turn);

#endif
