#include "supervisor/log_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define LOST_RATE 1000 /* lines a second that are read only to be dropped */
#define PAUSE_MS  100

struct log_pipe {
    struct event *readable, *resume;
    log_pipe_line *line;
    void *ctx;
    int fds[2];
    uint64_t second; /* of `count` */
    unsigned count, lost;
    bool cutting; /* the rest of a line that was cut */
    size_t used;
    char text[LOG_PIPE_LINE + 1];
};

static const struct {
    const char *word;
    enum log_level level;
} words[] = {{": error: ", LOG_LEVEL_ERROR},
             {": warning: ", LOG_LEVEL_WARN},
             {": info: ", LOG_LEVEL_INFO},
             {": debug: ", LOG_LEVEL_DEBUG}};

const char *log_pipe_level(const char *line, enum log_level *ret) {
    size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz-");
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (name > 0 && strncmp(line + name, words[i].word, strlen(words[i].word)) == 0) {
            *ret = words[i].level;
            return line + name + strlen(words[i].word);
        }
    *ret = LOG_LEVEL_INFO;
    return line;
}

static void tell_lost(struct log_pipe *pipe) {
    char text[64];
    if (pipe->lost == 0)
        return;
    (void)snprintf(text, sizeof(text), "%u lines were dropped, too many a second", pipe->lost);
    pipe->lost = 0;
    pipe->line(pipe->ctx, LOG_LEVEL_WARN, text);
}

static void end_line(struct log_pipe *pipe) {
    pipe->text[pipe->used] = '\0';
    uint64_t second = clock_ms() / 1000;
    if (second != pipe->second) {
        pipe->second = second;
        pipe->count = 0;
        tell_lost(pipe);
    }
    if (pipe->used > 0 && pipe->count++ >= LOG_PIPE_RATE) {
        pipe->lost++;
    } else if (pipe->used > 0) {
        enum log_level level;
        const char *text = log_pipe_level(pipe->text, &level);
        pipe->line(pipe->ctx, level, text);
    }
    pipe->used = 0;
}

static void add_byte(struct log_pipe *pipe, char c) {
    if (c == '\n') {
        if (!pipe->cutting)
            end_line(pipe);
        pipe->cutting = false;
    } else if (!pipe->cutting) {
        pipe->text[pipe->used++] = c == '\0' ? '?' : c;
        if (pipe->used == LOG_PIPE_LINE) {
            end_line(pipe);
            pipe->cutting = true;
        }
    }
}

/* Reading what is dropped anyway would keep cloisterd from everything else. A full pipe drops it
 * too, and costs the writer alone. */
static void pause_if_flooded(struct log_pipe *pipe) {
    static const struct timeval wait = {0, PAUSE_MS * 1000};
    if (pipe->lost >= LOST_RATE && event_add(pipe->resume, &wait) == 0)
        (void)event_del(pipe->readable);
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    char data[4096];
    ssize_t n = read(fd, data, sizeof(data));
    for (ssize_t i = 0; i < n; i++)
        add_byte(arg, data[i]);
    pause_if_flooded(arg);
}

static void on_resume(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)event_add(((struct log_pipe *)arg)->readable, NULL);
}

int log_pipe_new(struct event_base *base, log_pipe_line *line, void *ctx, struct log_pipe **ret) {
    struct log_pipe *pipe = calloc(1, sizeof(*pipe));
    if (pipe == NULL)
        return -ENOMEM;
    pipe->line = line;
    pipe->ctx = ctx;
    pipe->fds[0] = pipe->fds[1] = -1;
    if (pipe2(pipe->fds, O_CLOEXEC | O_NONBLOCK) == 0)
        pipe->readable = event_new(base, pipe->fds[0], EV_READ | EV_PERSIST, on_readable, pipe);
    pipe->resume = evtimer_new(base, on_resume, pipe);
    if (pipe->readable == NULL || pipe->resume == NULL || event_add(pipe->readable, NULL) < 0) {
        log_pipe_free(pipe);
        return -ENOMEM;
    }
    *ret = pipe;
    return 0;
}

void log_pipe_free(struct log_pipe *pipe) {
    if (pipe == NULL)
        return;
    if (pipe->readable != NULL)
        event_free(pipe->readable);
    if (pipe->resume != NULL)
        event_free(pipe->resume);
    for (size_t i = 0; i < COUNT_OF(pipe->fds); i++)
        if (pipe->fds[i] >= 0)
            (void)close(pipe->fds[i]);
    free(pipe);
}

int log_pipe_fd(const struct log_pipe *pipe) {
    return pipe->fds[1];
}
