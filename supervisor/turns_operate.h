/* The owner's side of turns.h: making the registry, draining it, and what operators see and do.
 * Loop thread. */
#ifndef CLOISTER_SUPERVISOR_TURNS_OPERATE_H
#define CLOISTER_SUPERVISOR_TURNS_OPERATE_H

#include "supervisor/turns.h"
#include "supervisor/zygote.h"

/* What others want to know of; both may be NULL. */
struct turns_hooks {
    void (*zygote_ready)(void *ctx);
    void (*user_ended)(void *ctx, const char *user); /* turns_end_user was called */
    void *ctx;
};

struct turns_setup {
    const char *agents_dir; /* where the agents' sockets are; must outlive the registry */
    uid_t agent_uid;        /* that every agent must have */
    uint64_t max, idle_park_ms, turn_timeout_ms, notes_bytes;
    unsigned queued_per_user;
    uint64_t drain_ms; /* how long running turns may take when draining */
    struct turns_hooks hooks;
};

int turns_new(struct event_base *base, struct zygote *zygote, const struct turns_setup *setup,
              struct turns **ret) MUST_CHECK;
/* Kills and reaps what is left; no callback of a turn is called. */
void turns_free(struct turns *turns);

/* Refuses new turns, ends idle agents, lets running and queued turns finish for drain_ms, then ends
 * the rest. `drained` is called once nothing is left (a later call replaces it). */
void turns_drain(struct turns *turns, void (*drained)(void *ctx), void *ctx);
/* Takes turns again. */
void turns_undrain(struct turns *turns);

struct turns_counters {
    uint64_t turns, failures, spawns, spawn_failures, breaches, lost, parked;
};
struct turns_status {
    struct turns_counters counters;
    size_t starting, idle, busy, ending;
    uint64_t spawn_p50_us, spawn_p99_us; /* of the last 512, 0 when there were none */
    bool draining;
};
void turns_status(const struct turns *turns, struct turns_status *ret);

/* One agent, never any content. Strings are valid during the call. */
struct agent_view {
    const char *user, *origin, *state;
    pid_t pid;        /* 0: none yet */
    int64_t since_ms; /* wall clock of its start */
    uint64_t idle_ms; /* 0 unless idle */
    uint64_t turns;
    unsigned queued;
};
/* Every agent, or those of one user (NULL: all). */
void turns_each(const struct turns *turns, const char *user,
                void (*each)(void *ctx, const struct agent_view *view), void *ctx);

/* How many agents the user has (-ENOENT: none) that are now ending or will be when they turn idle.
 */
int turns_park_user(struct turns *turns, const char *user);
int turns_stop_user(struct turns *turns, const char *user);

#endif
