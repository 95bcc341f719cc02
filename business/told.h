/* Whether a customer hears of what the owner did. Loop thread. */
#ifndef CLOISTER_BUSINESS_TOLD_H
#define CLOISTER_BUSINESS_TOLD_H

#include "business/call.h"

/* Adds to the result of an owner's operation: `told`, whether there is an address and something
 * that is sent to it, and `customer` (name, email, phone; NULL: nobody said who), so that an owner
 * whose customer is not told knows whom to call. NULL stays NULL. */
json_t *told_put(const struct business_server *server, json_t *result, json_t *customer);

#endif
