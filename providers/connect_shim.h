/* Makes libcurl take descriptors that are connected already. 7.88 calls connect() on them
 * nonetheless (fixed in 8.0.0), and it keeps no connection for reuse whose getpeername() names no
 * address, as a local socket's does not. The program's own two functions answer for adopted
 * descriptors and pass everything else to the kernel. Works by symbol order: the executable comes
 * before libc. Single-threaded. */
#ifndef CLOISTER_PROVIDERS_CONNECT_SHIM_H
#define CLOISTER_PROVIDERS_CONNECT_SHIM_H

#include "ipc/base.h"

/* The next connect() on `fd` answers 0 without a system call; getpeername() then answers with the
 * address connect() was given. False when too many are adopted. */
bool connect_shim_adopt(int fd) MUST_CHECK;
/* Before the descriptor is closed. */
void connect_shim_forget(int fd);

/* True when libcurl's calls come here. Without it no transfer could start: check at start-up. */
bool connect_shim_active(void);

#endif
