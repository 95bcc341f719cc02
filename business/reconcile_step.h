/* One step that was cut off, taken up. For reconcile.c. */
#ifndef CLOISTER_BUSINESS_RECONCILE_STEP_H
#define CLOISTER_BUSINESS_RECONCILE_STEP_H

#include "business/booking.h"

/* `booking` becomes the function's. */
typedef void reconcile_over(void *ctx);
void reconcile_step(struct business_server *server, struct booking *booking, reconcile_over *done,
                    void *ctx);

#endif
