/* Preferences in a turn: short notes of the owner's own words, one line each, under the user's key.
 * Their bounds are TURN_PREFERENCES a user and 300 characters each. A host call's refusal comes
 * back in *ret_error (an errno); the functions' own errors leave the fault set. */
#ifndef CLOISTER_AGENT_TURN_MEMORY_H
#define CLOISTER_AGENT_TURN_MEMORY_H

#include "agent/turn_state.h"

/* NULL when this may be a preference, else a sentence. */
const char *preference_wrong(const char *text);
/* NULL: there is none of this id. */
struct preference *preference_find(struct turn *turn, const char *id);
/* There must be room. *ret is set when 0 is returned and *ret_error is 0. */
int preference_add(struct turn *turn, const char *text, const struct preference **ret,
                   int *ret_error) MUST_CHECK;
/* Other text in its place, the id stays. ENOENT: it is forgotten meanwhile. */
int preference_correct(struct turn *turn, struct preference *preference, const char *text,
                       int *ret_error) MUST_CHECK;
/* `preference` is no more when this succeeds. */
int preference_forget(struct turn *turn, struct preference *preference, int *ret_error) MUST_CHECK;

#endif
