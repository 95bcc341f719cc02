#include "agent/relax.h"

const struct relax relax = {.accepted_property = ""};
