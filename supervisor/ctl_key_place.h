/* Where the operator keeps the key-encryption key and, while it is being changed, the next one: two
 * files, or two credentials of systemd. Used by cloisterctl rotate-key alone; root's. */
#ifndef CLOISTER_SUPERVISOR_CTL_KEY_PLACE_H
#define CLOISTER_SUPERVISOR_CTL_KEY_PLACE_H

#include "ipc/config.h"

/* The next key as a descriptor: the one that an earlier call left, or a new random one, which is on
 * disk before this returns. *ret_resumed: it was there. With `begun`, cloister-keys wraps by a next
 * key already; otherwise a file that is no key, or the old key, is replaced. -errno with a sentence
 * in `why`. */
int key_place_next(const struct config *config, bool begun, bool *ret_resumed, char *why,
                   size_t why_len) MUST_CHECK;
/* True when a rotation has begun and not been finished here. */
bool key_place_pending(const struct config *config);
/* The next key takes the place of the old one, whose bytes are overwritten. */
int key_place_finish(const struct config *config, int next, char *why, size_t why_len) MUST_CHECK;

#endif
