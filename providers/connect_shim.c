#include "providers/connect_shim.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define ADOPTED_MAX 64 /* more than libcurl keeps */

static struct adopted {
    int fd;
    bool connected;
    socklen_t len;
    struct sockaddr_storage peer;
} adopted[ADOPTED_MAX];
static size_t adopted_n;

static struct adopted *find(int fd) {
    for (size_t i = 0; i < adopted_n; i++)
        if (adopted[i].fd == fd)
            return &adopted[i];
    return NULL;
}

bool connect_shim_adopt(int fd) {
    connect_shim_forget(fd);
    if (adopted_n == ADOPTED_MAX)
        return false;
    adopted[adopted_n++] = (struct adopted){.fd = fd};
    return true;
}

void connect_shim_forget(int fd) {
    struct adopted *found = find(fd);
    if (found != NULL)
        *found = adopted[--adopted_n];
}

#define OURS __attribute__((visibility("default")))

OURS int connect(int fd, const struct sockaddr *address, socklen_t len) {
    struct adopted *found = find(fd);
    if (found == NULL || found->connected || len > sizeof(found->peer))
        return (int)syscall(SYS_connect, fd, address, len);
    memcpy(&found->peer, address, len);
    found->len = len;
    found->connected = true;
    return 0;
}

OURS int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict len) {
    const struct adopted *found = find(fd);
    if (found == NULL || !found->connected)
        return (int)syscall(SYS_getpeername, fd, address, len);
    memcpy(address, &found->peer, *len < found->len ? *len : found->len);
    *len = found->len;
    return 0;
}

bool connect_shim_active(void) {
    return dlsym(RTLD_DEFAULT, "connect") == (void *)connect &&
           dlsym(RTLD_DEFAULT, "getpeername") == (void *)getpeername;
}
