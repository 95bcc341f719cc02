/* Which rule is taken away now. The file rules-off beside the program's configuration (--config)
 * holds one name a line; it is read at every question, so a running control program changes as soon
 * as the file does. No file: every rule holds. */
#ifndef CLOISTER_TESTS_CONTROL_SWITCH_H
#define CLOISTER_TESTS_CONTROL_SWITCH_H

#include <stdbool.h>

bool switched_off(const char *name);

#endif
