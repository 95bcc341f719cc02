/* What root may ask of the launcher on launch.sock in the runtime directory, one request a
 * connection (SOCK_SEQPACKET), in words:
 *
 *   list                           NAME PID STATE STARTS, a line each
 *   restart TIMEOUT_MS NAME...     "ok", or "failed NAME: why": stops these in the reverse order of
 *                                  programs.def, each once the one before has ended, then starts
 * them in order, each once the one before has said READY=1
 *
 * A restart is one at a time ("busy"). When it fails, the programs are left to be started again as
 * they are always. Its caller may go; it is finished all the same. */
#ifndef CLOISTER_DEPLOY_LAUNCHER_RESTART_H
#define CLOISTER_DEPLOY_LAUNCHER_RESTART_H

#include "deploy/launcher/program.h"

struct restart;

/* Whether another launcher listens there: two would take each other's sockets away. */
bool restart_is_served(const struct config *config);
/* Listens; 0 or -errno. */
int restart_new(const struct program_world *world, struct restart **ret) MUST_CHECK;
void restart_free(struct restart *restart);
/* To be polled for input. */
int restart_fd(const struct restart *restart);
void restart_accept(struct restart *restart);
/* Goes on with a restart that is under way; how long until it must be called again, -1: no
 * matter. After every change of a program. */
int restart_go_on(struct restart *restart);

#endif
