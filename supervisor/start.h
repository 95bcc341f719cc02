/* What cloisterd does while it is still root: directories, the control socket, limits. Every
 * failure ends the process with a sentence. */
#ifndef CLOISTER_SUPERVISOR_START_H
#define CLOISTER_SUPERVISOR_START_H

#include "ipc/config.h"
#include "supervisor/control.h"

struct start_paths {
    char run[80], agents[96], gateway[108], gateway_public[108], business[108], control[108];
};

/* The kernel knows the calls without which no wall stands. */
void start_kernel(void);
/* Makes what is missing of the runtime directory (root only), checks the rest. */
void start_directories(const struct config *config, struct start_paths *ret);
/* The groups of [control]; an unknown operators' group is an error, root is an operator anyway. */
void start_groups(const struct config *config, struct ctl_groups *ret);
/* Says in the log where a control socket that systemd opened is other than [control] wants it. */
void start_tell_passed(int fd, const struct start_paths *paths, const struct ctl_groups *groups);
/* As many descriptors as agents may need. */
void start_limits(const struct config *config);
/* Opens the agents directory and removes sockets that a killed cloisterd left. As the final user.
 */
int start_agents_dir(const struct start_paths *paths);

#endif
