/* The commands that cloisterctl carries out by itself, by the table ctl_local.def. */
#ifndef CLOISTER_SUPERVISOR_CTL_LOCAL_H
#define CLOISTER_SUPERVISOR_CTL_LOCAL_H

#include "supervisor/ctl_frontend.h"

/* argv[0] is the command's name; `options` came before it. Returns the exit status (enum ctl_exit),
 * or ends the program on wrong usage. */
typedef int ctl_local(int argc, char **argv, struct ctl_options options);

#define LOCAL(name, ...) ctl_local ctl_##name;
#include "supervisor/ctl_local.def"

/* --config, --socket, --json and --help behind a local command's name; `once` and `every` may be
 * NULL when it takes no such option. argv is permuted: what is left starts at the index returned.
 */
int ctl_local_options(int argc, char **argv, struct ctl_options *options, bool *once,
                      unsigned *every);
/* For --help: everything there is. */
void ctl_print_help(void);

#endif
