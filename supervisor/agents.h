/* Inside of the turns module: the registry of agents and what each is doing. Included by agents.c,
 * spawn.c, lifecycle.c, queue.c, relay.c, relay_rules.c and operate.c only; everybody else uses
 * turns.h. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_AGENTS_H
#define CLOISTER_SUPERVISOR_AGENTS_H

#include <sys/queue.h>

#include "ipc/about.h"
#include "ipc/metrics.h"
#include "ipc/nng_end.h"
#include "supervisor/early.h"
#include "supervisor/hash.h"
#include "supervisor/lifecycle.h"
#include "supervisor/log_pipe.h"
#include "supervisor/proposals.h"
#include "supervisor/rest.h"
#include "supervisor/turns.h"
#include "supervisor/turns_operate.h"
#include "supervisor/watch.h"

#define ORIGIN_MAX 16
#define KEY_MAX                                                                                    \
    (ID_LEN + 1 + ORIGIN_MAX) /* "user:origin", in a connect cell "connection:origin"              \
                               */
#define SPAWN_WAIT_MS  5000
#define ZYGOTE_WAIT_MS 10000
#define PING_EVERY_MS  15000
#define PONG_WAIT_MS   5000
#define LAST_WORDS_MS  250
#define FALSE_STARTS   3 /* then its turns are told */
#define LATENCIES      512

TAILQ_HEAD(agent_list, agent);
TAILQ_HEAD(turn_list, turn);

struct turn {
    TAILQ_ENTRY(turn) queued;
    struct agent *agent;
    const struct turn_ops *ops; /* NULL: nobody listens any more, it only has to end */
    void *ctx;
    Cloister__Message *start;        /* until it runs */
    struct event *timer;             /* deadline, then the grace after a cancel */
    uint64_t deadline;               /* clock */
    uint64_t begun;                  /* clock, since it runs */
    uint64_t submitted_us, begun_us; /* monotonic */
    int64_t began_ms;                /* wall clock, likewise */
    uint64_t credit;                 /* bytes of text it may still send */
    uint64_t said;                   /* bytes of text so far */
    unsigned host_calls;             /* unanswered */
    unsigned host_calls_all;         /* so far */
    unsigned tools;                  /* notices of tools so far */
    Cloister__TurnKind kind;
    bool running, cancelled, timed_out, wrote;
    char id[ID_LEN + 1];
    char connection[ID_LEN + 1]; /* that it works on; "": none */
    char frontend[65];           /* whose user; "": not told */
    struct about about;          /* the request that it answers */
    size_t n_given;
    char given[PROPOSALS_PER_USER][ID_LEN + 1]; /* the proposals it may settle */
};

struct agent {
    TAILQ_ENTRY(agent) listed; /* on the list of its state, or among the graves */
    TAILQ_ENTRY(agent) wants;  /* while `wanting` */
    struct hash_node by_key, by_spawn;
    struct turns *turns;
    struct nng_end *end;
    struct log_pipe *log; /* what it and its turns write to their fd 2 */
    struct watched watched;
    struct event *timer, *exited;
    struct turn *running;
    struct turn_list queue;
    SLIST_HEAD(, end_note) notes;           /* who waits for its end */
    uint64_t spawn;                         /* number of the request to the zygote; 0: none */
    uint64_t started_ms, state_ms, ping_ms; /* clock; ping_ms: last ping, or its start */
    uint64_t begun_us;                      /* monotonic, of the spawn, for the latency in status */
    uint64_t ready_us;                      /* monotonic, since it takes turns */
    int64_t since_ms;                       /* wall clock of its start */
    uint64_t pings, pongs, turns_done;
    uint64_t oom_kills; /* of its control group, as far as they were counted */
    struct msg_peer peer;
    unsigned queue_len;
    unsigned false_starts; /* processes in a row that ended before they took a turn */
    enum agent_state state;
    int pidfd;
    pid_t pid, peer_pid;
    bool wanting; /* STARTING, and the zygote has not been asked yet */
    bool asked;   /* the zygote has not answered `spawn` yet */
    bool counted; /* in turns->live: there is or may be a process */
    bool reaped;  /* its process is gone, its last words may not be here yet */
    bool hello, park, dead;
    bool outdated;           /* its process knows a configuration that has changed */
    bool early;              /* begun before there is a turn for it */
    bool hung_up;            /* before it was reaped, and nobody had told it to */
    struct about hung_about; /* the turn that it left */
    char user[ID_LEN + 1], connection[ID_LEN + 1], origin[ORIGIN_MAX + 1];
    char key[KEY_MAX + 1], socket[ID_LEN + 1];
};

/* One call of turns_end_user, shared by the agents that it waits for; each has a note of it. */
struct turns_ended {
    void (*ended)(void *ctx);
    void *ctx;
    unsigned left;
};
struct end_note {
    SLIST_ENTRY(end_note) next;
    struct turns_ended *call;
};

struct turns {
    struct event_base *base;
    struct zygote *zygote;
    struct turns_setup setup;
    struct rest *rest;
    struct early *early;
    struct watch *watch; /* NULL: none */
    struct log_share log_share;
    struct hash by_key, by_spawn;
    struct agent_list lists[AGENT_STATE_MAX];
    size_t counts[AGENT_STATE_MAX];
    struct agent_list wanting;
    unsigned wanting_count;
    struct agent_list graves; /* unreachable, freed on the next round of the loop */
    struct event *burial, *strays, *drain_limit;
    void (*drained)(void *ctx);
    void *drained_ctx;
    uint64_t last_spawn;
    unsigned live;
    bool draining;
    bool spawning; /* in spawn_next, which what it does may call again */
    bool refusing; /* no new agents: the machine is short of memory */
    struct turns_counters counters;
    uint32_t latency_us[LATENCIES]; /* spawn asked to hello */
    uint64_t latencies;
};

/* ---- agents.c: the registry ---- */
struct agent *agent_find(struct turns *turns, const char *key_id, const char *origin);
/* New, STARTING, wanting a process; NULL when there is no memory. */
struct agent *agent_new(struct turns *turns, const char *user, const char *origin,
                        const char *connection);
/* Out of every list and table, freed on the next round. It has no process and no turns. */
void agent_bury(struct agent *agent);
/* Its process has been reaped: tells whoever waits for that (turns_end_user). */
void agent_tell_ended(struct agent *agent);
void agent_arm(struct agent *agent); /* its timer, as its state wants */
void set_timer(struct event *timer, uint64_t wait_ms);

/* ---- spawn.c: from a name to a process that answers ---- */
void spawn_want(struct agent *agent); /* join those that want a process */
void spawn_unwant(struct agent *agent);
void spawn_forget(struct agent *agent); /* close and forget what there was of a process */
void spawn_next(struct turns *turns);   /* ask for as many as room and zygote allow */
/* Whether one more may be started, or may wait for room: bounded. */
bool spawn_admits(const struct turns *turns);
bool spawn_full(const struct turns *turns); /* somebody waits, and for room alone */
void spawn_check_ready(struct agent *agent);
extern const struct nng_end_ops agent_end_ops;
int spawn_start(struct turns *turns); /* watches the zygote */

/* ---- lifecycle.c ---- */
void agent_change_state(struct agent *agent, enum agent_state state);
/* `why` is what its turns are told when the event ends them; may be NULL otherwise. */
void agent_event(struct agent *agent, enum agent_event event, const struct turn_failure *why);

/* ---- queue.c ---- */
void turn_begin(
    struct agent *agent); /* the first of its queue; BUSY afterwards, unless it failed */
/* Out of its agent and freed, then one of these is called (not when nobody listens). */
void turn_end_done(struct turn *turn, const Cloister__TurnDone *done);
void turn_end_error(struct turn *turn, const Cloister__TurnError *error);
void turn_end_failed(struct turn *turn, const struct turn_failure *failure);
void turn_free(struct turn *turn); /* that is on no list any more */
void agent_fail_queue(struct agent *agent, const struct turn_failure *why);
int agent_send(struct agent *agent, Cloister__Message *message) MUST_CHECK;

/* What the turn that runs there is called; empty for none. */
void agent_about(const struct agent *agent, struct about *ret);

/* ---- counts.c: for metrics.def; nothing is counted where setup.metrics is NULL ---- */
void count_ready(struct agent *agent, uint64_t took_us); /* its process answers */
void count_begun(struct turn *turn);                     /* it is with its agent */
void count_over(const struct turn *turn, const struct turn_past *past);
void count_refused(struct turns *turns, const char *code);
/* One of the agent's processes ended that nobody had told to, by `signal`, or by itself when that
 * is 0. Says whether that was for the memory of its control group. */
bool count_death(struct agent *agent, unsigned process, int signal);

/* ---- operate.c ---- */
struct agent *agent_longest_idle(struct turns *turns); /* that has nothing to do; NULL: none */
void turns_end_all(struct turns *turns, const struct turn_failure *why);

/* ---- relay.c ---- */
/* It did what no agent of ours does: said in the log, counted, ended; its user's next one rests. */
void agent_breach(struct agent *agent, const char *what);
/* The same for what it takes of the machine, with all its turns: those that wait would only start
 * it again. */
void agent_runs_away(struct agent *agent, const char *what);
void relay_message(struct agent *agent, const uint8_t *data, size_t len);

extern const struct turn_failure failure_lost, failure_not_started, failure_disconnected,
    failure_stopped, failure_resting, failure_runaway, failure_computing, failure_greedy,
    failure_timeout, failure_draining, failure_full, failure_busy, failure_memory;

#endif
