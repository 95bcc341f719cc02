/* A booking follows its event: when the owner moved or deleted it in the calendar, the booking is
 * moved or cancelled, and the customer told. Loop thread. */
#ifndef CLOISTER_BUSINESS_FOLLOW_H
#define CLOISTER_BUSINESS_FOLLOW_H

#include "business/booking.h"

/* Looks at the event of a confirmed booking (which becomes the function's) and lets the booking
 * follow. The callback gets the booking as it is then, its own to free; as it was, when the
 * calendar could not be read in time. */
typedef void followed(void *ctx, struct booking *booking);
void follow_booking(struct business_server *server, struct booking *booking, uint64_t deadline_ms,
                    followed *done, void *ctx);
/* The same, later, for nobody. */
void follow_soon(struct business_server *server, const char *reference);

#endif
