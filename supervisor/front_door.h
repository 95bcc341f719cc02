/* cloisterd's part of the business front door, put together: the channel with cloister-business,
 * and the owners' front cells and agents' answers that it asks for. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_FRONT_DOOR_H
#define CLOISTER_SUPERVISOR_FRONT_DOOR_H

#include "supervisor/front_answers.h"
#include "supervisor/front_cells.h"

struct front_door;

struct front_door_setup {
    struct event_base *base;
    const char *business_path; /* cloister-business's socket for cloisterd */
    struct store *store;
    struct turns *turns;
    struct sessions *sessions;
    struct proposals *proposals;
    struct budgets *budgets;
};

/* Where this system has no user for cloister-business there is no front door: it is said in the
 * log, and what is asked of it is answered 503. 0 or -errno. */
int front_door_new(const struct front_door_setup *setup, struct front_door **ret) MUST_CHECK;
struct business_link *front_door_link(const struct front_door *door);
/* Nobody waits for steps any more; before turns and store end. NULL is fine. */
void front_door_close(struct front_door *door);
/* After turns and store, whose last answers it takes. NULL is fine. */
void front_door_free(struct front_door *door);

#endif
