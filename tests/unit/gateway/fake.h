/* cloisterd, played by a thread. What a chat does is the first word of its message:
 *   say TEXT      accepted, a tool's start and end, TEXT, done
 *   flood N       accepted, N bytes of text as credit allows, done
 *   overrun       accepted, more text than there was credit for
 *   hang          accepted, then silence            silent  not even accepted
 *   split         a two-byte character in two deltas
 *   break         accepted, text, a retryable failure with unknown writes
 *   tools N       accepted, N tool events, done      propose accepted, a proposal, done
 *   die           accepted, text, the link is dropped
 * and user "nobody" is unknown everywhere. */
#ifndef CLOISTER_TESTS_GATEWAY_FAKE_H
#define CLOISTER_TESTS_GATEWAY_FAKE_H

#include "tests/unit/gateway/rig.h"

struct fake *fake_start(const char *path, struct fake_seen *seen);
void fake_stop(struct fake *fake);
void fake_lock(void);
void fake_unlock(void);

#endif
