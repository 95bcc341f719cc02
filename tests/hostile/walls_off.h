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
#include <stddef.h>

bool wall_off(const char *word);
/* The rest of the line "key=…", which is no wall: "" when there is none. */
const char *wall_line(const char *key, char *out, size_t len);
/* Any wall at all. */
bool walls_incomplete(void);
/* The folder outside, where an attempt that gets out finds things: "outside" above that of the
 * configuration. */
const char *wall_outside(char *out, size_t len);

/* Without "no-root": whether those whom it calls see its own user or the superuser. 0 or -errno. */
int wall_peer(bool known);

/* Descriptors that turns do not close, for attempts with them; how many. */
size_t wall_kept(int ret[static 2]);

#endif
