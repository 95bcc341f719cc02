/* Root's own word with a running cloister-keys: over its socket, known to it by the kernel's word
 * on the peer. What is handed over goes as an open descriptor and through no other process, so
 * cloisterd never sees a secret. Used by cloisterctl alone. */
#ifndef CLOISTER_SUPERVISOR_CTL_KEYS_H
#define CLOISTER_SUPERVISOR_CTL_KEYS_H

#include "ipc/config.h"
#include "ipc/message.h"

/* A connected socket whose other end is root's or cloister-keys' own. -errno with a sentence in
 * `why`. */
int ctl_keys_connect(const struct config *config, char *why, size_t why_len) MUST_CHECK;
/* One question with `pass_fd` (-1: none), one answer; *ret is a KEYS_STATE to free with msg_free.
 * -errno: cloister-keys is gone or does not answer within ten seconds. What it refuses is in the
 * answer. */
int ctl_keys_ask(int fd, Cloister__Message *question, int pass_fd,
                 Cloister__Message **ret) MUST_CHECK;

/* What keys.provider=systemd keeps encrypted in the system's credential store, by systemd-creds(1).
 * 0 or a descriptor, or -errno with a sentence; -ENOENT: there is no such credential. */
int ctl_credential_open(const char *name, char *why, size_t why_len) MUST_CHECK;
int ctl_credential_put(const char *name, int plain, char *why, size_t why_len) MUST_CHECK;
int ctl_credential_remove(const char *name, char *why, size_t why_len) MUST_CHECK;

#endif
