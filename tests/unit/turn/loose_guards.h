/* In place of agent/guards.c: a test takes a guard away and sees what it stops happen. */
#ifndef CLOISTER_TESTS_TURN_LOOSE_GUARDS_H
#define CLOISTER_TESTS_TURN_LOOSE_GUARDS_H

#include "agent/guards.h"

extern bool guards_off[GUARDS_COUNT];

#endif
