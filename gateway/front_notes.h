/* Rows for the operational log of calls that were answered here (BUSINESS_NOTE), sent many at a
 * time: a message each would cost more than the calls. What waits is sent when there is enough of
 * it, or after a moment, and is lost when cloister-business is away for longer than that. Loop
 * thread. */
#ifndef CLOISTER_GATEWAY_FRONT_NOTES_H
#define CLOISTER_GATEWAY_FRONT_NOTES_H

#include "gateway/upstream.h"

struct front_notes;

/* `link` must live as long. 0 or -ENOMEM. */
int front_notes_new(struct event_base *base, struct upstream *link,
                    struct front_notes **ret) MUST_CHECK;
/* What waits is sent; NULL has nothing. */
void front_notes_flush(struct front_notes *notes);
void front_notes_free(struct front_notes *notes);
/* Copies `note`, which has no `more`. Arguments of more than 12 KiB are left out. */
void front_notes_add(struct front_notes *notes, const Cloister__BusinessNote *note);

#endif
