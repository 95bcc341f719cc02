/* What the zygote, its agents and their turns write to their fd 2: one pipe, read here. Lines are
 * cut, their level is checked, their number per second is bounded, and each is logged with "agent:"
 * before it. Writers never wait: a full pipe loses lines, and one that is flooded is left to fill.
 * Loop thread. */
#ifndef CLOISTER_SUPERVISOR_LOG_PIPE_H
#define CLOISTER_SUPERVISOR_LOG_PIPE_H

#include <event2/event.h>

#include "ipc/log.h"

#define LOG_PIPE_LINE 512
#define LOG_PIPE_RATE 50 /* lines a second */

struct log_pipe;

/* `write` gets each line that passes; log_line prints it in cloisterd. */
typedef void log_pipe_line(void *ctx, enum log_level level, const char *text);
int log_pipe_new(struct event_base *base, log_pipe_line *line, void *ctx,
                 struct log_pipe **ret) MUST_CHECK;
void log_pipe_free(struct log_pipe *pipe);
/* To hand to the zygote; stays the pipe's. */
int log_pipe_fd(const struct log_pipe *pipe);
/* The text behind "program: level: ", and the level; a line without them is INFO as a whole. */
const char *log_pipe_level(const char *line, enum log_level *ret);

#endif
