/* What an agent may say about its turns, one rule a function: NULL, or what is wrong with it. Each
 * stands alone so that a test build can take one away. The registry, never a message, says who an
 * agent is and what its turn is for. Loop thread; pure but for the counts in the turn. */
#ifndef CLOISTER_SUPERVISOR_RELAY_RULES_H
#define CLOISTER_SUPERVISOR_RELAY_RULES_H

#include "supervisor/agents.h"

/* The turn that a message claims to be about, if that is the one that runs. */
struct turn *relay_turn(const struct agent *agent, const char *id);
/* A message that may be sent, and that nothing here answers to. */
const char *relay_unhandled(void);
const char *relay_pong(const struct agent *agent, uint64_t sequence);

/* Text: of a chat alone; well-formed; within its credit, and not without end. */
const char *relay_text_kind(const struct turn *turn);
const char *relay_text_form(const char *text, size_t len);
const char *relay_text_bounds(struct turn *turn, size_t len);
/* Counts one more notice of a tool. */
const char *relay_tools(struct turn *turn);
/* Counts one more host call: of those not answered yet, and of all of this turn. */
const char *relay_host_calls(struct turn *turn);

/* What a turn's last message may bring. Sizes; notes and an access token are a chat's, and a
 * customer's chat leaves no token. */
const char *relay_kept_sizes(const struct turn *turn, size_t notes, size_t access);
const char *relay_kept_kind(const struct turn *turn, size_t notes, size_t access);
const char *relay_revoked(const struct turn *turn, bool revoked);
const char *relay_memories(const struct turn *turn, const Cloister__TurnDone *done);
/* A grant becomes a line of a reply's head; only what the owner does with one renews it. */
const char *relay_grant_form(const char *grant);
const char *relay_grant_kind(const struct turn *turn, const char *grant);
/* Who somebody is, is for a turn to say that was asked. */
const char *relay_account(const struct turn *turn, const Cloister__TurnDone *done);

#endif
