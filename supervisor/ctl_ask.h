/* cloisterctl's end of the control socket: one question, its lines, its answer. */
#ifndef CLOISTER_SUPERVISOR_CTL_ASK_H
#define CLOISTER_SUPERVISOR_CTL_ASK_H

#include <jansson.h>

#include "supervisor/control.h"
#include "supervisor/ctl_frontend.h"

#define CTL_DEFAULT_CONFIG "/etc/cloister/cloister.conf"

struct ctl_question {
    const char *socket; /* as ctl_find_socket says */
    const struct ctl_command *command;
    char **arguments;
    size_t n;
    /* Each line before the answer; stops when it returns false. May be NULL. */
    bool (*line)(void *ctx, const json_t *line);
    void *ctx;
    /* Asked a few times a second while nothing comes; true: the answer is wanted no more, as when
     * `line` says so. May be NULL. */
    bool (*enough)(void *ctx);
};

/* Where the socket is; ends the program when the options make no sense. */
void ctl_find_socket(const struct ctl_options *options, char *out, size_t cap);
/* cloisterd's exit status and its answer in *ret (the caller's), or CTL_FORBIDDEN, CTL_UNREACHABLE
 * or CTL_USAGE with *ret NULL and a sentence in `why`. CTL_DONE with *ret NULL: it was wanted no
 * more. */
enum ctl_exit ctl_ask(const struct ctl_question *question, json_t **ret, char *why, size_t why_len);

/* Fills in `pss_kib` of each agent of an array, of `most` evenly chosen ones when there are more.
 * Agents are not dumpable, so only root may read this: that is why cloisterd does not. */
void ctl_add_memory(json_t *agents, size_t most);

/* Of a file with lines "Name:  123 kB": an integer, or null. */
json_t *ctl_kib(const char *path, const char *name);

/* Writes what waits for standard output: `status`, or CTL_FAILED when that cannot be, with a word
 * on standard error. */
int ctl_output_end(int status);

/* "cloisterctl: WHY WHAT", and how to get help; ends the program. */
void ctl_usage(const char *why, const char *what) NORETURN;

#endif
