/* The admin API: plain HTTP for tests, described in README.md. */
#ifndef CLOISTER_WORLD_ADMIN_H
#define CLOISTER_WORLD_ADMIN_H

#include "tests/world/exchange.h"

void admin_handle(struct exchange *x);

#endif
