/* Starting, stopping and burying programs. */
#include "deploy/launcher/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build_config.h"
#include "deploy/launcher/listeners.h"
#include "ipc/log.h"

#define STOP_MS       25000u /* cloisterd and the gateway drain for up to 20 s */
#define YOUNG_MS      5000u  /* dying younger than this counts as a failed start */
#define DELAY_BASE_MS 50u
#define DELAY_MAX_MS  5000u
#define PASSED_FIRST  3 /* sd_listen_fds(3): SD_LISTEN_FDS_START */
#define PASSED_MAX    (LISTENERS_MAX + FDSTORE_MAX)

#define PROGRAM(name_, file_, user_, instance_, folder_, folder_user_)                             \
    {.name = name_,                                                                                \
     .file = file_,                                                                                \
     .user = user_,                                                                                \
     .instance = instance_,                                                                        \
     .folder = folder_,                                                                            \
     .folder_user = folder_user_},
struct program programs[] = {
#include "deploy/programs.def"
};
#undef PROGRAM
const size_t program_count = COUNT_OF(programs);

struct program *program_named(const char *name) {
    for (size_t i = 0; i < program_count; i++)
        if (strcmp(programs[i].name, name) == 0)
            return &programs[i];
    return NULL;
}

struct program *program_of(pid_t pid) {
    for (size_t i = 0; i < program_count && pid > 0; i++)
        if (programs[i].pid == pid)
            return &programs[i];
    return NULL;
}

const char *program_state_name(enum program_state state) {
    switch (state) {
    case PROGRAM_DOWN:
        return "down";
    case PROGRAM_STARTING:
        return "starting";
    case PROGRAM_READY:
        return "ready";
    case PROGRAM_STOPPING:
        return "stopping";
    }
    return "";
}

/* ---- in the child ---- */

/* What it finds open: sockets that stay the launcher's, then what it stored before it ended. */
struct passed {
    int fds[PASSED_MAX];
    size_t n;
    char names[PASSED_MAX * (FDSTORE_NAME_MAX + 1)]; /* LISTEN_FDNAMES */
};

static void pass(struct passed *passed, int fd, const char *name) {
    size_t used = strlen(passed->names);
    if (fd < 0 || passed->n == COUNT_OF(passed->fds))
        return;
    (void)snprintf(passed->names + used, sizeof(passed->names) - used, "%s%s", used > 0 ? ":" : "",
                   name);
    passed->fds[passed->n++] = fd;
}

static void collect(const struct program *program, struct passed *passed) {
    struct listener found[LISTENERS_MAX];
    size_t n = listeners_of(program->name, found);
    for (size_t i = 0; i < n; i++)
        pass(passed, found[i].fd, found[i].name);
    for (size_t i = 0; i < program->store.n; i++)
        pass(passed, program->store.held[i].fd, program->store.held[i].name);
}

/* To PASSED_FIRST and on, nothing else stays. First out of the way, since numbers may cross. */
static int move_into_place(const struct passed *passed) {
    int aside[PASSED_MAX], keep[PASSED_MAX];
    for (size_t i = 0; i < passed->n; i++)
        if ((aside[i] = fcntl(passed->fds[i], F_DUPFD_CLOEXEC, PASSED_FIRST + PASSED_MAX)) < 0)
            return -errno;
    for (size_t i = 0; i < passed->n; i++) {
        keep[i] = PASSED_FIRST + (int)i;
        if (dup2(aside[i], keep[i]) < 0)
            return -errno;
    }
    return fds_close_except(keep, passed->n);
}

/* Only settings pass on; whatever else is in the operator's environment is not for these programs.
 * All is bound at the start: the loader saves every vector register on the stack when a library's
 * function is first called, and what was copied last may still be in one. */
static char **clean_environment(const struct program_world *world, const struct passed *passed) {
    static char *kept[256];
    size_t n = 0;
    kept[n++] = strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
    kept[n++] = strdup("LD_BIND_NOW=1");
    if (asprintf(&kept[n], "NOTIFY_SOCKET=%s", world->notify) > 0)
        n++;
    if (passed->n > 0 && asprintf(&kept[n], "LISTEN_PID=%d", (int)getpid()) > 0 &&
        asprintf(&kept[n + 1], "LISTEN_FDS=%zu", passed->n) > 0 &&
        asprintf(&kept[n + 2], "LISTEN_FDNAMES=%s", passed->names) > 0)
        n += 3;
    for (char **e = environ; *e != NULL && n + 1 < COUNT_OF(kept); e++)
        if (config_is_environment(*e) || strncmp(*e, "CLOISTER_DEBUG=", 15) == 0)
            kept[n++] = *e;
    kept[n] = NULL;
    return kept;
}

static void become(const char *name) {
    if (strcmp(name, "root") == 0)
        return;
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        fatal("there is no user %s; create it with 'useradd --system %s'", name, name);
    if (initgroups(name, user->pw_gid) < 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
        fatal("cannot become %s: %s", name, strerror(errno));
}

static NORETURN void run(const struct program *program, const struct program_world *world) {
    const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    static struct passed passed;
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    (void)setrlimit(RLIMIT_MEMLOCK, &unlimited); /* each locks its memory where there is swap */
    collect(program, &passed);
    become(program->user);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* after the uid change, which would clear it */
    if (move_into_place(&passed) < 0 || chdir("/") < 0)
        fatal("%s: cannot prepare: %s", program->name, strerror(errno));
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", world->program_dir, program->file);
    const char *args[] = {program->name, "--config", world->config_path, NULL, NULL, NULL};
    if (program->instance != NULL) {
        args[3] = "--instance";
        args[4] = program->instance;
    }
    (void)execve(path, (char *const *)(uintptr_t)args, clean_environment(world, &passed));
    fatal("cannot start %s: %s", path, strerror(errno));
}

/* ---- in the launcher ---- */

void program_start(struct program *program, const struct program_world *world) {
    listeners_open(program->name, world->config);
    pid_t pid = fork();
    if (pid == 0)
        run(program, world);
    program->started_ms = clock_ms();
    if (pid > 0) {
        program->pid = pid;
        program->state = PROGRAM_STARTING;
        program->starts++;
        log_info("started %s, pid %d", program->name, (int)pid);
        return;
    }
    log_error("cannot fork for %s: %s", program->name, strerror(errno));
    program->retry_ms = clock_ms() + DELAY_MAX_MS;
}

void program_stop(struct program *program) {
    if (program->pid == 0 || program->state == PROGRAM_STOPPING)
        return;
    program->state = PROGRAM_STOPPING;
    program->kill_ms = clock_ms() + STOP_MS;
    (void)kill(program->pid, SIGTERM);
}

static void bury(struct program *program, int status, bool stopping) {
    bool meant = stopping || program->held || program->state == PROGRAM_STOPPING;
    program->pid = 0;
    program->state = PROGRAM_DOWN;
    if (meant) {
        program->retry_ms = 0;
        return;
    }
    program->deaths = clock_ms() - program->started_ms < YOUNG_MS ? program->deaths + 1 : 0;
    uint64_t delay =
        program->deaths < 2 ? 0 : backoff_ms(program->deaths - 2, DELAY_BASE_MS, DELAY_MAX_MS);
    program->retry_ms = clock_ms() + delay;
    log_warn("%s ended (%s %d), death %u in a row; starting it again in %u ms", program->name,
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), program->deaths + 1,
             (unsigned)delay);
}

void programs_reap(bool stopping) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        struct program *program = program_of(pid);
        if (program != NULL)
            bury(program, status, stopping);
    }
}

static void sooner(int *wait, uint64_t at) {
    uint64_t now = clock_ms();
    int left = at > now ? (int)(at - now) : 0;
    if (*wait < 0 || left < *wait)
        *wait = left;
}

int programs_due(const struct program_world *world) {
    int wait = -1;
    for (size_t i = 0; i < program_count; i++) {
        struct program *program = &programs[i];
        if (program->pid == 0 && !program->held && clock_ms() >= program->retry_ms)
            program_start(program, world);
        if (program->state == PROGRAM_STOPPING && clock_ms() >= program->kill_ms) {
            log_warn("%s does not stop; killing it", program->name);
            (void)kill(program->pid, SIGKILL);
            program->kill_ms = clock_ms() + STOP_MS;
        }
        if (program->pid == 0 && !program->held)
            sooner(&wait, program->retry_ms);
        if (program->state == PROGRAM_STOPPING)
            sooner(&wait, program->kill_ms);
    }
    return wait;
}

void programs_signal(int number) {
    for (size_t i = 0; i < program_count; i++)
        if (programs[i].pid != 0)
            (void)kill(programs[i].pid, number);
}
