/* What cloister-business asks of the owners' front cells: one step in one calendar, as a turn of
 * kind TURN_FRONT in an agent of its own (origin "front"): no model, no preferences, no notes, and
 * not the agent that talks to customers, whose turn may be waiting for this very step. Loop thread.
 */
#ifndef CLOISTER_SUPERVISOR_FRONT_CELLS_H
#define CLOISTER_SUPERVISOR_FRONT_CELLS_H

#include "supervisor/business_link.h"
#include "supervisor/proposals.h"
#include "supervisor/sessions.h"
#include "supervisor/store.h"
#include "supervisor/turns.h"

#define FRONT_CALLS_MAX 2048 /* under way; one more is answered "full" */
#define FRONT_CALL_MS   20000
#define FRONT_CALL_MOST 60000

struct front_cells;

/* What they work with; all of it must outlive them, but for the link, which must end before. */
struct front_setup {
    struct event_base *base;
    struct store *store;
    struct turns *turns;
    struct sessions *sessions;
    struct proposals *proposals;
};
int front_cells_new(const struct front_setup *setup, struct front_cells **ret) MUST_CHECK;
/* All turns must have ended, or have nobody who listens. NULL is fine. */
void front_cells_free(struct front_cells *cells);
/* Where answers go. */
void front_cells_use(struct front_cells *cells, struct business_link *link);

/* Takes over a CELL_CALL with a step; it is answered exactly once, unless the peer goes. */
void front_cells_step(struct front_cells *cells, Cloister__Message *message);
/* Nobody waits for answers any more: steps that only read are ended; one that writes goes on to its
 * end, so that what it leaves is settled and found by the next look. */
void front_cells_down(struct front_cells *cells);

#endif
