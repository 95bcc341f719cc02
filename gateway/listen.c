#include "gateway/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#define BACKLOG 1024

static bool split_address(const char *address, char *host, size_t cap, const char **ret_port) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || (size_t)(colon - address) >= cap)
        return false;
    size_t len = (size_t)(colon - address);
    if (address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    memcpy(host, address, len);
    host[len] = '\0';
    *ret_port = colon + 1;
    return len > 0;
}

static int listen_one(const struct addrinfo *at) {
    int on = 1;
    SCOPE_FD int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                     sizeof(on)); /* accepted sockets inherit it */
    if (at->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return take_fd(&fd);
}

int listen_tcp(const char *address, char *why, size_t why_len) {
    char host[256];
    const char *port = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    if (!split_address(address, host, sizeof(host), &port)) {
        (void)snprintf(why, why_len, "'%s' to listen on is not host:port", address);
        return -EINVAL;
    }
    if (getaddrinfo(host, port, &hints, &found) != 0 || found == NULL) {
        (void)snprintf(why, why_len, "'%s' to listen on is no address of this machine", host);
        return -EADDRNOTAVAIL;
    }
    int fd = listen_one(found);
    freeaddrinfo(found);
    if (fd < 0)
        (void)snprintf(why, why_len, "cannot listen on %s: %s", address, strerror(-fd));
    return fd;
}

int listen_unix(const char *path, const char *user, const char *group, char *why, size_t why_len) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof(at.sun_path)) {
        (void)snprintf(why, why_len, "%s is too long for a socket's name", path);
        return -ENAMETOOLONG;
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    SCOPE_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        (void)unlink(path);
    mode_t old = umask(0117);
    int r = bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
    (void)umask(old);
    if (r == 0 && listen(fd, 64) < 0)
        r = -errno;
    if (r < 0) {
        (void)snprintf(why, why_len,
                       "cannot make the operators' socket %s: %s. Its folder must exist and belong "
                       "to the gateway's user",
                       path, strerror(-r));
        return r;
    }
    const struct passwd *owner = getpwnam(user);
    const struct group *operators = group[0] != '\0' ? getgrnam(group) : NULL;
    uid_t uid = owner != NULL && geteuid() == 0 ? owner->pw_uid : (uid_t)-1;
    /* Not allowed unless root or a member: then the socket stays with the gateway's own group. */
    (void)!lchown(path, uid, operators != NULL ? operators->gr_gid : (gid_t)-1);
    return take_fd(&fd);
}

int listen_inherited(const char *door, int *ret_door, int *ret_operators) {
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        bool listens = sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0;
        int *slot = !listens                            ? NULL
                    : strcmp(names[i], door) == 0       ? ret_door
                    : strcmp(names[i], "operator") == 0 ? ret_operators
                                                        : NULL;
        if (slot != NULL && *slot < 0 && fd_nonblock(fd) == 0)
            *slot = fd;
        else
            (void)close(fd);
        free(names[i]);
    }
    free(names);
    return 0;
}
