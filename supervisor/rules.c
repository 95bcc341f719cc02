#include "supervisor/rules.h"

bool rule_holds(enum rule rule) {
    (void)rule;
    return true;
}
