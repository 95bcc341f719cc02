/* Starting other programs from cloisterctl, for an upgrade. */
#ifndef CLOISTER_SUPERVISOR_CTL_UPGRADE_RUN_H
#define CLOISTER_SUPERVISOR_CTL_UPGRADE_RUN_H

#include "ipc/base.h"

/* Runs args[0] with a clean environment, stdin empty; what it says on stdout and stderr goes to
 * `said` (cut, always a string). Its exit status; 128+n for a signal; -ETIME: killed after
 * `timeout_ms`; -errno. */
int upgrade_run(const char *const *args, unsigned timeout_ms, char *said, size_t cap) MUST_CHECK;
/* At most cap-1 bytes of a file whose size is not known, as a string. Their number or -errno. */
ssize_t file_read_some(const char *path, char *out, size_t cap) MUST_CHECK;

#endif
