/* Budgets: how many model tokens, and how much money, a day's turns (UTC) may take. Each user has
 * one, each frontend has one for all its users, and there is one for everybody together; each in
 * tokens and in money, all of them optional ([budgets] in ipc/config.def). What was used comes from
 * the database along with the session (store.h); here is only judged.
 *
 * A frontend's file may give it another budget than the default. cloisterd reads those files
 * itself, with the gateway's own parser: what a gateway says of a limit would be worth nothing, for
 * it is the gateway that a budget has to hold against when it is taken over. The files hold hashes
 * of keys, no keys; one that cloisterd's user may not read leaves its frontend with the default,
 * and the log says so.
 *
 * What can be overshot. A turn is let in while something is left, and may then use up to a turn's
 * own limits, unless it is told to stop earlier (struct budget_left): it makes no further model
 * call once it has used what was left when it was let in, so that what it takes too much is at most
 * one call: its input, and no more output than was left. Turns that run at the same time each
 * see the same rest: a user's run one after the other, but up to agents.turns_queued_per_user of
 * them are let in while one runs; for a frontend and for the server all running agents count.
 *
 * Loop thread. */
#ifndef CLOISTER_SUPERVISOR_BUDGETS_H
#define CLOISTER_SUPERVISOR_BUDGETS_H

#include <event2/event.h>

#include "ipc/config.h"
#include "supervisor/store.h"

#define BUDGET_DETAIL_SIZE 160

struct budgets;
struct records;

/* `records`: of the turns that are over but not counted yet. Reads the frontends' files, and again
 * when one has changed, within two seconds. 0 or -ENOMEM. */
int budgets_new(struct event_base *base, const struct config *config, const struct records *records,
                struct budgets **ret) MUST_CHECK;
void budgets_free(struct budgets *budgets);

/* What is left of the tightest budget; 0: there is no limit. */
struct budget_left {
    uint64_t tokens, spend;
};
/* Why a turn may not begin. */
struct budget_refusal {
    char detail[BUDGET_DETAIL_SIZE]; /* whose budget, of what, and when there is a fresh one */
    uint64_t retry_after_ms;         /* until then; at least 1 */
};
#define BUDGET_REFUSED_STATUS 429
#define BUDGET_REFUSED_CODE   "budget_used_up"

/* May a turn of this user begin that asks the model? True with `ret_left`, or false with
 * `ret_refusal`. `now_ms`: wall clock. */
bool budgets_allow(const struct budgets *budgets, const char *frontend,
                   const struct store_session *session, int64_t now_ms,
                   struct budget_left *ret_left, struct budget_refusal *ret_refusal) MUST_CHECK;

#endif
