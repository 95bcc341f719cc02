/* How short of memory the machine is, or the control group that cloisterd lives in, whichever is
 * closer to its end: looked at once a second, four times as often while it is short. Reads what the
 * kernel counts: time lost waiting for memory (PSI, Documentation/accounting/psi.rst) and what is
 * free (proc_meminfo(5) MemAvailable; cgroup v2 memory.max, memory.current, memory.stat; v1
 * memory.limit_in_bytes, memory.usage_in_bytes). What is not there is not looked at. Decides
 * nothing: whoever listens parks and refuses. Loop thread. Nothing here logs. */
#ifndef CLOISTER_SUPERVISOR_PRESSURE_H
#define CLOISTER_SUPERVISOR_PRESSURE_H

#include <event2/event.h>

#include "ipc/base.h"

struct pressure;

/* NONE; LOW: give up what can be given up; LEAST: start nothing new either. */
#define PRESSURE_LEVELS(X) X(NONE, "none") X(LOW, "low") X(LEAST, "least")
enum pressure_level {
#define X(level, name) PRESSURE_##level,
    PRESSURE_LEVELS(X)
#undef X
};
const char *pressure_level_name(enum pressure_level level);

struct pressure_reading {
    enum pressure_level level;
    unsigned stalled;     /* percent of the time since the last look in which some process waited
                             for memory */
    unsigned all_stalled; /* likewise, all that had something to do */
    uint64_t free, whole; /* bytes, of the tightest: machine or control group; 0, 0: unknown */
};

struct pressure_setup {
    const char *root;       /* what the kernel's files are under: "" */
    unsigned stall_percent; /* LOW from this `stalled` on, LEAST from this `all_stalled` on, unless
                               30% is free: then who waits has a limit of its own; 0: never */
    unsigned low_percent;   /* LOW when less is free of the whole; 0: never */
    unsigned least_percent; /* LEAST likewise */
    uint64_t every_ms;
    void (*looked)(void *ctx, const struct pressure_reading *reading); /* after each look */
    void *ctx;
};

/* `setup` is copied, root included in what is opened here. -ENOTSUP: there is nothing to read (a
 * /proc without it and no control group), *ret is NULL, and memory is not watched; -ENOMEM. */
int pressure_new(struct event_base *base, const struct pressure_setup *setup,
                 struct pressure **ret) MUST_CHECK;
void pressure_free(struct pressure *pressure);

/* The last look; level NONE before the first, and for NULL. */
struct pressure_reading pressure_last(const struct pressure *pressure);

#endif
