/* A program's numbers in a file of the runtime directory that it alone writes and cloisterd reads.
 *
 * Why a file and no message: neither cloister-keys nor cloister-egress gets a question more to
 * answer, a decoder or a connection for it, and their numbers cost nothing while nobody looks. The
 * reader copies with pread, so a writer that cuts the file short harms nobody; it takes the file
 * only from the right uid, only while a living process holds its lock (the kernel says which), and
 * of it only the rows of metrics.def that this program tells, and how much memory it has. It can
 * lie in those and in nothing else. */
#ifndef CLOISTER_IPC_METRICS_PAGE_H
#define CLOISTER_IPC_METRICS_PAGE_H

#include "ipc/metrics.h"

/* Makes the file anew and locks it for as long as the process lives. *ret is shared memory: counted
 * in from now on, never freed. Call as the user that is to own it. 0 or -errno. */
int metrics_page_new(const char *path, struct metrics **ret) MUST_CHECK;

/* Writes into the process's page, if it has one, how much memory it has: its reader may not be let
 * see that (ProtectProc=). To be called now and then, by what turns anyway. */
void metrics_page_tell(void);

/* Adds what `teller`, who runs as `uid`, has in its file. *ret_resident are the bytes of its memory
 * as the kernel tells, else as it told itself last; 0: not known. -ESRCH: it does not run; -EPERM:
 * somebody else's file; -EINVAL: another version's; or the errno of open. */
int metrics_page_read(const char *path, uid_t uid, unsigned teller, struct metrics *into,
                      uint64_t *ret_resident) MUST_CHECK;

#endif
