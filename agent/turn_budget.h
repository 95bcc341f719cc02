/* The day's budgets, inside a turn: cloisterd says with TURN_START what was left of the tightest
 * ones when it let the turn in. Before each model call the turn looks what it has used since. So
 * the last call alone can take more than was left: what it reads is known only afterwards. */
#ifndef CLOISTER_AGENT_TURN_BUDGET_H
#define CLOISTER_AGENT_TURN_BUDGET_H

#include "agent/turn_state.h"

/* Lowers *output to what the next call may say at most. 0, or -EDQUOT with the fault set: nothing
 * is left. */
int turn_budget_left(struct turn *turn, uint64_t *output) MUST_CHECK;

#endif
