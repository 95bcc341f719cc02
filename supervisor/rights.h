/* The tables of rights as text, for `cloisterd --print-rights` and for tests. */
#ifndef CLOISTER_SUPERVISOR_RIGHTS_H
#define CLOISTER_SUPERVISOR_RIGHTS_H

/* Prints rights.def, agent/syscalls.def and messages.def to stdout. */
void rights_print(void);

#endif
