/* Descriptors that a program gave the launcher to keep over its own end, as systemd's
 * FileDescriptorStoreMax= does: handed back, under their names, each time it starts, until it takes
 * them out. */
#ifndef CLOISTER_DEPLOY_LAUNCHER_FDSTORE_H
#define CLOISTER_DEPLOY_LAUNCHER_FDSTORE_H

#include "ipc/base.h"

#define FDSTORE_MAX      16 /* of one program */
#define FDSTORE_NAME_MAX 63

struct fdstore {
    struct {
        int fd;
        char name[FDSTORE_NAME_MAX + 1];
    } held[FDSTORE_MAX];
    size_t n;
};

/* Takes `fd` over in any case. -ENOSPC: the store is full; -EINVAL: no name that can be passed on.
 */
int fdstore_put(struct fdstore *store, int fd, const char *name) MUST_CHECK;
/* Closes all of that name. */
void fdstore_remove(struct fdstore *store, const char *name);

#endif
