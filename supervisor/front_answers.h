/* A customer's inquiry, answered by the business's agent: a turn of origin "customer" as a chat is,
 * whose words are collected and given to cloister-business. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_FRONT_ANSWERS_H
#define CLOISTER_SUPERVISOR_FRONT_ANSWERS_H

#include "supervisor/budgets.h"
#include "supervisor/business_link.h"
#include "supervisor/store.h"
#include "supervisor/turns.h"

#define FRONT_ANSWERS_MAX 512 /* under way; one more is answered "full" */

struct front_answers;

struct answers_setup {
    struct event_base *base;
    struct store *store;
    struct turns *turns;
    struct budgets *budgets;
};
int front_answers_new(const struct answers_setup *setup, struct front_answers **ret) MUST_CHECK;
/* All turns must have ended, or have nobody who listens. NULL is fine. */
void front_answers_free(struct front_answers *answers);
void front_answers_use(struct front_answers *answers, struct business_link *link);

/* Takes over a CELL_CALL with an `answer`; it is answered exactly once, unless the peer goes. What
 * keeps the owner's agent from answering is "business_unavailable", whatever it is. */
void front_answers_begin(struct front_answers *answers, Cloister__Message *message);
/* Nobody waits any more: the turns are ended. */
void front_answers_down(struct front_answers *answers);

#endif
