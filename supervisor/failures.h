/* The code table of failures.def. */
#ifndef CLOISTER_SUPERVISOR_FAILURES_H
#define CLOISTER_SUPERVISOR_FAILURES_H

/* HTTP status of a code; 0 when the code is not listed. */
unsigned failure_status(const char *code);

#endif
