/* What keeps an owner from being booked in some time: slots that bookings hold, and the busy times
 * of the owner's calendar, read just in time by the owner's front cell. Nothing of it is kept.
 * Several who ask for the same at once share one look at the calendar. Loop thread. */
#ifndef CLOISTER_BUSINESS_SLOTS_H
#define CLOISTER_BUSINESS_SLOTS_H

#include "business/availability.h"
#include "business/booking.h"

struct busy {
    const struct span *spans;
    size_t n;
    const char *code; /* "": the calendar was read; else why not, and `spans` are no answer */
};

/* `error`: of the database; `busy` is NULL then. */
typedef void busy_done(void *ctx, int error, const struct busy *busy);
/* Busy times that touch [from, until). Ends by `deadline_ms` (clock_ms). A booking of which the
 * calendar shows nothing is looked at afterwards (follow.h). */
void slots_busy(struct business_server *server, const char *owner, int64_t from, int64_t until,
                uint64_t deadline_ms, busy_done *done, void *ctx);

/* ---- for slots.c: slots_calendar.c ---- */

/* `code` as above. `spans` are valid during the call. */
typedef void calendar_done(void *ctx, const struct span *spans, size_t n, const char *account,
                           const char *code);
void slots_calendar(struct business_server *server, const char *owner, int64_t from, int64_t until,
                    uint64_t deadline_ms, calendar_done *done, void *ctx);

#endif
