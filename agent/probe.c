#include "agent/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "agent/attempts.h"
#include "agent/zygote.h"

#define EXIT_STOPPED 0
#define EXIT_THROUGH 1
#define EXIT_BROKEN  2

/* An agent's filter has no call that would tell its limits, so they are read before. */
static int raise_limits(const struct walls *walls, struct attempt_target *target) {
    struct rlimit core;
    int r = walls_capabilities();
    if (r == 0)
        r = walls_limits();
    if (r == 0)
        r = walls_forks(walls);
    if (r == 0 && getrlimit(RLIMIT_CORE, &core) < 0)
        r = -errno;
    if (r == 0)
        target->no_core = core.rlim_max == 0;
    return r;
}

static int raise_layers(struct walls *walls, unsigned layers, struct attempt_target *target) {
    int r = layers & PROBE_LIMITS ? raise_limits(walls, target) : 0;
    int keep[] = {walls->landlock_fd};
    if (r == 0 && (layers & PROBE_ALL) == PROBE_ALL)
        r = fds_close_except(keep, COUNT_OF(keep));
    if (r == 0 && (layers & PROBE_LANDLOCK))
        r = walls_landlock(walls);
    if (r == 0 && (layers & PROBE_SECCOMP))
        r = walls_filter(walls);
    if (r == 0 && (layers & PROBE_TURN))
        r = walls_turn(walls);
    return r;
}

static int outcome(int pidfd) {
    siginfo_t info = {0};
    int r;
    do
        r = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    if (info.si_code != CLD_EXITED)
        return info.si_status == SIGSYS ? 0 : -EIO; /* the filter ended it: stopped */
    if (info.si_status == EXIT_BROKEN)
        return -EPROTO;
    return info.si_status == EXIT_THROUGH ? 1 : 0;
}

static int attempt_run(struct walls *walls, const struct attempt *attempt, unsigned layers) {
    struct walls how = *walls;
    how.namespaces = walls->namespaces && (layers & PROBE_NAMESPACES) != 0;
    how.pid_namespace = walls->pid_namespace && (layers & PROBE_NAMESPACES) != 0;
    how.may_swap = true; /* which has an attempt of its own */
    struct attempt_target target = {.zygote = getpid(), .no_swap = walls->no_swap};
    SCOPE_FD int pidfd = -1;
    pid_t pid = zygote_clone(&how, false, &pidfd);
    if (pid < 0)
        return pid;
    if (pid == 0) {
        if (raise_layers(&how, layers, &target) < 0)
            _exit(EXIT_BROKEN);
        _exit(attempt->gets_through(&target) ? EXIT_THROUGH : EXIT_STOPPED);
    }
    return outcome(pidfd);
}

static void layer_add(struct probe_report *report, const char *name) {
    size_t used = strlen(report->layers);
    if (strstr(report->layers, name) == NULL)
        (void)snprintf(report->layers + used, sizeof(report->layers) - used, "%s%s",
                       used > 0 ? "+" : "", name);
}

/* Which layer, alone, stops this attempt? What nothing is needed for is stopped by what the zygote
 * itself has: its empty namespaces, no privilege, not being dumpable. */
static int attribute(struct walls *walls, const struct attempt *attempt,
                     struct probe_report *report) {
    static const struct {
        unsigned layer;
        const char *name;
    } layers[] = {{PROBE_NAMESPACES, "namespaces"},
                  {PROBE_LANDLOCK, "landlock"},
                  {PROBE_SECCOMP, "seccomp"},
                  {PROBE_LIMITS, "limits"}};
    int r = attempt_run(walls, attempt, 0);
    if (r == 0)
        layer_add(report, attempt->base);
    for (size_t i = 0; i < COUNT_OF(layers) && r >= 0; i++) {
        if ((layers[i].layer == PROBE_LANDLOCK && walls->landlock_fd < 0) ||
            (layers[i].layer == PROBE_SECCOMP && walls->no_filters) ||
            (layers[i].layer == PROBE_NAMESPACES && !walls->namespaces))
            continue;
        bool open_without = r == 1;
        int alone = attempt_run(walls, attempt, layers[i].layer);
        if (alone < 0)
            return alone;
        if (alone == 0 && (open_without || layers[i].layer == PROBE_SECCOMP))
            layer_add(report, layers[i].name);
    }
    return r < 0 ? r : 0;
}

static const char *base_of(const struct walls *walls, const struct attempt *attempt) {
    return walls->no_swap && strcmp(attempt->name, ATTEMPT_SWAP) == 0 ? "no swap" : attempt->base;
}

/* What the kernel allows an agent to be born with: all, a user namespace, or nothing. */
static int probe_birth(struct walls *walls) {
    for (;;) {
        SCOPE_FD int pidfd = -1;
        pid_t pid = zygote_clone(walls, false, &pidfd);
        if (pid == 0)
            _exit(EXIT_STOPPED);
        if (pid > 0)
            return outcome(pidfd);
        if (walls->pid_namespace)
            walls->pid_namespace = false;
        else if (walls->namespaces)
            walls->namespaces = false;
        else
            return pid;
    }
}

/* A kernel without seccomp is told by trying: it knows neither the call nor the operation. */
static int probe_filter(struct walls *walls) {
    if (walls->no_filters)
        return 0;
    SCOPE_FD int pidfd = -1;
    pid_t pid = zygote_clone(walls, false, &pidfd);
    if (pid < 0)
        return pid;
    if (pid == 0) {
        int r = walls_filter(walls);
        _exit(r == -ENOSYS || r == -EINVAL ? EXIT_THROUGH : EXIT_STOPPED);
    }
    int r = outcome(pidfd);
    walls->no_filters = r == 1;
    return r;
}

/* Its filters become quiet copies: free_quiet. */
static int make_quiet(struct walls *walls) {
    const struct filter agent = walls->agent, turn = walls->turn;
    walls->agent.code = walls->turn.code = NULL;
    int r = walls->no_filters ? 0 : filter_copy_quiet(&agent, &walls->agent);
    return r < 0 || walls->no_filters ? r : filter_copy_quiet(&turn, &walls->turn);
}

static void free_quiet(struct walls *walls) {
    free(walls->agent.code);
    free(walls->turn.code);
}

static int try_all(struct walls *walls, struct probe_report ret[static WALL_MAX]) {
    int r = 0;
    for (size_t i = 0; i < attempts_count; i++) {
        struct probe_report *report = &ret[attempts[i].property];
        unsigned layers = PROBE_ALL | (attempts[i].as_turn ? PROBE_TURN : 0u);
        r = attempt_run(walls, &attempts[i], layers);
        if (r < 0)
            return r;
        if (r == 1) {
            if (report->held)
                report->through = attempts[i].name;
            report->held = false;
            continue;
        }
        if (attempts[i].as_turn || attempts[i].whole) {
            layer_add(report, base_of(walls, &attempts[i]));
            continue;
        }
        r = attribute(walls, &attempts[i], report);
        if (r < 0)
            return r;
    }
    return 0;
}

int probe_walls(struct walls *walls, struct probe_report ret[static WALL_MAX]) {
    for (unsigned i = 0; i < WALL_MAX; i++)
        ret[i] = (struct probe_report){.held = true};
    int r = probe_birth(walls);
    if (r >= 0)
        r = probe_filter(walls);
    if (r < 0)
        return r;
    struct walls tried = *walls;
    r = make_quiet(&tried);
    if (r == 0)
        r = try_all(&tried, ret);
    free_quiet(&tried);
    return r;
}

int probe_attempt(struct walls *walls, unsigned index, unsigned layers, const char **ret_name,
                  enum wall_property *ret_property) {
    if (index >= attempts_count)
        return -ENOENT;
    *ret_name = attempts[index].name;
    *ret_property = attempts[index].property;
    struct walls tried = *walls;
    int r = make_quiet(&tried);
    if (r == 0)
        r = attempt_run(&tried, &attempts[index], layers);
    free_quiet(&tried);
    return r;
}
