#include "ipc/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VALUE(N, value) value,
#define X(SET, label, TABLE)                                                                       \
    static const char *const SET##_values[] = {TABLE(VALUE)};                                      \
    static const char SET##_label[] = label;
METRIC_SETS(X)
#undef X

static const char *const OUTCOME_values[] = {
    "done",
#define FAILURE(code, status) #code,
#include "supervisor/failures.def"
#undef FAILURE
};
static const char OUTCOME_label[] = "outcome";

static const char *const ROUTE_values[] = {
#define ROUTE(METHOD, pattern, caller, right, where, body, handler, summary) #METHOD " " pattern,
#include "gateway/routes.def"
#undef ROUTE
    "none",
};
static const char ROUTE_label[] = "route";

static const char *const OPERATION_values[] = {
#define OPERATION(name, ...) #name,
#include "business/api/operations.def"
#undef OPERATION
    "none",
};
static const char OPERATION_label[] = "operation";

#define NONE_values NULL
#define NONE_label  NULL
#define SUPERVISOR  TELLER_SUPERVISOR
#define GATEWAY     TELLER_GATEWAY
#define KEYS        TELLER_KEYS
#define EGRESS      TELLER_EGRESS
#define BUSINESS    TELLER_BUSINESS
#define NOTIFY      TELLER_NOTIFY

static struct metric_row rows[METRIC_MAX] = {
#define METRIC(ID, TYPE, name, UNIT, tellers, A, B, help)                                          \
    [METRIC_##ID] = {"cloister_" name,                                                             \
                     help,                                                                         \
                     METRIC_##TYPE,                                                                \
                     UNIT_##UNIT,                                                                  \
                     tellers,                                                                      \
                     {A##_label, B##_label},                                                       \
                     {A##_values, B##_values},                                                     \
                     {A##_COUNT, B##_COUNT},                                                       \
                     0},
#include "ipc/metrics.def"
#undef METRIC
};

static const struct {
    uint64_t us;
    const char *text;
} buckets[] = {
#define X(us, text) {us, text},
    METRIC_BUCKETS(X)
#undef X
};

static size_t cells_of(const struct metric_row *row) {
    size_t each = row->type == METRIC_HISTOGRAM ? (size_t)HISTOGRAM_CELLS : 1;
    return each * row->count[0] * row->count[1];
}

/* The first cells follow from the table; they are filled in once. */
const struct metric_row *metric_row(enum metric metric) {
    if (rows[METRIC_MAX - 1].first == 0)
        for (size_t i = 1; i < METRIC_MAX; i++)
            rows[i].first = rows[i - 1].first + cells_of(&rows[i - 1]);
    return &rows[metric];
}

static bool in_range(const struct metric_row *row, unsigned a, unsigned b) {
    return a < row->count[0] && b < row->count[1];
}

/* Plain stores of whole words: another process may look at them meanwhile (metrics_page.h). */
static void cell_add(uint64_t *cell, uint64_t n) {
    __atomic_store_n(cell, *cell + n, __ATOMIC_RELAXED);
}

void metrics_add(struct metrics *metrics, enum metric metric, unsigned a, unsigned b, uint64_t n) {
    const struct metric_row *row = metric_row(metric);
    if (in_range(row, a, b))
        cell_add(&metrics->cells[row->first + a * row->count[1] + b], n);
}

void metrics_set(struct metrics *metrics, enum metric metric, unsigned a, uint64_t value) {
    const struct metric_row *row = metric_row(metric);
    if (in_range(row, a, 0))
        __atomic_store_n(&metrics->cells[row->first + a * row->count[1]], value, __ATOMIC_RELAXED);
}

void metrics_observe(struct metrics *metrics, enum metric metric, unsigned a, uint64_t us) {
    const struct metric_row *row = metric_row(metric);
    unsigned bucket = 0;
    if (row->type != METRIC_HISTOGRAM || !in_range(row, a, 0))
        return;
    while (bucket < BUCKETS && us > buckets[bucket].us)
        bucket++;
    uint64_t *cells = &metrics->cells[row->first + (size_t)a * HISTOGRAM_CELLS];
    cell_add(&cells[bucket], 1);
    cell_add(&cells[BUCKETS + 1], us);
}

uint64_t metrics_get(const struct metrics *metrics, enum metric metric, unsigned a, unsigned b) {
    const struct metric_row *row = metric_row(metric);
    if (!in_range(row, a, b))
        return 0;
    return metrics->cells[row->first + a * row->count[1] + b];
}

const char *metrics_bound(unsigned bucket) {
    return bucket < BUCKETS ? buckets[bucket].text : "+Inf";
}

/* ---- from one program to another ---- */

static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; text != NULL && *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3); /* FNV-1a */
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

uint64_t metrics_table(void) {
    static uint64_t table;
    if (table != 0)
        return table;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (unsigned i = 0; i < METRIC_MAX; i++) {
        const struct metric_row *row = metric_row(i);
        hash = hash_text(hash, row->name);
        for (unsigned k = 0; k < COUNT_OF(row->label); k++)
            for (unsigned v = 0; row->label[k] != NULL && v < row->count[k]; v++)
                hash = hash_text(hash, row->values[k][v]);
    }
    for (unsigned i = 0; i < BUCKETS; i++)
        hash = hash_text(hash, buckets[i].text);
    table = hash;
    return table;
}

size_t metrics_pack(const struct metrics *metrics, unsigned tellers, uint64_t *out) {
    size_t n = 0;
    for (unsigned i = 0; i < METRIC_MAX; i++) {
        const struct metric_row *row = metric_row(i);
        size_t cells = cells_of(row);
        if ((row->tellers & tellers) == 0)
            continue;
        memcpy(out + n, metrics->cells + row->first, cells * sizeof(*out));
        n += cells;
    }
    return n;
}

int metrics_merge(struct metrics *metrics, unsigned tellers, uint64_t table, const uint64_t *cells,
                  size_t n) {
    size_t wanted = 0;
    for (unsigned i = 0; i < METRIC_MAX; i++)
        if ((metric_row(i)->tellers & tellers) != 0)
            wanted += cells_of(metric_row(i));
    if (table != metrics_table() || n != wanted)
        return -EINVAL;
    for (unsigned i = 0; i < METRIC_MAX; i++) {
        const struct metric_row *row = metric_row(i);
        if ((row->tellers & tellers) == 0)
            continue;
        for (size_t c = 0; c < cells_of(row); c++)
            metrics->cells[row->first + c] += *cells++;
    }
    return 0;
}

/* ---- what several tell ---- */

uint64_t metrics_resident(pid_t pid) {
    char path[40], text[128];
    if (pid == 0)
        (void)snprintf(path, sizeof(path), "/proc/self/statm");
    else
        (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    ssize_t n = file_read(path, (uint8_t *)text, sizeof(text) - 1);
    uint64_t all, pages = 0;
    if (n < 0)
        return 0;
    text[n] = '\0';
    const char *second = number_read(text, &all);
    if (second == NULL || number_read(second, &pages) == NULL)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int metrics_outcome(const char *code) {
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (strcmp(OUTCOME_values[i], code) == 0)
            return i;
    return -1;
}
