/* Numbers as OpenMetrics 1.0 text, and the gateway's own part of them. Loop thread. */
#ifndef CLOISTER_GATEWAY_METRICS_H
#define CLOISTER_GATEWAY_METRICS_H

#include <event2/buffer.h>

#include "ipc/metrics.h"

struct gateway;
struct call;

#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Adds the whole exposition of the rows that one of `tellers` tells, up to "# EOF". Nothing is
 * shown as 0 when that may be somebody else's number; nor in tables of more than 64 fields, which
 * would be mostly nothing (all routes by all statuses). */
void metrics_text(struct evbuffer *out, const struct metrics *metrics, unsigned tellers);
/* The table as text for --print-metrics: name, type, unit, labels and help, a line each, separated
 * by tabs. */
void metrics_print(void);

/* STATUS of metrics_labels.h for an HTTP status. */
unsigned metrics_status(unsigned status);
/* Puts in what is looked at rather than counted: connections, memory, links. */
void metrics_look(struct gateway *gateway);

#endif
