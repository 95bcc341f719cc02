/* Numbers for operators: one row of metrics.def each, labels from fixed tables (metrics_labels.h).
 * A program counts in a `struct metrics` of its own; what crosses between programs is its bare
 * cells, so nothing but numbers can, and each program is believed its own rows alone. Nothing here
 * logs or allocates. One thread at a time.
 *
 * Labels name routes, operations, outcomes and states of agents, so this is the one place where
 * ipc/ includes from folders that include it: their bare tables, and no function. */
#ifndef CLOISTER_IPC_METRICS_H
#define CLOISTER_IPC_METRICS_H

#include <sys/types.h>

#include "ipc/base.h"
#include "ipc/metrics_labels.h"
#include "supervisor/lifecycle.h"

enum metric_teller {
    TELLER_SUPERVISOR = 1 << 0,
    TELLER_GATEWAY = 1 << 1,
    TELLER_KEYS = 1 << 2,
    TELLER_EGRESS = 1 << 3,
    TELLER_BUSINESS = 1 << 4,
    TELLER_NOTIFY = 1 << 5,
};
enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum metric_unit { UNIT_NONE, UNIT_SECONDS, UNIT_BYTES };

enum metric {
#define METRIC(ID, ...) METRIC_##ID,
#include "ipc/metrics.def"
#undef METRIC
    METRIC_MAX
};

/* ---- the values of labels; each set ends in its COUNT ---- */
#define METRIC_SETS(X)                                                                             \
    X(PROGRAM, "program", METRIC_PROGRAMS)                                                         \
    X(PHASE, "phase", METRIC_PHASES)                                                               \
    X(KIND, "kind", METRIC_KINDS)                                                                  \
    X(DIRECTION, "direction", METRIC_DIRECTIONS)                                                   \
    X(PROVIDER, "provider", METRIC_PROVIDERS)                                                      \
    X(PROVIDER_ERROR, "kind", METRIC_PROVIDER_ERRORS)                                              \
    X(PROCESS, "process", METRIC_PROCESSES)                                                        \
    X(DEATH, "cause", METRIC_DEATHS)                                                               \
    X(REFUSAL, "reason", METRIC_REFUSALS)                                                          \
    X(KEY_ASK, "ask", METRIC_KEY_ASKS)                                                             \
    X(RESULT, "result", METRIC_RESULTS)                                                            \
    X(LIMIT, "limit", METRIC_LIMITS)                                                               \
    X(CALL_END, "end", METRIC_CALL_ENDS)                                                           \
    X(NOTICE, "kind", METRIC_NOTICES)                                                              \
    X(WAY, "way", METRIC_WAYS)                                                                     \
    X(STATUS, "status", METRIC_STATUSES)                                                           \
    X(AGENT_STATE, "state", AGENT_STATES)

#define METRIC_PROGRAM_V(N, v)        PROGRAM_##N,
#define METRIC_PHASE_V(N, v)          PHASE_OF_##N,
#define METRIC_KIND_V(N, v)           KIND_##N,
#define METRIC_DIRECTION_V(N, v)      DIRECTION_##N,
#define METRIC_PROVIDER_V(N, v)       PROVIDER_##N,
#define METRIC_PROVIDER_ERROR_V(N, v) PROVIDER_ERROR_##N,
#define METRIC_PROCESS_V(N, v)        PROCESS_##N,
#define METRIC_DEATH_V(N, v)          DEATH_##N,
#define METRIC_REFUSAL_V(N, v)        REFUSAL_##N,
#define METRIC_KEY_ASK_V(N, v)        ASK_##N,
#define METRIC_RESULT_V(N, v)         RESULT_##N,
#define METRIC_LIMIT_V(N, v)          LIMIT_##N,
#define METRIC_CALL_END_V(N, v)       CALL_END_##N,
#define METRIC_NOTICE_V(N, v)         NOTICE_##N,
#define METRIC_WAY_V(N, v)            WAY_##N,
#define METRIC_STATUS_V(N, v)         STATUS_##N,
#define METRIC_AGENT_STATE_V(N, v)    STATE_OF_##N,
#define X(SET, label, TABLE)          enum { TABLE(METRIC_##SET##_V) SET##_COUNT };
METRIC_SETS(X)
#undef X
enum {
    OUTCOME_done,
#define FAILURE(code, status) OUTCOME_##code,
#include "supervisor/failures.def"
#undef FAILURE
    OUTCOME_COUNT
};
/* The routes in their order in routes.def, then one for what has none. */
#define ROUTE(...) +1
enum {
    ROUTE_OF_NONE = 0
#include "gateway/routes.def"
    ,
    ROUTE_COUNT
};
#undef ROUTE
/* The operations of the business front door in their order in operations.def, then one for what is
 * none. */
#define OPERATION(...) +1
enum {
    OPERATION_OF_NONE = 0
#include "business/api/operations.def"
    ,
    OPERATION_COUNT
};
#undef OPERATION
enum { NONE_COUNT = 1 };

#define X(us, text) +1
enum { BUCKETS = 0 METRIC_BUCKETS(X), HISTOGRAM_CELLS = BUCKETS + 2 }; /* one above all, the sum */
#undef X

/* ---- cells ---- */
enum { CELLS_COUNTER = 1, CELLS_GAUGE = 1, CELLS_HISTOGRAM = HISTOGRAM_CELLS };
#define METRIC(ID, TYPE, name, UNIT, tellers, A, B, help) +CELLS_##TYPE *A##_COUNT *B##_COUNT
enum {
    METRICS_CELLS = 0
#include "ipc/metrics.def"
};
#undef METRIC

struct metrics {
    uint64_t cells[METRICS_CELLS];
};

struct metric_row {
    const char *name, *help;
    enum metric_type type;
    enum metric_unit unit;
    unsigned tellers;
    const char *label[2]; /* NULL: none */
    const char *const *values[2];
    unsigned count[2]; /* of values; 1 where there is no label */
    size_t first;      /* cell */
};
const struct metric_row *metric_row(enum metric metric);

/* `a` and `b` are values of the row's labels, 0 where it has none; what is out of range is not
 * counted. Seconds are given in microseconds. */
void metrics_add(struct metrics *metrics, enum metric metric, unsigned a, unsigned b, uint64_t n);
void metrics_set(struct metrics *metrics, enum metric metric, unsigned a, uint64_t value);
void metrics_observe(struct metrics *metrics, enum metric metric, unsigned a, uint64_t us);
uint64_t metrics_get(const struct metrics *metrics, enum metric metric, unsigned a, unsigned b);
/* The upper bound of a bucket as OpenMetrics writes it; "+Inf" for the last. */
const char *metrics_bound(unsigned bucket);

/* ---- from one program to another ---- */

/* Differs between programs whose tables differ: then cells mean something else. */
uint64_t metrics_table(void);
/* The cells of all rows that one of `tellers` tells, in order; returns how many. `out` holds
 * METRICS_CELLS. */
size_t metrics_pack(const struct metrics *metrics, unsigned tellers, uint64_t *out);
/* Adds packed cells of these tellers. -EINVAL: not that many, or another table. */
int metrics_merge(struct metrics *metrics, unsigned tellers, uint64_t table, const uint64_t *cells,
                  size_t n) MUST_CHECK;

/* ---- what several tell ---- */

/* Resident memory in bytes, 0 when it cannot be seen; `pid` 0: one's own. */
uint64_t metrics_resident(pid_t pid);
/* The value of OUTCOME; -1 when the code is not in failures.def. */
int metrics_outcome(const char *code);

#endif
