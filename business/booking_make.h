/* create_booking, as a ladder of steps that call each other. For booking_make*.c alone. */
#ifndef CLOISTER_BUSINESS_BOOKING_MAKE_H
#define CLOISTER_BUSINESS_BOOKING_MAKE_H

#include "business/offer.h"
#include "business/once.h"

struct make {
    struct business_call *call;
    struct business_server *server;
    struct used_key key;
    struct offer *offer;
    struct booking *booking; /* ours, from when its arguments are read */
    bool braked;             /* it has taken of what customers and businesses may book in an hour */
    int64_t start;
    uint64_t deadline_ms; /* by which the calendar must have answered */
};
void make_free(struct make *make);

/* Checks the arguments and makes the booking of them. False: the call was refused. */
bool make_read(struct make *make);

/* From the offer on: nothing is known under the key. Frees `make`. */
void make_fresh(struct make *make);
/* Answers with the booking of that reference, when it is settled, as it is then. Where the key is
 * not the client's own, a cancelled booking does not count: another is made. Frees `make`. */
void make_repeat(struct make *make, const char *reference);
/* From the hold on; frees `make`. */
void make_hold(struct make *make);

#endif
