#include "tests/unit/store/loose_rules.h"

enum rule rule_taken_away = RULES_COUNT;

bool rule_holds(enum rule rule) {
    return rule != rule_taken_away;
}
