/* A few words of other languages, so that messages in them can be played too. */
#ifndef CLOISTER_WORLD_TONGUES_H
#define CLOISTER_WORLD_TONGUES_H

#include "ipc/base.h"

/* The message in the English that the mind reads; quoted text stays as it is. What is in no
 * language known here is copied. Bounded by `cap`. */
void tongue_english(const char *message, char *out, size_t cap);

#endif
