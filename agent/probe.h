/* Proves the walls by trying to get through them, from inside a process made exactly as an agent
 * is, but that its filters answer where an agent's end it: some sixty lines in the kernel's log at
 * each start would hide those that matter. Each attempt is also made behind single layers, which
 * tells what gives a property on this kernel. */
#ifndef CLOISTER_AGENT_PROBE_H
#define CLOISTER_AGENT_PROBE_H

#include "agent/walls.h"

struct probe_report {
    bool held;
    char layers[96];     /* "namespaces+landlock+seccomp": each stops at least one attempt alone */
    const char *through; /* the first attempt that got through, when not held */
};

/* Layers an attempt can be made behind; the zygote's own namespaces are always there. */
enum probe_layer {
    PROBE_NAMESPACES = 1 << 0, /* user and PID namespace of its own */
    PROBE_LANDLOCK = 1 << 1,
    PROBE_SECCOMP = 1 << 2,
    PROBE_LIMITS = 1 << 3, /* capabilities and rlimits */
    PROBE_TURN = 1 << 4,   /* the turn's filter on top */
    PROBE_ALL = 15,
};

/* Fills ret[0 … WALL_MAX), and in `walls` which namespaces agents can be born with and whether
 * there are filters. 0, or -errno when trying itself failed. */
int probe_walls(struct walls *walls, struct probe_report ret[static WALL_MAX]) MUST_CHECK;

/* One attempt by its place in the table, for tests: 1 got through, 0 stopped, -errno; -ENOENT
 * behind the last. */
int probe_attempt(struct walls *walls, unsigned index, unsigned layers, const char **ret_name,
                  enum wall_property *ret_property) MUST_CHECK;

#endif
