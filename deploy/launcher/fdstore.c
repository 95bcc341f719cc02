#include "deploy/launcher/fdstore.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* sd_notify(3): printable ASCII but ':', which parts the names in LISTEN_FDNAMES. */
static bool name_good(const char *name) {
    size_t len = strlen(name);
    for (const char *c = name; *c != '\0'; c++)
        if (*c < ' ' || *c > '~' || *c == ':')
            return false;
    return len > 0 && len <= FDSTORE_NAME_MAX;
}

int fdstore_put(struct fdstore *store, int fd, const char *name) {
    int r = !name_good(name) ? -EINVAL : store->n == FDSTORE_MAX ? -ENOSPC : 0;
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    store->held[store->n].fd = fd;
    strcpy(store->held[store->n++].name, name);
    return 0;
}

void fdstore_remove(struct fdstore *store, const char *name) {
    size_t left = 0;
    for (size_t i = 0; i < store->n; i++) {
        if (strcmp(store->held[i].name, name) == 0)
            (void)close(store->held[i].fd);
        else
            store->held[left++] = store->held[i];
    }
    store->n = left;
}
