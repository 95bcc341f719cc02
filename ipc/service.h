/* What the service manager (systemd, or the launcher in its place) hears of a daemon: sd_notify(3).
 * Without $NOTIFY_SOCKET all of this does nothing. The watchdog is fed by a timer of the daemon's
 * own loop, so that a loop that no longer turns is noticed; never by a thread.
 *
 * Loop thread. */
#ifndef CLOISTER_IPC_SERVICE_H
#define CLOISTER_IPC_SERVICE_H

#include <event2/event.h>

#include "ipc/base.h"

struct service;

/* Begins to feed the watchdog, a third of WatchdogSec= apart, where the manager asks for it
 * (sd_watchdog_enabled). 0 or -ENOMEM. Free with service_free before the loop. */
int service_new(struct event_base *base, struct service **ret) MUST_CHECK;
void service_free(struct service *service);

/* READY=1, with a sentence for `systemctl status`. Also ends a reload. */
void service_ready(const char *status);
/* RELOADING=1; service_ready follows. */
void service_reloading(void);
/* STOPPING=1. The watchdog goes on being fed while the loop drains. */
void service_stopping(void);

/* ---- descriptors that outlive this process ---- */

/* One that the manager passed under `name` (a listener of a .socket unit, or one that this program
 * stored before); -1 when there is none, or when it was taken before. The caller owns it from now
 * on. Close-on-exec. */
int service_passed(const char *name) MUST_CHECK;
/* Gives `fd` to the manager to keep beyond this process (FDSTORE=1) in place of what it keeps under
 * that name, and waits until it has it. -ENOENT: there is no manager; -errno. */
int service_store(const char *name, int fd) MUST_CHECK;
/* The manager lets go of what it keeps under that name. */
void service_unstore(const char *name);

#endif
