/* Remembers large files between scans. */
#ifndef CLOISTER_TESTS_CANARY_PLACES_FILES_H
#define CLOISTER_TESTS_CANARY_PLACES_FILES_H

#include "tests/canary/places.h"

struct kept *kept_new(void);

#endif
