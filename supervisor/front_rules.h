/* What cloister-business may ask of cloisterd with a CELL_CALL: it may be taken over, so what makes
 * no sense is answered as a failure of its own before anything else is looked at. */
#ifndef CLOISTER_SUPERVISOR_FRONT_RULES_H
#define CLOISTER_SUPERVISOR_FRONT_RULES_H

#include "ipc/message.h"

/* A step in somebody's calendar: it has a user who can be one. */
bool front_step_sound(const Cloister__CellCall *asked);
/* An inquiry for a business's agent: a text of bounded length, beside it nothing that would pass
 * for the owner's own words or the operator's. */
bool front_answer_sound(const Cloister__CellCall *asked);

#endif
