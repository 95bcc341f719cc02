/* The daemons' system-call filter: a list of what is refused (EPERM), used by ipc/confine.c alone.
 */
#ifndef CLOISTER_IPC_CONFINE_FILTER_H
#define CLOISTER_IPC_CONFINE_FILTER_H

#include "ipc/confine.h"

/* Loads it for the calling thread; without CONFINE_MAY_EXEC no_new_privs must be set. 0 or -errno.
 */
int confine_filter_load(unsigned flags) MUST_CHECK;

#endif
