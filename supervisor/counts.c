/* What happens to agents and turns, as numbers of metrics.def. */
#include <signal.h>
#include <string.h>

#include "supervisor/agents.h"

#define TOKENS_MOST UINT64_C(10000000) /* as records.c has it: more no honest turn can have */
#define COUNT_MOST  1000

static unsigned kind_of(Cloister__TurnKind kind) {
    switch (kind) {
    case CLOISTER__TURN_KIND__TURN_CHAT:
        return KIND_CHAT;
    case CLOISTER__TURN_KIND__TURN_CONNECT:
        return KIND_CONNECT;
    case CLOISTER__TURN_KIND__TURN_REVOKE:
        return KIND_REVOKE;
    case CLOISTER__TURN_KIND__TURN_MEMORY_LIST:
        return KIND_MEMORY_LIST;
    case CLOISTER__TURN_KIND__TURN_SIGN_IN:
        return KIND_SIGN_IN;
    case CLOISTER__TURN_KIND__TURN_DECIDE:
        return KIND_DECIDE;
    case CLOISTER__TURN_KIND__TURN_MEMORY_PUT:
        return KIND_MEMORY_PUT;
    case CLOISTER__TURN_KIND__TURN_FRONT:
        return KIND_FRONT;
    case _CLOISTER__TURN_KIND_IS_INT_SIZE:
        break;
    }
    return KIND_OTHER;
}

static bool converses(Cloister__TurnKind kind) {
    return kind == CLOISTER__TURN_KIND__TURN_CHAT || kind == CLOISTER__TURN_KIND__TURN_DECIDE;
}

void count_ready(struct agent *agent, uint64_t took_us) {
    agent->ready_us = clock_us();
    if (agent->turns->setup.metrics != NULL)
        metrics_observe(agent->turns->setup.metrics, METRIC_SPAWN_SECONDS, 0, took_us);
}

void count_begun(struct turn *turn) {
    struct agent *agent = turn->agent;
    struct metrics *metrics = agent->turns->setup.metrics;
    turn->begun_us = clock_us();
    if (metrics == NULL || !converses(turn->kind))
        return;
    bool woken = agent->ready_us > turn->submitted_us;
    uint64_t could_run = woken ? agent->ready_us : turn->submitted_us;
    metrics_observe(metrics, METRIC_TURN_SECONDS, PHASE_OF_QUEUED, turn->begun_us - could_run);
    if (!woken)
        return;
    metrics_observe(metrics, METRIC_TURN_SECONDS, PHASE_OF_WAKE,
                    agent->ready_us - turn->submitted_us);
    if (agent->turns_done == 1) /* the one that it was woken for */
        metrics_observe(metrics, METRIC_WAKE_SECONDS, 0, turn->begun_us - turn->submitted_us);
}

/* ---- its end ---- */

static void add(struct metrics *metrics, enum metric metric, unsigned a, uint64_t n,
                uint64_t most) {
    metrics_add(metrics, metric, a, 0, n < most ? n : most);
}

static void count_usage(struct metrics *metrics, const Cloister__Usage *usage) {
    add(metrics, METRIC_TOKENS, DIRECTION_INPUT, usage->input_tokens, TOKENS_MOST);
    add(metrics, METRIC_TOKENS, DIRECTION_OUTPUT, usage->output_tokens, TOKENS_MOST);
    add(metrics, METRIC_MODEL_CALLS, 0, usage->model_calls, COUNT_MOST);
    add(metrics, METRIC_TOOL_CALLS, 0, usage->tool_calls, COUNT_MOST);
}

/* No phase took longer than the whole; 0: the turn did not come to it. */
static void count_phase(struct metrics *metrics, unsigned phase, uint64_t us, uint64_t whole_us) {
    if (us > 0)
        metrics_observe(metrics, METRIC_TURN_SECONDS, phase, us < whole_us ? us : whole_us);
}

static void count_errors(struct metrics *metrics, const Cloister__Audit *audit,
                         unsigned model_provider) {
    for (size_t i = 0; i < audit->n_model_errors && i < PROVIDER_ERROR_COUNT; i++)
        metrics_add(metrics, METRIC_PROVIDER_ERRORS, model_provider, (unsigned)i,
                    audit->model_errors[i] < COUNT_MOST ? audit->model_errors[i] : COUNT_MOST);
    for (size_t i = 0; i < audit->n_google_errors && i < PROVIDER_ERROR_COUNT; i++)
        metrics_add(metrics, METRIC_PROVIDER_ERRORS, PROVIDER_GOOGLE, (unsigned)i,
                    audit->google_errors[i] < COUNT_MOST ? audit->google_errors[i] : COUNT_MOST);
}

void count_over(const struct turn *turn, const struct turn_past *past) {
    const struct turns *turns = turn->agent->turns;
    struct metrics *metrics = turns->setup.metrics;
    const Cloister__Audit *audit = past->audit;
    if (metrics == NULL)
        return;
    int outcome = metrics_outcome(past->outcome);
    metrics_add(metrics, METRIC_TURNS, kind_of(past->kind),
                outcome >= 0 ? (unsigned)outcome : OUTCOME_internal, 1);
    uint64_t whole = clock_us() - turn->begun_us;
    if (converses(past->kind))
        metrics_observe(metrics, METRIC_TURN_SECONDS, PHASE_OF_WHOLE, whole);
    if (past->usage != NULL)
        count_usage(metrics, past->usage);
    if (audit == NULL)
        return;
    add(metrics, METRIC_CALENDAR_READS, 0, audit->calendar_reads, COUNT_MOST);
    add(metrics, METRIC_CALENDAR_WRITES, 0, audit->calendar_writes, COUNT_MOST);
    add(metrics, METRIC_PROPOSALS, 0, audit->proposals, COUNT_MOST);
    count_errors(metrics, audit, turns->setup.model_provider);
    if (!converses(past->kind))
        return;
    count_phase(metrics, PHASE_OF_KEYS, audit->keys_us, whole);
    count_phase(metrics, PHASE_OF_CALENDAR, audit->calendar_us, whole);
    count_phase(metrics, PHASE_OF_MODEL_FIRST, audit->model_first_us, whole);
    count_phase(metrics, PHASE_OF_MODEL, audit->model_us, whole);
}

void count_refused(struct turns *turns, const char *code) {
    int outcome = metrics_outcome(code);
    if (turns->setup.metrics != NULL && outcome >= 0)
        metrics_add(turns->setup.metrics, METRIC_TURNS_REFUSED, (unsigned)outcome, 0, 1);
}

/* The kernel has ended one more process for the group's memory than was known. */
static bool ran_out(struct agent *agent) {
    const struct cgroups *cgroups = zygote_cgroups(agent->turns->zygote);
    uint64_t kills = 0;
    if (cgroups == NULL || cgroups_oom_kills(cgroups, agent->spawn, &kills) < 0 ||
        kills <= agent->oom_kills)
        return false;
    agent->oom_kills = kills;
    return true;
}

bool count_death(struct agent *agent, unsigned process, int signal) {
    struct turns *turns = agent->turns;
    bool memory = signal == SIGKILL && ran_out(agent);
    unsigned cause = signal == 0         ? DEATH_EXIT
                     : signal == SIGSYS  ? DEATH_SECCOMP
                     : signal == SIGXCPU ? DEATH_CPU
                     : memory            ? DEATH_MEMORY
                     : signal == SIGKILL ? DEATH_KILLED
                                         : DEATH_CRASH;
    turns->counters.out_of_memory += memory; /* its own word of that never comes: queue.c */
    if (turns->setup.metrics != NULL)
        metrics_add(turns->setup.metrics, METRIC_DEATHS, process, cause, 1);
    return memory;
}
