/* Asking egress, as a turn or as an agent that says it has one. */
#ifndef CLOISTER_TESTS_HOSTILE_EGRESS_H
#define CLOISTER_TESTS_HOSTILE_EGRESS_H

#include "tests/hostile/attempt.h"

/* The channel on which `scene` may dial: a turn's own, or a fresh one that the agent announces. fd
 * or -errno. */
int egress_channel(const struct scene *scene);
/* Dials. `host` has `len` bytes: a NUL may be among them. The connection, or the negative errno of
 * egress's answer. */
int egress_dial(int channel, const char *host, size_t len, long port);
/* A connection to the listed listener ("listed" in the props), -errno. */
int egress_listed(const struct scene *scene);
/* The attempt could not even begin: said so that it counts for nothing. */
int egress_failed(int error);

#endif
