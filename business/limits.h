/* Token buckets: how often one address, one client, or one business is asked, and the brakes on
 * bookings. They live here, so they hold across restarts of gateways, and are carried over a
 * restart of this program by a table, in which keys are MACs and nothing else. Loop thread. */
#ifndef CLOISTER_BUSINESS_LIMITS_H
#define CLOISTER_BUSINESS_LIMITS_H

#include "business/call.h"

/* Takes a token of each of the call's buckets. 0, or the ms until there is one again. */
uint64_t limits_take(struct limits *limits, const struct business_call *call) MUST_CHECK;

/* A call that a gateway answered out of what it keeps: it counts like any other. */
void limits_count(struct limits *limits, const struct business_client *client, const char *slug);

/* Before something is made that costs a business's owner time (a booking, an inquiry): one token
 * each of the phone, the mail and the business. `kind` is "booking" or "inquiry"; "" where nothing
 * was given. Phones are compared by their digits, mails without case. 0, or the ms until it would
 * be fine again: refuse with business_refuse_for_now(call, 429, "limited", …). */
uint64_t brakes_take(struct business_server *server, const char *kind, const char *business,
                     const char *email, const char *phone) MUST_CHECK;
/* Undoes that: nothing came of it, so nobody's time was taken. */
void brakes_give(struct business_server *server, const char *kind, const char *business,
                 const char *email, const char *phone);
/* Before a customer moves a booking. 0, or the ms until it would be fine again. */
uint64_t brakes_take_move(struct business_server *server, const char *reference) MUST_CHECK;

#endif
