/* The last rung of a daemon's start-up ladder: after this the process is confined and the loop
 * begins. Agents have walls of their own (agent/walls.h). */
#ifndef CLOISTER_IPC_CONFINE_H
#define CLOISTER_IPC_CONFINE_H

#include "ipc/config.h"

enum confine_flags {
    CONFINE_MAY_EXEC =
        1 << 0, /* cloisterd: posix_spawn of the set-user-ID agent; no no_new_privs */
    CONFINE_KEEP_KILL = 1 << 1,   /* cloisterd: CAP_KILL, to signal agents of another uid */
    CONFINE_NO_INTERNET = 1 << 2, /* cloister-keys: unix sockets only */
    /* What [runtime] accept_missing_walls says a daemon may go without: confine_accepted. */
    CONFINE_MAY_LACK_FILTER = 1 << 3, /* "privilege": no seccomp in this kernel */
    CONFINE_MAY_SWAP = 1 << 4,        /* "leftovers": there is swap and memory cannot be locked */
};

/* The two flags above, by the configuration. */
unsigned confine_accepted(const struct config *config);

/* Becomes `user` (when root; otherwise must already be it, for cloisterd with CAP_SYS_ADMIN and
 * CAP_KILL, and CAP_SETPCAP so that nothing it starts gets any of them), keeps no capability but
 * the one asked for, no core dumps, not dumpable (so /proc/PID is closed to the same uid), memory
 * locked where there is swap, a system-call filter that refuses what no daemon needs (EPERM). Each
 * is looked at again after it was done. Fails closed: -errno, and `why` holds a sentence; after
 * success `why` says what was gone without, or is empty. Call once, before any thread is started.
 */
int confine_process(const char *user, unsigned flags, char *why, size_t why_len) MUST_CHECK;

/* Looks a system user up. 0, -ENOENT or -errno. */
int user_lookup(const char *name, uid_t *ret_uid, gid_t *ret_gid) MUST_CHECK;

#endif
