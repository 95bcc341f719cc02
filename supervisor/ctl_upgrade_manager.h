/* Who keeps Cloister's programs running: the launcher (launch.sock in the runtime directory) or
 * systemd. */
#ifndef CLOISTER_SUPERVISOR_CTL_UPGRADE_MANAGER_H
#define CLOISTER_SUPERVISOR_CTL_UPGRADE_MANAGER_H

#include "ipc/config.h"

#define MANAGER_SERVICES 7
#define MANAGER_GATEWAYS 2 /* the last of them */

struct manager {
    bool systemd;
    char socket[108];                /* the launcher's */
    bool left_out[MANAGER_SERVICES]; /* neither restarted nor looked at */
};

struct manager_view {
    struct {
        pid_t pid; /* 0: none */
        bool ready;
        bool masked;       /* nobody may start it */
        bool stays_off;    /* it does not run, and nothing is about to start it */
        uint64_t start_ms; /* what it took to get ready; 0: not known */
    } of[MANAGER_SERVICES];
};

/* In the order in which they start. */
extern const char *const manager_services[MANAGER_SERVICES];

/* -ENOENT: neither is there. */
int manager_find(const struct config *config, struct manager *ret) MUST_CHECK;
int manager_look(const struct manager *manager, struct manager_view *ret) MUST_CHECK;
/* Fills in who is left out, from what ran at first: what is masked, and which programs of the front
 * door the administrator does without. Until then, nobody is. */
void manager_leave_out(struct manager *manager, const struct manager_view *view);
/* Which to restart. */
struct manager_part {
    size_t first, end; /* of manager_services */
};
#define MANAGER_ALL   ((struct manager_part){0, MANAGER_SERVICES})
#define MANAGER_INNER ((struct manager_part){0, MANAGER_SERVICES - MANAGER_GATEWAYS})
#define MANAGER_OUTER ((struct manager_part){MANAGER_SERVICES - MANAGER_GATEWAYS, MANAGER_SERVICES})

/* Those of the part that are not left out. Stops them, the last first; then starts them, each once
 * the one before is ready. 0 when all are, -ETIME or -EIO with a sentence. */
int manager_restart(const struct manager *manager, struct manager_part part, unsigned timeout_ms,
                    char *why, size_t why_len) MUST_CHECK;

#endif
