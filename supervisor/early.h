/* Waking ahead: who asked before is likely the same user with the same connection as then, so the
 * agent's process is begun while the database still says so. What the database says counts: this
 * gives a turn nothing but a process that may stand ready. A table of fixed size; who falls out of
 * it waits as everybody did before. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_EARLY_H
#define CLOISTER_SUPERVISOR_EARLY_H

#include "ipc/base.h"

struct early;
/* NULL: no memory. */
struct early *early_new(void);
void early_free(struct early *early);

struct early_user {
    uint64_t mark; /* a keyed hash of frontend and name, 0: empty */
    char user[ID_LEN + 1], connection[ID_LEN + 1];
};
void early_note(struct early *early, const char *frontend, const char *name, const char *user,
                const char *connection);
/* NULL: not known. */
const struct early_user *early_find(const struct early *early, const char *frontend,
                                    const char *name);
/* Every name of this user. */
void early_forget(struct early *early, const char *user);

#endif
