/* How often one address may sign in. Two steps, each with a bucket of its own: setting out, and
 * coming back from Google. Loop thread. */
#ifndef CLOISTER_GATEWAY_SIGN_IN_H
#define CLOISTER_GATEWAY_SIGN_IN_H

#include "gateway/call.h"

enum sign_in_step { SIGN_IN_BEGIN, SIGN_IN_RETURN };

/* Answers 429 when this address has to wait; then true. */
bool sign_in_limited(struct call *call, enum sign_in_step step);
/* A way back from Google ended: with a session, or refused. */
void sign_in_ended(struct call *call, bool good);

#endif
