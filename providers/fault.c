#include "providers/fault.h"

#include <stdarg.h>
#include <stdio.h>

int fault_set(struct fault *fault, int error, const char *code, bool retryable, const char *format,
              ...) {
    if (fault->code != NULL)
        return error;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->detail, sizeof(fault->detail), format, args);
    va_end(args);
    fault->code = code;
    fault->retryable = retryable;
    return error;
}
