/* The rules that bind a turn, each with a name, so that a test build can take one away and show
 * that the attack it stops then succeeds. In Cloister itself every guard holds: guards.c says so,
 * and nothing but linking another object changes it. */
#ifndef CLOISTER_AGENT_GUARDS_H
#define CLOISTER_AGENT_GUARDS_H

#include <stdbool.h>

enum guard {
#define GUARD(NAME, text) GUARD_##NAME,
#include "agent/guards.def"
#undef GUARD
    GUARDS_COUNT
};

/* Always true. In turns. */
bool guard_holds(enum guard guard);

#endif
