/* TLS sessions from one turn to the next. */
#ifndef CLOISTER_TESTS_HOSTILE_SESSIONS_H
#define CLOISTER_TESTS_HOSTILE_SESSIONS_H

#include "agent/runner.h"
#include "providers/resume.h"

/* Those that this turn was born with. */
void sessions_seen(const struct resume *resume);
/* Without "sessions-end" the agent forgets that its turn has said its last word, until it is
 * reaped.
 */
void sessions_reaped(struct runner *runner);

#endif
