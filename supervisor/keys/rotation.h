/* Drives a change of the key-encryption key from the loop: a few rows at a time, never longer at a
 * stretch than others then get, so that turns go on. Goes on by itself after a restart. Loop
 * thread. */
#ifndef CLOISTER_KEYS_ROTATION_H
#define CLOISTER_KEYS_ROTATION_H

#include <event2/event.h>

#include "supervisor/keys/keyring.h"

struct rotation;

/* `keyring` must outlive it. Goes on with what was interrupted. 0 or -ENOMEM. */
int rotation_new(struct event_base *base, struct keyring *keyring,
                 struct rotation **ret) MUST_CHECK;
void rotation_free(struct rotation *rotation);
/* As keyring_rotate_begin. */
int rotation_start(struct rotation *rotation, const uint8_t *next) MUST_CHECK;
/* What the last step met: 0 or -errno. It is tried again all the same. */
int rotation_error(const struct rotation *rotation);

#endif
