/* cloisterd, played by a thread. What a chat does is the first word of its message:
 *   say TEXT      accepted, a tool's start and end, TEXT, done
 *   flood N       accepted, N bytes of text as credit allows, done
 *   overrun       accepted, more text than there was credit for
 *   hang          accepted, then silence            silent  not even accepted
 *   split         a two-byte character in two deltas
 *   break         accepted, text, a retryable failure with unknown writes
 *   tools N       accepted, N tool events, done      propose accepted, a proposal, done
 *   die           accepted, text, the link is dropped
 * and user "nobody" is unknown everywhere.
 *
 * Grants: "bad-grant" is refused, "old-grant" is renewed with "fresh-grant". Sessions:
 * "good-session" and "aging-session" (whose cookie is replaced by "young-session") live, all others
 * have ended; their token is "good-csrf". A callback's code "sign-in" signs in who shows the login
 * cookie "login-1"; "fail.CODE.STATUS" fails so, "fail.CODE.STATUS.web" with the address of the web
 * pages besides. */
#ifndef CLOISTER_TESTS_GATEWAY_FAKE_H
#define CLOISTER_TESTS_GATEWAY_FAKE_H

#include "tests/unit/gateway/rig.h"

struct fake *fake_start(const char *path, struct fake_seen *seen);
void fake_stop(struct fake *fake);
void fake_lock(void);
void fake_unlock(void);

#endif
