/* Log lines on stderr: "<6>cloisterd: text" under the journal, "cloisterd: info: text" elsewhere.
 * Process code logs, library code does not. A line never holds a secret, a message or calendar
 * text: callers pass fixed words, ids, numbers and error codes. Lines are cut at 512 bytes; control
 * characters become '?'. May be called from any thread. errno is kept. */
#ifndef CLOISTER_IPC_LOG_H
#define CLOISTER_IPC_LOG_H

#include "ipc/base.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Names the process in its lines; `program` must live as long as the process. Debug lines are shown
 * when CLOISTER_DEBUG is set in the environment. */
void log_open(const char *program);
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* fatal: the environment is not as it must be (exit 1). panic: a bug (abort). */
void fatal(const char *format, ...) PRINTF_LIKE(1, 2) NORETURN;
void panic(const char *format, ...) PRINTF_LIKE(1, 2) NORETURN;

#endif
