/* Saying things to cloisterd: as the agent itself, or as a turn through its agent. */
#ifndef CLOISTER_TESTS_HOSTILE_DATA_TURNS_H
#define CLOISTER_TESTS_HOSTILE_DATA_TURNS_H

#include "tests/hostile/attempt.h"

/* One message of at most 1 KiB, whatever it is. 0 or -errno. */
int say_bytes(const struct scene *scene, const uint8_t *data, size_t len);
int say(const struct scene *scene, Cloister__Message *message);
/* After saying, with what that gave: OUT when nobody ends this process or its channel for it. */
int live_on(const struct scene *scene, int r);

#endif
