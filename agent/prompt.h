/* What the model is told besides the owner's words. */
#ifndef CLOISTER_AGENT_PROMPT_H
#define CLOISTER_AGENT_PROMPT_H

#include "agent/turn_state.h"

/* The part that never changes for an origin: static. */
const char *prompt_stable(const struct turn *turn);
/* Time, zone, preferences, what was already done. malloc'd or NULL. */
char *prompt_current(struct turn *turn, int64_t now_ms);
/* Earlier turns, those of other days with their date, texts that came with the request and, last,
 * the owner's words alone. Array, or NULL. */
json_t *prompt_messages(struct turn *turn, int64_t now_ms);

#endif
