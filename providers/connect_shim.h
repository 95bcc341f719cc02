/* libcurl 7.88 calls connect() on a descriptor it was given connected (fixed in 8.0.0). The
 * program's own connect() answers for marked descriptors and passes everything else to the kernel.
 * Works by symbol order: the executable comes before libc. Single-threaded. */
#ifndef CLOISTER_PROVIDERS_CONNECT_SHIM_H
#define CLOISTER_PROVIDERS_CONNECT_SHIM_H

#include "ipc/base.h"

/* The next connect() on `fd` answers 0 without a system call. */
void connect_shim_mark(int fd);
void connect_shim_unmark(int fd);

/* True when libcurl's connect() is ours. Without it no transfer could start: check at start-up. */
bool connect_shim_active(void);

#endif
