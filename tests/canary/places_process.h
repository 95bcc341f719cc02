/* The parts of looking at a process. */
#ifndef CLOISTER_TESTS_CANARY_PLACES_PROCESS_H
#define CLOISTER_TESTS_CANARY_PLACES_PROCESS_H

#include "tests/canary/places.h"

/* "PID PROGRAM"; valid until the next call. */
const char *process_name(pid_t pid);
void scan_memory(struct scan *scan, pid_t pid);
/* What waits in sockets and pipes that the process holds, left where it is; and open files without
 * a name. */
void scan_descriptors(struct scan *scan, pid_t pid);

#endif
