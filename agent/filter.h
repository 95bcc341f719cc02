/* The system-call filters of syscalls.def as kernel programs: compiled once, in the zygote, and
 * loaded in every agent and turn as they are. */
#ifndef CLOISTER_AGENT_FILTER_H
#define CLOISTER_AGENT_FILTER_H

#include <linux/filter.h>

#include "ipc/base.h"

/* Each lives under the filters of those before it as well as under its own. */
enum filter_who { FILTER_AGENT = 1, FILTER_TURN = 2, FILTER_ZYGOTE = 4 };

struct filter {
    struct sock_filter *code;
    unsigned short len;
};

/* Compiles the rows of `who`; those of a zygote are its own and all of its agents', and what it may
 * not do is answered with EPERM where agents and turns are ended. 0 or -errno. */
int filter_compile(enum filter_who who, struct filter *ret) MUST_CHECK;
/* The same program, but that it answers with EPERM where the other ends the process, which the
 * kernel writes into its log: for trying what a filter stops. free(ret->code). 0 or -ENOMEM. */
int filter_copy_quiet(const struct filter *filter, struct filter *ret) MUST_CHECK;
/* Puts this process (one thread, no_new_privs set) under the filter. 0 or -errno. */
int filter_load(const struct filter *filter) MUST_CHECK;

#endif
