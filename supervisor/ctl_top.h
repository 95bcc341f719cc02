/* `cloisterctl top`: what one picture is made of. */
#ifndef CLOISTER_SUPERVISOR_CTL_TOP_H
#define CLOISTER_SUPERVISOR_CTL_TOP_H

#include <jansson.h>
#include <stdio.h>

/* What programs get: a summary of cloisterd's `status` and `list` (with pss_kib in some of its
 * rows) and of the machine's memory. */
json_t *ctl_top_summary(const json_t *status, const json_t *agents);
/* The same for eyes, with as many agents as fit `rows` lines of `columns` characters (0: no limit).
 * Every line ends with `eol`. */
void ctl_top_print(FILE *out, const json_t *summary, const json_t *agents, unsigned rows,
                   unsigned columns, const char *eol);

#endif
