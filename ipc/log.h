/* Log lines: to the journal with fields where stderr is the journal's, else plain text on stderr,
 * "cloisterd: info: text request=ID". Process code logs, library code does not. A line never holds
 * a secret, a message or calendar text: callers pass fixed words, ids, numbers and error codes.
 * The text is cut at 512 bytes; control characters become '?'. May be called from any thread.
 * errno is kept. A journal that does not take a line within 100 ms loses it, and is told how many
 * it lost once it listens again.
 *
 * Journal fields: PRIORITY, SYSLOG_IDENTIFIER (the program), MESSAGE, and those of log_fields
 * (systemd: "Native Journal Protocol"). */
#ifndef CLOISTER_IPC_LOG_H
#define CLOISTER_IPC_LOG_H

#include "ipc/base.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* What a line is about. NULL or "": nothing is said. Each is cut at 64 bytes; what is not a letter,
 * a digit or one of ".:_-" becomes '?'. */
struct log_fields {
    const char *request; /* CLOISTER_REQUEST=, "request=" */
    const char *user;    /* CLOISTER_USER=, "user=": the opaque id */
    const char *code;    /* CLOISTER_CODE=, "code=": a stable error code */
    const char *trace;   /* CLOISTER_TRACE=, "trace=": W3C trace id */
};

/* Names the process in its lines; `program` must live as long as the process. Debug lines are shown
 * when CLOISTER_DEBUG is set in the environment. */
void log_open(const char *program);
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same about something; fields that are left out are those of the scope, if it has any. */
void log_with(enum log_level level, const struct log_fields *fields, const char *format, ...)
    PRINTF_LIKE(3, 4);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* LOG_ABOUT(.request = id, .user = user): every line of this thread until the enclosing block ends
 * is about that. Blocks nest; what the inner one leaves out stays. The strings must live as long.
 */
#define LOG_ABOUT(...)     LOG_ABOUT_(__COUNTER__, __VA_ARGS__)
#define LOG_ABOUT_(n, ...) LOG_ABOUT_AS_(n, __VA_ARGS__)
#define LOG_ABOUT_AS_(n, ...)                                                                      \
    __attribute__((cleanup(log_about_end_), unused)) const struct log_fields *log_outer_##n =      \
        log_about_begin_(&(struct log_fields){__VA_ARGS__})
const struct log_fields *log_about_begin_(struct log_fields *fields);
void log_about_end_(const struct log_fields **outer);

/* fatal: the environment is not as it must be (exit 1). panic: a bug (abort). */
void fatal(const char *format, ...) PRINTF_LIKE(1, 2) NORETURN;
void panic(const char *format, ...) PRINTF_LIKE(1, 2) NORETURN;

#endif
