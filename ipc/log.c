#include "ipc/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define TEXT_MAX_BYTES  512
#define FIELD_MAX_BYTES 64
#define ENTRY_MAX_BYTES 2048
#define JOURNAL_WAIT_US 100000
#define JOURNAL_SOCKET  "/run/systemd/journal/socket"

static const char *log_program = "cloister";
static bool log_journal, log_verbose;
static unsigned log_lost; /* lines that the journal did not take; used with atomics */
static _Thread_local const struct log_fields *log_scope;

/* systemd.exec(5), $JOURNAL_STREAM: set does not mean that stderr still is the journal's. */
static bool stderr_is_journal(void) {
    uint64_t device, inode;
    struct stat st;
    const char *stream = getenv("JOURNAL_STREAM"),
               *rest = stream == NULL ? NULL : number_read(stream, &device);
    return rest != NULL && rest[0] == ':' && number_read(rest + 1, &inode) != NULL &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *program) {
    log_program = program;
    log_journal = stderr_is_journal();
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

/* Text that grows until it is full. */
struct text {
    char *bytes;
    size_t used, cap;
};

PRINTF_LIKE(2, 0)
static void add_args(struct text *text, const char *format, va_list args) {
    size_t left = text->cap - text->used;
    int n = vsnprintf(text->bytes + text->used, left, format, args);
    if (n > 0)
        text->used += (size_t)n < left ? (size_t)n : left - 1;
}

PRINTF_LIKE(2, 3)
static void add(struct text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add_args(text, format, args);
    va_end(args);
}

static const struct {
    size_t at;
    const char *word, *journal;
} kinds[] = {
    {offsetof(struct log_fields, request), "request", "CLOISTER_REQUEST"},
    {offsetof(struct log_fields, user), "user", "CLOISTER_USER"},
    {offsetof(struct log_fields, code), "code", "CLOISTER_CODE"},
    {offsetof(struct log_fields, trace), "trace", "CLOISTER_TRACE"},
};

static const char **field_of(struct log_fields *fields, size_t kind) {
    return (const char **)((char *)fields + kinds[kind].at);
}

/* What `over` leaves out is taken from `under`. */
static void merge(struct log_fields *over, const struct log_fields *under) {
    for (size_t i = 0; under != NULL && i < COUNT_OF(kinds); i++) {
        const char **value = field_of(over, i);
        if (*value == NULL || **value == '\0')
            *value = *field_of((struct log_fields *)under, i);
    }
}

static void add_word(struct text *text, const char *word) {
    size_t len = strlen(word), left = text->cap - text->used;
    if (len >= left)
        len = left > 0 ? left - 1 : 0;
    memcpy(text->bytes + text->used, word, len);
    text->used += len;
}

static bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == ':' || c == '_' || c == '-';
}

static void add_value(struct text *text, const char *value) {
    char shown[FIELD_MAX_BYTES + 1];
    size_t n = 0;
    for (; n < FIELD_MAX_BYTES && value[n] != '\0'; n++)
        shown[n] = value[n];
    shown[n] = '\0';
    while (n-- > 0)
        shown[n] = plain(shown[n]) ? shown[n] : '?';
    add_word(text, shown);
}

/* " request=ID user=ID", or "CLOISTER_REQUEST=ID\n…" for the journal. */
static void add_fields(struct text *text, struct log_fields *fields, bool journal) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const char *value = *field_of(fields, i);
        if (value == NULL || value[0] == '\0')
            continue;
        add_word(text, journal ? "" : " ");
        add_word(text, journal ? kinds[i].journal : kinds[i].word);
        add_word(text, "=");
        add_value(text, value);
        add_word(text, journal ? "\n" : "");
    }
    text->bytes[text->used] = '\0';
}

/* A socket for each line: one kept open would be closed with what a daemon inherits, and its number
 * then be somebody else's. */
static bool journal_send(const struct text *entry) {
    static const struct timeval wait = {0, JOURNAL_WAIT_US};
    static const struct sockaddr_un journal = {AF_UNIX, JOURNAL_SOCKET};
    SCOPE_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (sendto(fd, entry->bytes, entry->used, MSG_NOSIGNAL, (const struct sockaddr *)&journal,
               sizeof(journal)) >= 0)
        return true;
    if (errno != EAGAIN)
        return false;
    (void)__atomic_add_fetch(&log_lost, 1, __ATOMIC_RELAXED);
    return true;
}

/* False when the journal cannot be reached by its own protocol; stderr leads to it, too. */
static bool write_journal(enum log_level level, const char *message, struct log_fields *fields) {
    char bytes[ENTRY_MAX_BYTES];
    struct text entry = {bytes, 0, sizeof(bytes)};
    unsigned lost = __atomic_exchange_n(&log_lost, 0, __ATOMIC_RELAXED);
    if (lost > 0) {
        add(&entry,
            "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=%u lines were lost: the journal did "
            "not take them\n",
            LOG_LEVEL_WARN, log_program, lost);
        if (!journal_send(&entry))
            (void)__atomic_add_fetch(&log_lost, lost, __ATOMIC_RELAXED);
        entry.used = 0;
    }
    add(&entry, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=%s\n", (int)level, log_program,
        message);
    add_fields(&entry, fields, true);
    return journal_send(&entry);
}

static void write_plain(enum log_level level, const char *message) {
    char bytes[ENTRY_MAX_BYTES];
    struct text line = {bytes, 0, sizeof(bytes) - 1};
    if (log_journal) {
        add(&line, "<%d>%s", (int)level, message);
    } else {
        const char *const words[] = {log_program, ": ", level_word(level), ": ", message};
        for (size_t i = 0; i < COUNT_OF(words); i++)
            add_word(&line, words[i]);
    }
    bytes[line.used++] = '\n';
    (void)!write(STDERR_FILENO, bytes, line.used);
}

PRINTF_LIKE(3, 0)
static void log_args(enum log_level level, const struct log_fields *about, const char *format,
                     va_list args) {
    if (level == LOG_LEVEL_DEBUG && !log_verbose)
        return;
    int saved = errno;
    struct log_fields fields = about != NULL ? *about : (struct log_fields){0};
    char message[TEXT_MAX_BYTES + COUNT_OF(kinds) * (FIELD_MAX_BYTES + 16)];
    struct text text = {message, 0, TEXT_MAX_BYTES};
    merge(&fields, log_scope);
    errno = saved; /* %m */
    add_args(&text, format, args);
    for (size_t i = 0; i < text.used; i++)
        if ((unsigned char)message[i] < 0x20 || message[i] == 0x7f)
            message[i] = '?';
    text.cap = sizeof(message);
    add_fields(&text, &fields, false);
    if (!log_journal || !write_journal(level, message, &fields))
        write_plain(level, message);
    errno = saved;
}

void log_line(enum log_level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_args(level, NULL, format, args);
    va_end(args);
}

void log_with(enum log_level level, const struct log_fields *fields, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_args(level, fields, format, args);
    va_end(args);
}

const struct log_fields *log_about_begin_(struct log_fields *fields) {
    const struct log_fields *outer = log_scope;
    merge(fields, outer);
    log_scope = fields;
    return outer;
}

void log_about_end_(const struct log_fields **outer) {
    log_scope = *outer;
}

void fatal(const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_args(LOG_LEVEL_ERROR, NULL, format, args);
    va_end(args);
    exit(1);
}

void panic(const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_args(LOG_LEVEL_ERROR, NULL, format, args);
    va_end(args);
    abort();
}
