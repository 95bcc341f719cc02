/* In place of supervisor/rules.c: every rule of who is asking holds, but for the one that a test
 * takes away to show that the attack it stops then succeeds. */
#ifndef CLOISTER_TESTS_LOOSE_RULES_H
#define CLOISTER_TESTS_LOOSE_RULES_H

#include "supervisor/rules.h"

/* RULES_COUNT: every rule holds. */
extern enum rule rule_taken_away;

#endif
