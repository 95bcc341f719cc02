/* What comes line by line: events, and how far a long command is. */
#ifndef CLOISTER_SUPERVISOR_CTL_LINES_H
#define CLOISTER_SUPERVISOR_CTL_LINES_H

#include <jansson.h>
#include <stdbool.h>

/* For struct ctl_question; `ctx` is a bool: print JSON. Events on stdout; how far a command is, for
 * eyes, on stderr, since it is not the answer. False when it cannot be printed. */
bool ctl_print_line(void *ctx, const json_t *line);
/* That there was a gap. */
void ctl_print_resumed(bool as_json);

#endif
