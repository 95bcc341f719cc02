/* A booking once nobody is about to settle it: not held, not being moved. Loop thread. */
#ifndef CLOISTER_BUSINESS_SETTLE_H
#define CLOISTER_BUSINESS_SETTLE_H

#include "business/booking.h"

/* Loads it, again and again until it is settled or `deadline_ms` (clock_ms) is over; then as it is.
 */
void settle_load(struct business_server *server, const char *reference, uint64_t deadline_ms,
                 booking_loaded *done, void *ctx);
/* status "holding" or step "move". */
bool settle_waits(const struct booking *booking);

/* The booking that a call names by reference, settled; that of a customer by its secret (one for
 * cancelling will do where `cancel_will_do`), of an owner by being the owner's. `booking` becomes
 * the callback's; NULL: the call was refused. */
typedef void settle_named_done(void *ctx, struct booking *booking);
void settle_named(struct business_call *call, bool cancel_will_do, settle_named_done *done,
                  void *ctx);

#endif
