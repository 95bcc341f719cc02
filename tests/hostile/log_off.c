/* The product's log_pipe.c with an agent's budget as a question: LOG_BUDGET (relay_off.c). */
#include "supervisor/log_pipe.h"
#include "tests/control/switch.h"

enum {
    LINES_LIMIT = LOG_PIPE_LINES,
    LINES_MORE = LOG_PIPE_LINES_SECOND,
    BYTES_LIMIT = LOG_PIPE_BYTES,
    BYTES_MORE = LOG_PIPE_BYTES_SECOND,
    SHARE_LIMIT = LOG_PIPE_SHARE
};
#undef LOG_PIPE_LINES_SECOND
#undef LOG_PIPE_BYTES_SECOND
#define LOG_PIPE_LINES_SECOND (switched_off("LOG_BUDGET") ? UINT32_MAX : (uint64_t)LINES_MORE)
#define LOG_PIPE_BYTES_SECOND (switched_off("LOG_BUDGET") ? UINT32_MAX : (uint64_t)BYTES_MORE)
#undef LOG_PIPE_LINES
#undef LOG_PIPE_BYTES
#undef LOG_PIPE_SHARE
#define LOG_PIPE_LINES (switched_off("LOG_BUDGET") ? UINT64_MAX : (uint64_t)LINES_LIMIT)
#define LOG_PIPE_BYTES (switched_off("LOG_BUDGET") ? UINT64_MAX : (uint64_t)BYTES_LIMIT)
#define LOG_PIPE_SHARE (switched_off("LOG_BUDGET") ? UINT32_MAX : (unsigned)SHARE_LIMIT)

#include "supervisor/log_pipe.c"
