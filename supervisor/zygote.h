/* The warm process that agents are cloned from: started, watched, and replaced with back-off when
 * it dies. Its agents are cloisterd's own children (CLONE_PARENT) and live on. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_ZYGOTE_H
#define CLOISTER_SUPERVISOR_ZYGOTE_H

#include <event2/event.h>
#include <sys/types.h>

#include "ipc/message.h"
#include "supervisor/events.h"
#include "supervisor/cgroup.h"

struct zygote;

struct zygote_ops {
    /* Its hello came: it can spawn. */
    void (*ready)(void *ctx);
    /* Answers zygote_spawn; `pidfd` is now the callee's, or -1 with an errno in `error`. */
    void (*spawned)(void *ctx, uint64_t spawn, pid_t pid, int pidfd, int error);
    /* It is gone, and with it every spawn that was not answered. */
    void (*lost)(void *ctx);
};

struct zygote_setup {
    const char *program; /* cloister-agent */
    const char *config;  /* absolute path of the configuration file */
    int log_fd;          /* becomes its fd 2; stays the caller's */
    int agents_dir_fd;   /* becomes its fd 4; stays the caller's */
    /* A wall is missing that the configuration does not accept: `why` is a sentence for the
     * operator. Another start will not help, but is tried all the same, later. May be NULL. */
    void (*refused)(void *ctx, const char *why);
    void *ctx;
    /* One that is older is ended while it owes nothing, and another started: all agents of one
     * zygote have its address-space layout, and who has learnt it should not have it for ever.
     * Agents live on; who wants a new one waits for as long as a start takes. 0: never. */
    uint64_t max_age_ms;
    struct cgroups *cgroups; /* each agent is born into one of its own; NULL: there are none */
    struct events *events;   /* told of its comings and goings; may be NULL */
};

/* Starts the first one at once; strings of `setup` must outlive it. `ops` may be set later with
 * zygote_watch. */
int zygote_new(struct event_base *base, const struct zygote_setup *setup,
               struct zygote **ret) MUST_CHECK;
void zygote_watch(struct zygote *zygote, const struct zygote_ops *ops, void *ctx);
/* Closes its channel, which ends it. */
void zygote_free(struct zygote *zygote);

bool zygote_ready(const struct zygote *zygote);
/* `log_fd` becomes the agent's fd 2, and stays the caller's. 0, -EAGAIN when there is none ready or
 * its channel is full (`ready` is called again), or -errno. */
int zygote_spawn(struct zygote *zygote, Cloister__Spawn *spawn, int log_fd) MUST_CHECK;

/* Its configuration has changed: another one is started in its place, as if for its age. From now
 * on nothing is spawned that would know the old one; agents that are there live on. */
void zygote_renew(struct zygote *zygote);
/* What agents are born into; NULL: they have no groups. */
const struct cgroups *zygote_cgroups(const struct zygote *zygote);
/* The agent of that spawn has ended (or was never asked for): its cgroup goes. */
void zygote_forget(struct zygote *zygote, uint64_t spawn);

/* It owes an answer for too long: replaces it, unless it has answered something meanwhile. */
void zygote_suspect(struct zygote *zygote);

/* For status. The walls are those of the last hello, NULL before the first one. */
struct zygote_status {
    pid_t pid;              /* 0: none */
    unsigned deaths;        /* those of old age do not count */
    uint64_t next_start_ms; /* until the next attempt, 0: running */
    const Cloister__ZygoteHello *hello;
    const char *cgroup; /* what bounds agents beside their limits; "" nothing */
};
void zygote_status(const struct zygote *zygote, struct zygote_status *ret);

#endif
