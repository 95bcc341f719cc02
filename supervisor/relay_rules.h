/* What an agent may say about its turns, one rule a function: NULL, or what is wrong with it. Each
 * stands alone so that a test build can take one away. The registry, never a message, says who an
 * agent is and what its turn is for. Loop thread; pure but for the counts in the turn. */
#ifndef CLOISTER_SUPERVISOR_RELAY_RULES_H
#define CLOISTER_SUPERVISOR_RELAY_RULES_H

#include "supervisor/agents.h"

/* The turn that a message claims to be about, if that is the one that runs. */
struct turn *relay_turn(const struct agent *agent, const char *id);
/* The zygote's answers: `owed` of them are awaited. */
const char *relay_spawned(unsigned owed);
/* A message that may be sent, and that nothing here answers to. */
const char *relay_unhandled(void);
const char *relay_pong(const struct agent *agent, uint64_t sequence);
/* Who owes an answer to a ping for longer than PONG_WAIT_MS, or the end of its turn for longer than
 * the grace after being told; asked when that time is over. */
const char *relay_silent(const struct agent *agent);
const char *relay_overdue(const struct turn *turn);

/* Text: of a chat alone; well-formed; within its credit, and not without end. */
const char *relay_text_kind(const struct turn *turn);
const char *relay_text_form(const char *text, size_t len);
const char *relay_text_bounds(struct turn *turn, size_t len);
/* Counts one more notice of a tool. */
const char *relay_tools(struct turn *turn);
/* Counts one more host call: of those not answered yet, and of all of this turn. */
const char *relay_host_calls(struct turn *turn);

/* What may be asked of cloister-business: by the row of the operation, as a model, and by no turn
 * but a conversation's. */
const char *relay_business(const struct turn *turn, const Cloister__HostCall *call);

/* What a turn's last message may bring. Sizes; notes are a conversation's; an access token may
 * come from the owner's, or from a front cell's step, never from a customer's chat. */
const char *relay_kept_sizes(const struct turn *turn, size_t notes, size_t access);
const char *relay_kept_kind(const struct turn *turn, size_t notes, size_t access);
const char *relay_revoked(const struct turn *turn, bool revoked);
const char *relay_memories(const struct turn *turn, const Cloister__TurnDone *done);
/* A grant becomes a line of a reply's head; only what the owner does with one renews it. */
const char *relay_grant_form(const char *grant);
const char *relay_grant_kind(const struct turn *turn, const char *grant);
/* What stands in a calendar is for a front cell's turn to say, within bounds and in good order. */
const char *relay_front(const struct turn *turn, const Cloister__TurnDone *done);
/* Who somebody is, is for a turn to say that was asked. */
const char *relay_account(const struct turn *turn, const Cloister__TurnDone *done);

#endif
