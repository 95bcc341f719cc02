/* JSON from cloisterd, for a person's eyes. */
#ifndef CLOISTER_SUPERVISOR_CTL_TABLE_H
#define CLOISTER_SUPERVISOR_CTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* An array of flat objects as a table with a column for each key of the first; anything else as
 * "key: value" lines, nested by two blanks. */
void ctl_table_print(FILE *out, const json_t *json);

#endif
