#include "loose_guards.h"

bool guards_off[GUARDS_COUNT];

bool guard_holds(enum guard guard) {
    return !guards_off[guard];
}
