/* The rules of who is asking, each with a name, so that a test build can take one away and show
 * that the attack it stops then succeeds. In Cloister itself every rule holds: rules.c says so, and
 * nothing but linking another object changes it. */
#ifndef CLOISTER_SUPERVISOR_RULES_H
#define CLOISTER_SUPERVISOR_RULES_H

#include <stdbool.h>

enum rule {
#define RULE(NAME, text) RULE_##NAME,
#include "supervisor/rules.def"
#undef RULE
    RULES_COUNT
};

/* Always true. Any thread. */
bool rule_holds(enum rule rule);

#endif
