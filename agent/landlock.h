/* Landlock by raw system calls with our own constants: build headers lag behind kernels. Everything
 * the running kernel can handle is handled, so denied; only reading below one directory is allowed.
 */
#ifndef CLOISTER_AGENT_LANDLOCK_H
#define CLOISTER_AGENT_LANDLOCK_H

#include "ipc/base.h"

/* ABI version of the running kernel, 0 where there is no Landlock. */
int landlock_abi(void);
/* A ruleset that allows reading files beneath `dir` and nothing else. fd or -errno. */
int landlock_rules(int abi, const char *dir) MUST_CHECK;
/* Puts this thread (no_new_privs set) under the ruleset. 0 or -errno. */
int landlock_enter(int rules_fd) MUST_CHECK;

#endif
