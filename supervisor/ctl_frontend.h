/* `cloisterctl frontend …`: the files of gateway.frontends_dir, worked on directly.
 * cloister-gateway sees a change within two seconds; no other program has to run. */
#ifndef CLOISTER_SUPERVISOR_CTL_FRONTEND_H
#define CLOISTER_SUPERVISOR_CTL_FRONTEND_H

#include "ipc/base.h"

struct ctl_options {
    const char *config; /* NULL: the usual place */
    const char *socket;
    bool json;
};

/* argv[0] is the word "frontend"; the options that came before it are in `options`. Returns the
 * exit status (enum ctl_exit), or exits itself on wrong usage. */
int ctl_frontend(int argc, char **argv, struct ctl_options options);
/* The lines for `cloisterctl --help`. */
void ctl_frontend_print_commands(void);

#endif
