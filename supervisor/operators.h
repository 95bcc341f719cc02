/* The commands of the control socket, as cloisterd carries them out: a function operators_NAME for
 * each row of commands.def, in operators.c or a file operators_*.c of its own. They answer with
 * ids, numbers, states and codes; never any content. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_OPERATORS_H
#define CLOISTER_SUPERVISOR_OPERATORS_H

#include "supervisor/daemon.h"

/* Answers `call` with control_answer, now or later. `arguments` are valid during the call, their
 * number is one that the table allows. */
typedef void operators_runner(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                              size_t n);

#define COMMAND(name, ...) operators_runner operators_##name;
#include "supervisor/commands.def"
#undef COMMAND

/* Answers with {"error": why}; `why` is a sentence for the operator. */
void operators_fail(struct ctl_call *call, enum ctl_exit exit, const char *why);
json_t *operators_number(uint64_t value);
/* RFC 3339 in UTC with milliseconds. */
json_t *operators_time(int64_t wall_ms);

#endif
