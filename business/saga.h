/* One step of a booking in its owner's calendar, carried through: asked of the front cell, asked
 * again while the answer leaves it open and there is time, and summed up. Steps are idempotent (the
 * event's id is the booking's own), so asking again is always fine. Loop thread. */
#ifndef CLOISTER_BUSINESS_SAGA_H
#define CLOISTER_BUSINESS_SAGA_H

#include "business/booking.h"
#include "ipc/message.h"

enum saga_outcome {
    SAGA_DONE,
    SAGA_CONFLICT, /* BOOK, MOVE: not free; nothing was changed */
    SAGA_FAILED,   /* nothing was changed */
    SAGA_UNKNOWN,  /* no telling whether the calendar was changed */
};

struct saga_end {
    enum saga_outcome outcome;
    bool certain; /* no attempt is left of which it is not known how it ended */
    bool exists;  /* DONE: the event is there, at */
    int64_t start, end;
    bool gone;                  /* DONE: there is surely none */
    char account[ACCOUNT_TEXT]; /* DONE, CONFLICT: in which that is so; "": not known */
    const char *code;           /* FAILED, UNKNOWN: of the last attempt */
};
typedef void saga_done(void *ctx, const struct saga_end *end);

/* Ends by `deadline_ms` (clock_ms). `booking` is read during the call only. MOVE goes to
 * booking->move_to. */
void saga_step(struct business_server *server, Cloister__FrontKind kind,
               const struct booking *booking, uint64_t deadline_ms, saga_done *done, void *ctx);

/* The account of an answer as a booking's row has it; "" when it names none. */
void saga_account(const Cloister__CellResult *result, char out[static ACCOUNT_TEXT]);

/* A sentence for the owner when the code says that the calendar cannot be used, else NULL. */
const char *saga_trouble(const char *code);
/* The code says that nothing can be done in the calendar until its owner does something, which may
 * be never. */
bool saga_lost(const char *code);
/* Tells the owner of a business that its calendar cannot be used: once, until it was well again,
 * and at most once an hour. */
void saga_tell_trouble(struct business_server *server, const char *owner, const char *business,
                       const char *business_name, const char *code);
/* A step was taken in the owner's calendar, in that account ("": not known). `made`: it was read,
 * and an event was written. */
void saga_well(struct business_server *server, const char *owner, const char *account, bool made);

#endif
