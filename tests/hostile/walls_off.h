/* Which walls are taken away, for controls. The file walls-off beside the program's configuration
 * holds one word a line; a test may rewrite it in place, and what is built afterwards (zygote,
 * agent or turn) is built without those walls. It is mapped at start, so it can be read behind the
 * walls. No file, or an empty one: every wall stands.
 *
 * The walls themselves are the product's: walls_off.c stands between their callers and them by the
 * linker's --wrap. */
#ifndef CLOISTER_TESTS_HOSTILE_WALLS_OFF_H
#define CLOISTER_TESTS_HOSTILE_WALLS_OFF_H

#include <stdbool.h>

bool wall_off(const char *word);
/* Any wall at all. */
bool walls_incomplete(void);

#endif
