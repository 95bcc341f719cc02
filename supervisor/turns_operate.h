/* The owner's side of turns.h: making the registry, draining it, and what operators see and do.
 * Loop thread. */
#ifndef CLOISTER_SUPERVISOR_TURNS_OPERATE_H
#define CLOISTER_SUPERVISOR_TURNS_OPERATE_H

#include "ipc/metrics.h"
#include "supervisor/events.h"
#include "supervisor/turns.h"
#include "supervisor/zygote.h"

/* A turn that ran and is over, whether anybody still listened to it or not. Valid during the call.
 */
struct turn_past {
    const char *id, *user, *origin; /* `user` is "" in a connect cell */
    const char *frontend;           /* whose user; "" when the turn was not told */
    const char *connection;         /* "": none */
    Cloister__TurnKind kind;
    int64_t began_ms; /* wall clock */
    uint64_t took_ms;
    const char *outcome;          /* "done", or a code of failures.def */
    const Cloister__Usage *usage; /* as the turn says; NULL: it ended without a word of it */
    const Cloister__Audit *audit; /* likewise */
};

/* What others want to know of; each may be NULL. */
struct turns_hooks {
    void (*zygote_ready)(void *ctx);
    void (*user_ended)(void *ctx, const char *user); /* turns_end_user was called */
    void *ctx;
    void (*turn_over)(void *past_ctx, const struct turn_past *past); /* after its last word */
    void *past_ctx;
};

struct turns_setup {
    const char *agents_dir; /* where the agents' sockets are; must outlive the registry */
    uid_t agent_uid;        /* that every agent must have */
    uint64_t max, idle_park_ms, turn_timeout_ms, notes_bytes; /* max: live processes */
    uint64_t full_wait_ms; /* how long a request may wait for room while all agents are busy */
    uint64_t full_waiting; /* how many agents may wait so */
    uint64_t rest_ms;      /* after an agent broke the protocol; 0: none */
    uint64_t watch_ms;     /* between looks at what agents compute (watch.h); 0: none */
    unsigned queued_per_user;
    uint64_t drain_ms; /* how long running turns may take when draining */
    struct turns_hooks hooks;
    struct events *events;   /* told of lives and turns; may be NULL */
    struct metrics *metrics; /* what happens is counted there; NULL: nowhere */
    unsigned model_provider; /* PROVIDER_… of metrics_labels.h, for the counting of its errors */
};

int turns_new(struct event_base *base, struct zygote *zygote, const struct turns_setup *setup,
              struct turns **ret) MUST_CHECK;
/* Kills and reaps what is left; no callback of a turn is called. */
void turns_free(struct turns *turns);

/* Refuses new turns, ends idle agents, lets running and queued turns finish for drain_ms, then ends
 * the rest. `drained` is called once nothing is left (a later call replaces it). */
void turns_drain(struct turns *turns, void (*drained)(void *ctx), void *ctx);
/* A drain that is under way takes no longer than `ms` from now. */
void turns_hurry(struct turns *turns, uint64_t ms);
/* Takes turns again. */
void turns_undrain(struct turns *turns);

/* Parks up to `most` of the longest idle agents; how many. For when memory is short. */
unsigned turns_relieve(struct turns *turns, unsigned most);
/* Starts no new agents, and says so to whoever needs one (503 "full"), until called with false. */
void turns_refuse(struct turns *turns, bool refuse);

struct turns_counters {
    uint64_t turns, failures, spawns, spawn_failures, breaches, lost, parked;
    uint64_t relieved;    /* parked because memory was short */
    uint64_t refused;     /* turns that were told "full" */
    uint64_t logs_closed; /* agents whose log pipe was closed because they flooded it */
    uint64_t runaways;    /* agents that were ended for what they took of the processors */
    uint64_t timeouts, computing, out_of_memory; /* turns that were ended for a limit of theirs */
};
struct turns_status {
    struct turns_counters counters;
    size_t starting, idle, busy, ending; /* agents by state */
    size_t waiting;                      /* of those starting: for room or the zygote */
    bool refusing;
    uint64_t spawn_p50_us, spawn_p99_us; /* of the last 512, 0 when there were none */
    bool draining;
    size_t queued; /* turns that wait for their agent */
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

/* Agents know a configuration that has changed: what runs ends as it began, every later turn has
 * an agent that knows the new one. */
void turns_renew(struct turns *turns, unsigned model_provider);

/* Other limits from now on: what runs and waits stays as it is. */
void turns_set_limits(struct turns *turns, uint64_t max, uint64_t idle_park_ms,
                      unsigned queued_per_user);

#endif
