#include "ipc/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 512

static const char *log_program = "cloister";
static bool log_journal, log_verbose;

void log_open(const char *program) {
    log_program = program;
    log_journal = getenv("JOURNAL_STREAM") != NULL;
    log_verbose = getenv("CLOISTER_DEBUG") != NULL;
}

static const char *level_word(enum log_level level) {
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARN:
        return "warning";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "?";
}

static void log_args(enum log_level level, const char *format, va_list args) {
    if (level == LOG_LEVEL_DEBUG && !log_verbose)
        return;
    int saved = errno;
    char line[LINE_MAX_BYTES];
    int n = log_journal ? snprintf(line, sizeof(line), "<%d>%s: ", (int)level, log_program)
                        : snprintf(line, sizeof(line), "%s: %s: ", log_program, level_word(level));
    size_t used = n < 0 ? 0 : (size_t)n;
    n = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
    if (n > 0)
        used += (size_t)n;
    if (used > sizeof(line) - 2)
        used = sizeof(line) - 2;
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[used++] = '\n';
    (void)!write(STDERR_FILENO, line, used);
    errno = saved;
}

void log_line(enum log_level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_args(level, format, args);
    va_end(args);
}

void fatal(const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_args(LOG_LEVEL_ERROR, format, args);
    va_end(args);
    exit(1);
}

void panic(const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_args(LOG_LEVEL_ERROR, format, args);
    va_end(args);
    abort();
}
