#include "supervisor/log_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define LOST_RATE  1000 /* lines a second that are read only to be dropped */
#define PAUSE_MS   100
#define AGENT_PIPE 4096 /* what it holds: a page, the least there is */
#define READ_COST  16 /* bytes that a read is charged at least: who writes byte by byte wakes us */

struct log_pipe {
    struct event *readable, *resume; /* `resume`: the zygote's alone */
    log_pipe_line *line;
    void (*closed)(void *ctx); /* an agent's alone, and so are the next four */
    struct log_share *share;
    uint64_t filled_ms; /* clock of the last refill */
    uint64_t lines, bytes;
    void *ctx;
    int fds[2];
    uint64_t second; /* of `count` */
    unsigned count, lost;
    bool cutting; /* the rest of a line that was cut */
    size_t used;
    char *text; /* the beginning of a line, while there is one */
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

/* May one more line of the zygote pass? */
static bool rate_passes(struct log_pipe *pipe) {
    uint64_t second = clock_ms() / 1000;
    if (second != pipe->second) {
        pipe->second = second;
        pipe->count = 0;
        tell_lost(pipe);
    }
    bool passes = pipe->count++ < LOG_PIPE_RATE;
    pipe->lost += passes ? 0 : 1;
    return passes;
}

/* Of an agent? `lines` goes to 0 here, and on_agent_readable closes the pipe. */
static bool budget_passes(struct log_pipe *pipe) {
    struct log_share *share = pipe->share;
    uint64_t second = clock_ms() / 1000;
    if (pipe->lines == 0)
        return false;
    pipe->lines--;
    if (second != share->second) {
        share->second = second;
        share->count = 0;
    }
    bool passes = share->count++ < LOG_PIPE_SHARE;
    share->lost += passes ? 0 : 1;
    return passes;
}

static void end_line(struct log_pipe *pipe) {
    if (pipe->used == 0)
        return;
    pipe->text[pipe->used] = '\0';
    pipe->used = 0;
    if (pipe->closed == NULL ? rate_passes(pipe) : budget_passes(pipe)) {
        enum log_level level;
        const char *text = log_pipe_level(pipe->text, &level);
        pipe->line(pipe->ctx, level, text);
    }
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

/* False: there is no memory for the beginning of a line, so what was read is lost. */
static bool add(struct log_pipe *pipe, const char *data, size_t len) {
    if (pipe->text == NULL && (pipe->text = malloc(LOG_PIPE_LINE + 1)) == NULL)
        return false;
    for (size_t i = 0; i < len; i++)
        add_byte(pipe, data[i]);
    if (pipe->used == 0) {
        free(pipe->text);
        pipe->text = NULL;
    }
    return true;
}

/* ---- the zygote's ---- */

/* Reading what is dropped anyway would keep cloisterd from everything else. A full pipe drops it
 * too, and costs the writer alone. */
static void pause_if_flooded(struct log_pipe *pipe) {
    static const struct timeval wait = {0, PAUSE_MS * 1000};
    if (pipe->lost >= LOST_RATE && event_add(pipe->resume, &wait) == 0)
        (void)event_del(pipe->readable);
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct log_pipe *pipe = arg;
    char data[4096];
    ssize_t n = read(fd, data, sizeof(data));
    if (n > 0)
        (void)add(pipe, data, (size_t)n);
    pause_if_flooded(pipe);
}

static void on_resume(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)event_add(((struct log_pipe *)arg)->readable, NULL);
}

/* ---- an agent's ---- */

static uint64_t refilled(uint64_t left, uint64_t a_second, uint64_t ms, uint64_t most) {
    uint64_t more = ms * a_second / 1000;
    return left >= most || more >= most - left ? most : left + more;
}

/* Whole seconds only, so that nothing is lost by asking often. */
static void refill(struct log_pipe *pipe) {
    uint64_t ms = (clock_ms() - pipe->filled_ms) / 1000 * 1000;
    pipe->filled_ms += ms;
    pipe->lines = refilled(pipe->lines, LOG_PIPE_LINES_SECOND, ms, LOG_PIPE_LINES);
    pipe->bytes = refilled(pipe->bytes, LOG_PIPE_BYTES_SECOND, ms, LOG_PIPE_BYTES);
}

static void stop_reading(struct log_pipe *pipe) {
    (void)event_del(pipe->readable);
    (void)close(
        take_fd(&pipe->fds[0])); /* who writes on gets EPIPE, at the price of a system call */
}

/* False when there is nothing more to come. */
static bool read_agent(struct log_pipe *pipe) {
    char data[AGENT_PIPE];
    ssize_t n = read(pipe->fds[0], data, sizeof(data));
    if (n < 0)
        return errno == EINTR;
    if (n == 0) { /* the agent and its turns have ended */
        stop_reading(pipe);
        return false;
    }
    refill(pipe);
    uint64_t cost = n < READ_COST ? READ_COST : (uint64_t)n;
    bool within = cost <= pipe->bytes;
    pipe->bytes -= within ? cost : pipe->bytes;
    (void)add(pipe, data, (size_t)n);
    if (within && pipe->lines > 0)
        return true;
    stop_reading(pipe);
    pipe->closed(pipe->ctx);
    return false;
}

static void on_agent_readable(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    (void)read_agent(arg); /* the rest in another round of the loop: others wait as well */
}

void log_pipe_drain(struct log_pipe *pipe) {
    while (pipe->fds[0] >= 0 && read_agent(pipe))
        ;
}

/* ---- both ---- */

static struct log_pipe *pipe_new(struct event_base *base, event_callback_fn readable,
                                 log_pipe_line *line, void *ctx) {
    struct log_pipe *pipe = calloc(1, sizeof(*pipe));
    if (pipe == NULL)
        return NULL;
    pipe->line = line;
    pipe->ctx = ctx;
    pipe->fds[0] = pipe->fds[1] = -1;
    if (pipe2(pipe->fds, O_CLOEXEC | O_NONBLOCK) == 0)
        pipe->readable = event_new(base, pipe->fds[0], EV_READ | EV_PERSIST, readable, pipe);
    if (pipe->readable == NULL || event_add(pipe->readable, NULL) < 0) {
        log_pipe_free(pipe);
        return NULL;
    }
    return pipe;
}

int log_pipe_new(struct event_base *base, log_pipe_line *line, void *ctx, struct log_pipe **ret) {
    struct log_pipe *pipe = pipe_new(base, on_readable, line, ctx);
    if (pipe == NULL)
        return -ENOMEM;
    pipe->resume = evtimer_new(base, on_resume, pipe);
    if (pipe->resume == NULL) {
        log_pipe_free(pipe);
        return -ENOMEM;
    }
    *ret = pipe;
    return 0;
}

int log_pipe_new_agent(struct event_base *base, struct log_share *share, log_pipe_line *line,
                       void (*closed)(void *ctx), void *ctx, struct log_pipe **ret) {
    errno = 0;
    struct log_pipe *pipe = pipe_new(base, on_agent_readable, line, ctx);
    if (pipe == NULL)
        return errno == EMFILE || errno == ENFILE ? -errno : -ENOMEM;
    (void)fcntl(pipe->fds[0], F_SETPIPE_SZ, AGENT_PIPE); /* a larger one is as good */
    pipe->share = share;
    pipe->closed = closed;
    pipe->filled_ms = clock_ms();
    pipe->lines = LOG_PIPE_LINES;
    pipe->bytes = LOG_PIPE_BYTES;
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
    free(pipe->text);
    free(pipe);
}

int log_pipe_fd(const struct log_pipe *pipe) {
    return pipe->fds[1];
}

void log_pipe_handed(struct log_pipe *pipe) {
    if (pipe->fds[1] >= 0)
        (void)close(take_fd(&pipe->fds[1]));
}
