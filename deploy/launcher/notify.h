/* The launcher's end of sd_notify(3): READY=1, STOPPING=1, FDSTORE=1 with FDNAME=, FDSTOREREMOVE=1.
 * The kernel's word on the sender's pid says which program speaks; others are not heard. */
#ifndef CLOISTER_DEPLOY_LAUNCHER_NOTIFY_H
#define CLOISTER_DEPLOY_LAUNCHER_NOTIFY_H

#include "ipc/base.h"

#define NOTIFY_ADDRESS_MAX 64

/* Makes the socket; `address` is what NOTIFY_SOCKET says. The descriptor or -errno. */
int notify_open(char address[static NOTIFY_ADDRESS_MAX]) MUST_CHECK;
/* Takes in all that waits. To be called before the senders' ends are looked at. */
void notify_read(int fd);

#endif
