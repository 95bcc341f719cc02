/* The owner's word on proposals: by TURN_DECIDE, and by a plain yes or no in the conversation. In
 * turns only. */
#ifndef CLOISTER_AGENT_TURN_DECIDE_H
#define CLOISTER_AGENT_TURN_DECIDE_H

#include "agent/turn_state.h"

enum confirmed {
    CONFIRM_DONE,
    CONFIRM_CHANGED,       /* the event is another one now; it can never be carried out */
    CONFIRM_REJECTED,      /* Google does not take it; likewise */
    CONFIRM_NOT_PERMITTED, /* the owner took the permission back; it can be given again */
};
/* Carries out what an opened proposal says. 0 with *ret, or -errno with the fault set. */
int turn_confirm(struct turn *turn, const json_t *proposal, enum confirmed *ret) MUST_CHECK;

#endif
