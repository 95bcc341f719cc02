/* Starting the agent program, and signalling and reaping by pidfd. Nothing here logs. */
#ifndef CLOISTER_SUPERVISOR_PROCESS_H
#define CLOISTER_SUPERVISOR_PROCESS_H

#include <sys/types.h>

#include "ipc/base.h"

/* posix_spawns `program --config config` with nothing but 0 and 1 = /dev/null, 2 = log, 3 =
 * channel, 4 = agents directory, default signals and only the CLOISTER_* settings that agents read
 * in its environment. The descriptors stay the caller's. 0 or -errno. */
int process_spawn_agent_program(const char *program, const char *config, int log_fd, int channel_fd,
                                int agents_dir_fd, pid_t *ret_pid, int *ret_pidfd) MUST_CHECK;

/* SIGKILL. 0, -ESRCH when it is reaped already, or -errno. */
int process_kill(int pidfd);
/* Reaps it when it has ended: true, with "exit status 1" or "killed by signal 9" in `how` (which
 * may be NULL). Also true when it was reaped elsewhere. Never blocks. */
bool process_reap(int pidfd, char *how, size_t how_len);
/* The same with the number of the signal as well; 0: it ended by itself, or nobody knows. */
bool process_reap_signal(int pidfd, char *how, size_t how_len, int *ret_signal);
/* Waits for the end of a process that was just killed. */
bool process_reap_now(int pidfd);
/* True while it has not ended. */
bool process_alive(int pidfd);
/* pidfd of a child of ours that has not been reaped. fd, or -errno; -ECHILD when it is no child. */
int process_adopt(pid_t pid) MUST_CHECK;

#endif
