#include "gateway/metrics.h"

#include <stdio.h>
#include <string.h>

#include "build_config.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"

#define TABLE_MOST 64 /* series of one metric that are shown though they are 0 */

static const char *const type_words[] = {"counter", "gauge", "histogram"};
static const char *const unit_words[] = {"", "seconds", "bytes"};

/* ---- text ---- */

/* {a="…",b="…",le="…"}, or nothing. No value needs escaping: they come from tables (ipc/metrics.c).
 */
static void add_labels(struct evbuffer *out, const struct metric_row *row, unsigned a, unsigned b,
                       const char *le) {
    const char *between = "{";
    const unsigned at[] = {a, b};
    for (size_t i = 0; i < COUNT_OF(row->label); i++)
        if (row->label[i] != NULL) {
            (void)evbuffer_add_printf(out, "%s%s=\"%s\"", between, row->label[i],
                                      row->values[i][at[i]]);
            between = ",";
        }
    if (le != NULL) {
        (void)evbuffer_add_printf(out, "%sle=\"%s\"", between, le);
        between = ",";
    }
    if (between[0] == ',')
        (void)evbuffer_add(out, "}", 1);
}

static void add_number(struct evbuffer *out, enum metric_unit unit, uint64_t value) {
    if (unit == UNIT_SECONDS)
        (void)evbuffer_add_printf(out, " %llu.%06llu\n", (unsigned long long)(value / 1000000),
                                  (unsigned long long)(value % 1000000));
    else
        (void)evbuffer_add_printf(out, " %llu\n", (unsigned long long)value);
}

static void add_sample(struct evbuffer *out, const struct metric_row *row, unsigned a, unsigned b,
                       uint64_t value) {
    (void)evbuffer_add_printf(out, "%s%s", row->name, row->type == METRIC_COUNTER ? "_total" : "");
    add_labels(out, row, a, b, NULL);
    add_number(out, row->unit, value);
}

static void add_histogram(struct evbuffer *out, const struct metric_row *row, unsigned a,
                          const uint64_t *cells) {
    uint64_t count = 0;
    for (unsigned i = 0; i <= BUCKETS; i++) {
        count += cells[i];
        (void)evbuffer_add_printf(out, "%s_bucket", row->name);
        add_labels(out, row, a, 0, metrics_bound(i));
        add_number(out, UNIT_NONE, count);
    }
    (void)evbuffer_add_printf(out, "%s_count", row->name);
    add_labels(out, row, a, 0, NULL);
    add_number(out, UNIT_NONE, count);
    (void)evbuffer_add_printf(out, "%s_sum", row->name);
    add_labels(out, row, a, 0, NULL);
    add_number(out, UNIT_SECONDS, cells[BUCKETS + 1]);
}

static void add_family(struct evbuffer *out, const struct metric_row *row,
                       const struct metrics *metrics, unsigned tellers) {
    const uint64_t *cells = &metrics->cells[row->first];
    bool zeros = row->count[0] * row->count[1] <= TABLE_MOST && (row->tellers & ~tellers) == 0;
    (void)evbuffer_add_printf(out, "# TYPE %s %s\n", row->name, type_words[row->type]);
    if (row->unit != UNIT_NONE)
        (void)evbuffer_add_printf(out, "# UNIT %s %s\n", row->name, unit_words[row->unit]);
    (void)evbuffer_add_printf(out, "# HELP %s %s\n", row->name, row->help);
    for (unsigned a = 0; a < row->count[0]; a++) {
        if (row->type == METRIC_HISTOGRAM)
            add_histogram(out, row, a, cells + (size_t)a * HISTOGRAM_CELLS);
        for (unsigned b = 0; row->type != METRIC_HISTOGRAM && b < row->count[1]; b++) {
            uint64_t value = cells[a * row->count[1] + b];
            if (value > 0 || zeros)
                add_sample(out, row, a, b, value);
        }
    }
}

void metrics_text(struct evbuffer *out, const struct metrics *metrics, unsigned tellers) {
    (void)evbuffer_add_printf(out, "# TYPE cloister_build info\n"
                                   "# HELP cloister_build What runs.\n"
                                   "cloister_build_info{version=\"" CLOISTER_VERSION "\"} 1\n");
    for (unsigned i = 0; i < METRIC_MAX; i++)
        if ((metric_row(i)->tellers & tellers) != 0)
            add_family(out, metric_row(i), metrics, tellers);
    (void)evbuffer_add_printf(out, "# EOF\n");
}

void metrics_print(void) {
    for (unsigned i = 0; i < METRIC_MAX; i++) {
        const struct metric_row *row = metric_row(i);
        printf("%s%s\t%s\t%s\t", row->name, row->type == METRIC_COUNTER ? "_total" : "",
               type_words[row->type], row->unit == UNIT_NONE ? "-" : unit_words[row->unit]);
        printf("%s%s%s\t%s\n", row->label[0] != NULL ? row->label[0] : "-",
               row->label[1] != NULL ? "," : "", row->label[1] != NULL ? row->label[1] : "",
               row->help);
    }
}

/* ---- the gateway's own ---- */

unsigned metrics_status(unsigned status) {
    char text[12];
    (void)snprintf(text, sizeof(text), "%u", status);
    const struct metric_row *row = metric_row(METRIC_HTTP_REQUESTS);
    if (status == 0)
        return STATUS_NONE;
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        if (strcmp(row->values[1][i], text) == 0)
            return i;
    return STATUS_OTHER;
}

void metrics_look(struct gateway *gateway) {
    struct metrics *own = &gateway->metrics;
    metrics_set(own, METRIC_HTTP_RUNNING, 0, gateway->calls);
    metrics_set(own, METRIC_HTTP_CONNECTIONS, 0, guard_connections(gateway->door));
    metrics_set(own, METRIC_STREAMS_OPEN, 0, gateway->streams_open);
    metrics_set(own, METRIC_SUPERVISOR_LINK, 0, upstream_connected(gateway->upstream));
    metrics_set(own, METRIC_ASKS, 0, upstream_open(gateway->upstream));
    if (gateway->frontends != NULL)
        metrics_set(own, METRIC_FRONTENDS, 0, frontends_count(gateway->frontends));
    metrics_set(own, METRIC_UP, PROGRAM_GATEWAY, 1);
    metrics_set(own, METRIC_RESIDENT, PROGRAM_GATEWAY, metrics_resident(0));
    metrics_set(own, METRIC_START_TIME, PROGRAM_GATEWAY, gateway->started_ms * 1000);
}
