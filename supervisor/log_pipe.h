/* What the zygote, its agents and their turns write to their fd 2. The zygote has a pipe, and each
 * agent one of its own that it shares with its turns alone. Lines are cut, their level is checked,
 * and their number is bounded. Writers never wait: a full pipe loses what they write. Loop thread.
 */
#ifndef CLOISTER_SUPERVISOR_LOG_PIPE_H
#define CLOISTER_SUPERVISOR_LOG_PIPE_H

#include <event2/event.h>

#include "ipc/log.h"

#define LOG_PIPE_LINE 512
#define LOG_PIPE_RATE 50 /* lines a second of the zygote; more are dropped, and counted */

/* An agent has so much in hand, and gets so much more each second. Who needs more is flooding: its
 * pipe is closed for good, and costs nobody anything from then on. */
#define LOG_PIPE_LINES        60
#define LOG_PIPE_LINES_SECOND 5
#define LOG_PIPE_BYTES        16384
#define LOG_PIPE_BYTES_SECOND 1024
/* Lines a second of all agents together, should very many of them write at once. */
#define LOG_PIPE_SHARE 200

struct log_pipe;

/* Gets each line that passes; log_line prints it in cloisterd. */
typedef void log_pipe_line(void *ctx, enum log_level level, const char *text);

/* The zygote's. 0 or -errno. */
int log_pipe_new(struct event_base *base, log_pipe_line *line, void *ctx,
                 struct log_pipe **ret) MUST_CHECK;

/* What all agents' pipes have in common; zeroes to begin with. */
struct log_share {
    uint64_t second; /* of `count` */
    unsigned count;
    uint64_t lost; /* lines, so far */
};
/* An agent's: one page in the kernel, and no memory here but while half a line waits. `closed` is
 * called at most once, when it wrote more than it may; it must not free the pipe. 0 or -errno. */
int log_pipe_new_agent(struct event_base *base, struct log_share *share, log_pipe_line *line,
                       void (*closed)(void *ctx), void *ctx, struct log_pipe **ret) MUST_CHECK;

/* To hand on; stays the pipe's. */
int log_pipe_fd(const struct log_pipe *pipe);
/* It was handed on: closes the pipe's own copy, so that the last writer's end is noticed. */
void log_pipe_handed(struct log_pipe *pipe);
/* Passes on what still waits in an agent's pipe: its last words. */
void log_pipe_drain(struct log_pipe *pipe);
void log_pipe_free(struct log_pipe *pipe);

/* The text behind "program: level: ", and the level; a line without them is INFO as a whole. */
const char *log_pipe_level(const char *line, enum log_level *ret);

#endif
