/* Which of several agents of one user and origin a turn goes to. */
#include <stdio.h>
#include <string.h>

#include "supervisor/agents.h"

size_t cell_origin(const char *cell) {
    return strcspn(cell, ".");
}

static unsigned load_of(const struct agent *agent) {
    return agent->queue_len + (agent->running != NULL ? 1 : 0);
}

static void name_of(const char *origin, unsigned i, char out[static CELL_SIZE]) {
    (void)snprintf(out, CELL_SIZE, i > 0 ? "%s.%u" : "%s", origin, i);
}

void turns_choose_cell(struct turns *turns, const char *user, const char *origin,
                       char out[static CELL_SIZE]) {
    unsigned best = 0, least = UINT32_MAX;
    for (unsigned i = 0; i < CELLS_PER_ORIGIN; i++) {
        char cell[CELL_SIZE];
        name_of(origin, i, cell);
        const struct agent *agent = agent_find(turns, user, cell);
        /* One that is there and idle is quicker than one that has yet to start. */
        unsigned load = agent == NULL ? 1 : 2 * load_of(agent);
        if (load >= least)
            continue;
        least = load;
        best = i;
    }
    name_of(origin, best, out);
}

bool turns_awaits_host(struct turns *turns, const char *user, const char *cell) {
    const struct agent *agent = agent_find(turns, user, cell);
    return agent != NULL && agent->running != NULL && agent->running->host_calls > 0;
}
