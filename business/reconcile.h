/* The reconciler finishes or undoes what was cut off: a step of a booking that nobody is at any
 * more is taken up, the calendar is asked how it is, and the row follows, for as long as it takes.
 * It ends holds whose time is over, and looks at upcoming bookings' events now and then. A part of
 * cloister-business (parts.def). Loop thread. */
#ifndef CLOISTER_BUSINESS_RECONCILE_H
#define CLOISTER_BUSINESS_RECONCILE_H

#include "business/business.h"

/* Looks for work at once. */
void reconcile_soon(struct business_server *server);

#endif
