/* The warm process that agents are cloned from: started, watched, and replaced with back-off when
 * it dies. Its agents are cloisterd's own children (CLONE_PARENT) and live on. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_ZYGOTE_H
#define CLOISTER_SUPERVISOR_ZYGOTE_H

#include <event2/event.h>
#include <sys/types.h>

#include "ipc/message.h"

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
};

/* Starts the first one at once; strings of `setup` must outlive it. `ops` may be set later with
 * zygote_watch. */
int zygote_new(struct event_base *base, const struct zygote_setup *setup,
               struct zygote **ret) MUST_CHECK;
void zygote_watch(struct zygote *zygote, const struct zygote_ops *ops, void *ctx);
/* Closes its channel, which ends it. */
void zygote_free(struct zygote *zygote);

bool zygote_ready(const struct zygote *zygote);
/* 0, -EAGAIN when there is none ready or its channel is full (`ready` is called again), or -errno.
 */
int zygote_spawn(struct zygote *zygote, Cloister__Spawn *spawn) MUST_CHECK;

/* It owes an answer for too long: replaces it, unless it has answered something meanwhile. */
void zygote_suspect(struct zygote *zygote);

/* For status. The walls are those of the last hello, NULL before the first one. */
struct zygote_status {
    pid_t pid; /* 0: none */
    unsigned deaths;
    uint64_t next_start_ms; /* until the next attempt, 0: running */
    const Cloister__ZygoteHello *hello;
};
void zygote_status(const struct zygote *zygote, struct zygote_status *ret);

#endif
