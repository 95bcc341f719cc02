/* Sockets that the launcher opens for a program and keeps while that restarts, so that whoever
 * connects meanwhile waits in the backlog instead of being refused: what a .socket unit does. */
#ifndef CLOISTER_DEPLOY_LAUNCHER_LISTENERS_H
#define CLOISTER_DEPLOY_LAUNCHER_LISTENERS_H

#include "ipc/config.h"

#define LISTENERS_MAX 4 /* of one program */

struct listener {
    const char *name; /* as in LISTEN_FDNAMES */
    int fd;
};

/* Opens what is not open yet. What cannot be is logged; the program then tries itself, and says
 * what it thinks of it. */
void listeners_open(const char *program, const struct config *config);
/* The open ones of a program; how many. */
size_t listeners_of(const char *program, struct listener found[static LISTENERS_MAX]);

#endif
