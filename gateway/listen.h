/* Listening sockets, made before the process is confined. */
#ifndef CLOISTER_GATEWAY_LISTEN_H
#define CLOISTER_GATEWAY_LISTEN_H

#include "ipc/base.h"

/* Binds and listens on "host:port" or "[v6]:port". The descriptor (nonblocking, CLOEXEC), or -errno
 * with a sentence in `why`. */
int listen_tcp(const char *address, char *why, size_t why_len) MUST_CHECK;
/* The unix socket at `path`, mode 0660, of `group` when the process may give it away; replaces a
 * stale one. */
int listen_unix(const char *path, const char *user, const char *group, char *why,
                size_t why_len) MUST_CHECK;
/* Sockets that systemd or the launcher opened for us, by the names `door` ("owner", "public") and
 * "operator" (FileDescriptorName=), or -1 each; others are closed. The environment forgets them. 0
 * or -errno.
 */
int listen_inherited(const char *door, int *ret_door, int *ret_operators) MUST_CHECK;

#endif
