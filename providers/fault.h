/* Why a turn must end, in the words its reader gets. Library code fills one in and returns -errno;
 * the turn sends it as TURN_ERROR. `detail` is fixed words and numbers, never anybody's text. */
#ifndef CLOISTER_PROVIDERS_FAULT_H
#define CLOISTER_PROVIDERS_FAULT_H

#include "ipc/base.h"

struct fault {
    const char *code; /* static; NULL: none yet */
    char detail[240];
    bool retryable, unknown_writes;
    uint64_t retry_after_ms;
};

/* Fills `fault` unless an earlier cause is there already, keeps unknown_writes, returns `error`. */
int fault_set(struct fault *fault, int error, const char *code, bool retryable, const char *format,
              ...) PRINTF_LIKE(5, 6);

#endif
