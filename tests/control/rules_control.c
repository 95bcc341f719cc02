/* In place of supervisor/rules.c: a rule whose name stands in rules-off (switch.h) does not hold.
 */
#include "supervisor/rules.h"

#include "tests/control/switch.h"

bool rule_holds(enum rule rule) {
    static const char *const names[] = {
#define RULE(NAME, text) [RULE_##NAME] = #NAME,
#include "supervisor/rules.def"
#undef RULE
    };
    return !switched_off(names[rule]);
}
