/* One program that the launcher runs. Single thread. */
#ifndef CLOISTER_DEPLOY_LAUNCHER_PROGRAM_H
#define CLOISTER_DEPLOY_LAUNCHER_PROGRAM_H

#include "deploy/launcher/fdstore.h"
#include "ipc/config.h"

/* DOWN      no process; to be started at retry_ms, unless `held`
 * STARTING  runs, has not said READY=1        READY     has
 * STOPPING  was told to end; killed at kill_ms */
enum program_state { PROGRAM_DOWN, PROGRAM_STARTING, PROGRAM_READY, PROGRAM_STOPPING };

struct program {
    const char *name, *file, *user;
    const char *instance; /* --instance of it; NULL: none */
    const char *folder, *folder_user;
    enum program_state state;
    pid_t pid; /* 0: not running */
    uint64_t started_ms, retry_ms, kill_ms;
    unsigned deaths; /* in a row, each young */
    unsigned starts;
    bool held; /* a restart decides when it starts */
    struct fdstore store;
};

struct launcher; /* proc_launch.c */

/* The table of programs.def, in its order. */
extern struct program programs[];
extern const size_t program_count;

/* What every start needs. Valid for the life of the process. */
struct program_world {
    const struct config *config;
    const char *config_path, *program_dir;
    const char *notify; /* NOTIFY_SOCKET's value */
};

struct program *program_named(const char *name);
struct program *program_of(pid_t pid); /* NULL: none of ours */
const char *program_state_name(enum program_state state);

/* Starts it now. On failure it is DOWN and due again later. */
void program_start(struct program *program, const struct program_world *world);
/* SIGTERM, and SIGKILL after a while (programs_due). Nothing when it does not run. */
void program_stop(struct program *program);
/* Takes the ends of children; `stopping`: of all, so none is started again. */
void programs_reap(bool stopping);
/* Starts what is due, kills what does not stop; how long until the next is due, -1: nothing is. */
int programs_due(const struct program_world *world);
void programs_signal(int signal);

#endif
