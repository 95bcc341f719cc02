/* What rows about cloister-keys share. A row's outcome is what keys answer: OUT when they serve it.
 */
#ifndef CLOISTER_TESTS_HOSTILE_DATA_KEYS_H
#define CLOISTER_TESTS_HOSTILE_DATA_KEYS_H

#include "tests/hostile/attempt.h"

/* Sends on `channel` and waits for the answer: its error made negative, OUT for none, -EPIPE when
 * the channel was closed instead. *ret is the answer when there is one and `ret` is not NULL. */
int keys_told(int channel, Cloister__Message *message, int pass_fd, Cloister__Message **ret);
/* As the zygote does: `end` becomes a channel of the neighbour's. 0 or -errno. */
int keys_bind_on(const struct scene *scene, int zygote, int end);
/* Asks for the key of the neighbour's connection on `channel`. */
int keys_theirs_on(const struct scene *scene, int channel);

#endif
